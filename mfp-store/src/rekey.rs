use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use crate::file::Database;
use crate::index::Row;
use crate::schema::write_key_check;
use crate::seal::{Place, Sealer};
use crate::table::Table;
use crate::{Key, StoreError};

/// Seals every cell anew, in one transaction, and then clears the file of what was sealed under the old key.
pub(crate) fn rekey(database: &mut Database, new: &Key) -> Result<(), StoreError> {
    let master = new.read()?;
    let connection = &database.connection;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    let mut sealer = Sealer::new(master.as_ref(), database.sealer.database())?;
    let transaction = connection.unchecked_transaction()?;
    for table in Table::ALL {
        reseal(&transaction, table, &database.sealer, &mut sealer)?;
    }
    write_key_check(&transaction, &mut sealer)?;
    transaction.commit()?;
    // From here on the new key is the one. Old cells are left in free pages and in the write-ahead log.
    connection.execute_batch("VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    database.sealer = sealer;
    Ok(())
}

fn reseal(connection: &Connection, table: Table, old: &Sealer, new: &mut Sealer) -> Result<(), StoreError> {
    let name = table.name();
    let mut next = connection.prepare(&format!("SELECT k, cell FROM {name} WHERE k > ?1 ORDER BY k LIMIT 1"))?;
    let mut update = connection.prepare(&format!("UPDATE {name} SET cell = ?2 WHERE k = ?1"))?;
    let (mut last, mut plain, mut sealed) = (Row::MIN, Zeroizing::new(Vec::new()), Vec::new());
    while let Some((row, cell)) =
        next.query_row([last], |row| Ok((row.get::<_, Row>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?
    {
        let place = Place { table, row };
        let cell = old.open(place, &cell, &mut plain)?;
        new.seal(place, &mut sealed, |out| out.extend_from_slice(cell))?;
        update.execute((row, &sealed))?;
        last = row;
    }
    Ok(())
}
