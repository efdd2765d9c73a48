use std::iter;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::CommitError;
use crate::index::Row;
use crate::seal::{Place, Sealer};
use crate::table::Table;

/// The value of the column beside a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clear<'v> {
    /// There is no such column.
    None,
    /// A number; one above `i64::MAX` is stored as the negative of the same bits.
    Number(u64),
    /// Bytes, always as many: a row whose length stays is written where it is.
    Bytes(&'v [u8]),
}

impl ToSql for Clear<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::None => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(number.cast_signed()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Writes rows: cells are sealed here, on the way to the database.
#[derive(Debug)]
pub(crate) struct Rows<'c> {
    /// In the order of [`Table::ALL`], which is that of their numbers from 1.
    tables: Vec<Statements<'c>>,
    pub(crate) sealer: Sealer,
    /// The cell being written.
    cell: Vec<u8>,
    /// About how many bytes have been added since it was set to 0.
    pub(crate) added: u64,
}

#[derive(Debug)]
struct Statements<'c> {
    put: Statement<'c>,
    set: Option<Statement<'c>>,
    delete: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection, table: Table) -> rusqlite::Result<Self> {
        let name = table.name();
        let (put, set) = match table.clear_column() {
            None => (format!("INSERT OR REPLACE INTO {name} (k, cell) VALUES (?1, ?2)"), None),
            Some(clear) => (
                format!("INSERT OR REPLACE INTO {name} (k, {clear}, cell) VALUES (?1, ?2, ?3)"),
                Some(connection.prepare(&format!("UPDATE {name} SET {clear} = ?2 WHERE k = ?1"))?),
            ),
        };
        let delete = connection.prepare(&format!("DELETE FROM {name} WHERE k BETWEEN ?1 AND ?2"))?;
        Ok(Self { put: connection.prepare(&put)?, set, delete })
    }
}

/// What a row takes beside its cell, about.
const ROW: u64 = 24;
const PAGE: u64 = 4096;

impl<'c> Rows<'c> {
    pub(crate) fn new(connection: &'c Connection, sealer: Sealer) -> rusqlite::Result<Self> {
        let tables =
            Table::ALL.iter().map(|table| Statements::prepare(connection, *table)).collect::<Result<_, _>>()?;
        Ok(Self { tables, sealer, cell: Vec::new(), added: 0 })
    }

    /// Adds or replaces a row.
    pub(crate) fn put(
        &mut self,
        place: Place,
        clear: Clear<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), CommitError> {
        self.sealer.seal(place, &mut self.cell, write)?;
        let len = u64::try_from(self.cell.len()).unwrap_or(u64::MAX);
        // A large cell has pages of its own.
        let len = if len < PAGE / 4 { len } else { len.next_multiple_of(PAGE) };
        self.added = self.added.saturating_add(len.saturating_add(ROW));
        let Some(Statements { put, .. }) = table(&mut self.tables, place.table) else { return Err(MISUSE) };
        match clear {
            Clear::None => put.execute((place.row, &self.cell))?,
            clear => put.execute((place.row, clear, &self.cell))?,
        };
        Ok(())
    }

    /// Changes the column beside a cell.
    pub(crate) fn set(&mut self, place: Place, clear: Clear<'_>) -> Result<(), CommitError> {
        match table(&mut self.tables, place.table) {
            Some(Statements { set: Some(set), .. }) => set.execute((place.row, clear))?,
            _ => return Err(MISUSE),
        };
        Ok(())
    }

    pub(crate) fn delete(&mut self, place: Place) -> Result<(), CommitError> {
        let Some(Statements { delete, .. }) = table(&mut self.tables, place.table) else { return Err(MISUSE) };
        delete.execute((place.row, place.row))?;
        Ok(())
    }

    /// Deletes rows: those that follow each other, as messages and items mostly do, at a stroke.
    pub(crate) fn delete_all(&mut self, of: Table, rows: &mut Vec<Row>) -> Result<(), CommitError> {
        let Some(Statements { delete, .. }) = table(&mut self.tables, of) else { return Err(MISUSE) };
        rows.sort_unstable();
        for run in rows.chunk_by(|row, next| iter::once(*next).eq(row.checked_add(1))) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                delete.execute((first, last))?;
            }
        }
        rows.clear();
        Ok(())
    }
}

/// Only a mistake in this crate leads here.
const MISUSE: CommitError = CommitError::Sqlite(rusqlite::ffi::SQLITE_MISUSE);

fn table<'s, 'c>(tables: &'s mut [Statements<'c>], table: Table) -> Option<&'s mut Statements<'c>> {
    tables.get_mut(usize::from(table as u8).checked_sub(1)?)
}
