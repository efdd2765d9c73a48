//! The layout of the database, and the way from earlier ones to it.

use mfp_proto::crypto::Secret;
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use crate::StoreError;
use crate::cell::COUNTS_LEN;
use crate::seal::{DatabaseId, Place, Sealer, random};
use crate::table::Table;

/// Says that a SQLite file is a store: "MFPS".
pub(crate) const APPLICATION_ID: i64 = 0x4d46_5053;

/// The version of the layout that this build writes.
pub(crate) const VERSION: i64 = 2;

const STORE: &str =
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), database BLOB NOT NULL, key_check BLOB) STRICT";

const KEY_CHECK: Place = Place { table: Table::KeyCheck, row: 1 };

fn definition(table: Table) -> String {
    let clear = match table {
        Table::Channel => "q INTEGER NOT NULL, ",
        Table::Message => "attempts INTEGER NOT NULL, ",
        Table::RemoteChannel => "counts BLOB NOT NULL, ",
        Table::Outbox => "n BLOB NOT NULL, ",
        _ => "",
    };
    format!("CREATE TABLE {} (k INTEGER PRIMARY KEY, {clear}cell BLOB NOT NULL) STRICT", table.name())
}

/// Lays out an empty database.
pub(crate) fn create(connection: &Connection, master: Option<&Secret>) -> Result<Sealer, StoreError> {
    let database: DatabaseId = random()?;
    let mut sealer = Sealer::new(master, database)?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(STORE, ())?;
    for table in Table::ALL {
        transaction.execute(&definition(table), ())?;
    }
    transaction.execute("INSERT INTO store (one, database) VALUES (1, ?1)", [&database[..]])?;
    write_key_check(&transaction, &mut sealer)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(sealer)
}

/// Writes by what the key will be known.
pub(crate) fn write_key_check(connection: &Connection, sealer: &mut Sealer) -> Result<(), StoreError> {
    let mut cell = Vec::new();
    if sealer.is_sealed() {
        sealer.seal(KEY_CHECK, &mut cell, |_| ())?;
    }
    let check = sealer.is_sealed().then_some(&cell);
    connection.execute("UPDATE store SET key_check = ?1", [check])?;
    Ok(())
}

/// Checks the key of a database that is laid out.
pub(crate) fn unlock(connection: &Connection, master: Option<&Secret>) -> Result<Sealer, StoreError> {
    let row = connection
        .query_row("SELECT database, key_check FROM store", (), |row| {
            Ok((row.get::<_, DatabaseId>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })
        .optional()?;
    let (database, check) = row.ok_or(KEY_CHECK.altered())?;
    let sealer = Sealer::new(master, database)?;
    match (check, sealer.is_sealed()) {
        (None, false) => Ok(sealer),
        (None, true) => Err(StoreError::NotSealed),
        (Some(_), false) => Err(StoreError::Sealed),
        (Some(check), true) => {
            sealer.open(KEY_CHECK, &check, &mut Vec::new()).map_err(|_| StoreError::WrongKey)?;
            Ok(sealer)
        }
    }
}

/// The version of a database, which this build can read.
pub(crate) fn version(connection: &Connection) -> Result<i64, StoreError> {
    match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
        version @ 1..=VERSION => Ok(version),
        version @ ..1 => Err(StoreError::Corrupt(format!("schema version {version}"))),
        found => Err(StoreError::TooNew { found, known: VERSION }),
    }
}

/// Brings a database of an earlier version to this one, in one transaction.
pub(crate) fn migrate(connection: &Connection, sealer: &mut Sealer) -> Result<(), StoreError> {
    let version = version(connection)?;
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    if version < 2 {
        move_counts(&transaction, sealer)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Version 1 had the counts of a channel to a peer at the end of its cell, so that each message wrote, and sealed, all of
/// it. Version 2 has them beside the cell.
fn move_counts(connection: &Connection, sealer: &mut Sealer) -> Result<(), StoreError> {
    let table = Table::RemoteChannel;
    connection.execute_batch("ALTER TABLE remote_channel RENAME TO remote_channel_1")?;
    connection.execute(&definition(table), ())?;
    let mut read = connection.prepare("SELECT k, cell FROM remote_channel_1")?;
    let mut write = connection.prepare("INSERT INTO remote_channel (k, counts, cell) VALUES (?1, ?2, ?3)")?;
    let (mut found, mut plain, mut sealed) = (read.query(())?, Zeroizing::new(Vec::new()), Vec::new());
    while let Some(columns) = found.next()? {
        let place = Place { table, row: columns.get(0)? };
        let before: Vec<u8> = columns.get(1)?;
        let before = sealer.open(place, &before, &mut plain)?;
        let (cell, counts) = before.split_last_chunk::<COUNTS_LEN>().ok_or(place.altered())?;
        sealer.seal(place, &mut sealed, |out| out.extend_from_slice(cell))?;
        write.execute((place.row, counts, &sealed))?;
    }
    drop(found);
    drop(read);
    connection.execute_batch("DROP TABLE remote_channel_1")?;
    Ok(())
}

/// What a database file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing yet.
    Nothing,
    /// A store.
    Store,
    /// Something else.
    Other,
}

pub(crate) fn content(connection: &Connection) -> rusqlite::Result<Content> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects = "SELECT count(*), count(*) FILTER (WHERE type <> 'table') FROM sqlite_schema";
    let (all, foreign): (u32, u32) = connection.query_row(objects, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match (application, all, foreign) {
        (0, 0, _) => Content::Nothing,
        // A store has tables alone. A trigger or a view was put there by somebody else.
        (APPLICATION_ID, 1.., 0) => Content::Store,
        _ => Content::Other,
    })
}
