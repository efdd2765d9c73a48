use std::fmt;
use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::KeyError;

/// Why a store could not be opened, loaded, copied or given another key. Nothing in it is secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The key cannot be used.
    Key(KeyError),
    /// The store is sealed under another key.
    WrongKey,
    /// The store is sealed, and no key was given.
    Sealed,
    /// The store is not sealed, and a key was given. Open it without, or give it the key with
    /// [`Store::rekey`](crate::Store::rekey).
    NotSealed,
    /// Another process, or another part of this one, has the store open.
    InUse(PathBuf),
    /// There is no store, and none was to be made.
    Missing(PathBuf),
    /// The file is something else than a store.
    NotAStore(PathBuf),
    /// A later version of this crate has written the store.
    TooNew {
        /// The version of its schema.
        found: i64,
        /// The latest that this build knows.
        known: i64,
    },
    /// SQLite finds the file damaged, in its words. Go back to a backup.
    Corrupt(String),
    /// A row is not what was written: it was altered, taken from elsewhere, or is damaged. Go back to a backup.
    Altered {
        /// Its table.
        table: &'static str,
        /// Its key.
        row: i64,
    },
    /// `max_bytes` is below the least, in bytes.
    LimitTooSmall {
        /// The least.
        min: u64,
    },
    /// The target of a backup exists already.
    Exists(PathBuf),
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// The operating system gave no entropy, or no thread.
    System(io::Error),
    /// SQLite could not go on, in its words.
    Sqlite(String),
    /// The store is closed: its thread has ended.
    Closed,
}

impl StoreError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io(path, error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::WrongKey => f.write_str("the store is sealed under another key"),
            Self::Sealed => f.write_str("the store is sealed: it needs its key"),
            Self::NotSealed => f.write_str("the store is not sealed: open it as unencrypted, or rekey it"),
            Self::InUse(path) => write!(f, "{} is in use: a store has one process at a time", path.display()),
            Self::Missing(path) => write!(f, "there is no store at {}", path.display()),
            Self::NotAStore(path) => write!(f, "{} is not a store", path.display()),
            Self::TooNew { found, known } => {
                write!(f, "the store has schema version {found}, and this build knows up to {known}: use a later one")
            }
            Self::Corrupt(what) => write!(f, "the store is damaged ({what}): go back to a backup"),
            Self::Altered { table, row } => {
                write!(f, "row {row} of table {table} is not what was written: go back to a backup")
            }
            Self::LimitTooSmall { min } => write!(f, "the limit of a store is at least {min} bytes"),
            Self::Exists(path) => write!(f, "{} exists already", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::System(error) => write!(f, "the operating system refused: {error}"),
            Self::Sqlite(what) => write!(f, "SQLite could not go on: {what}"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Io(_, error) | Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            _ => Self::Sqlite(error.to_string()),
        }
    }
}

/// Why a batch was not committed. Its outcome is unknown (section 8, "Barrier"), but for [`CommitError::Full`],
/// [`CommitError::Halted`] and [`CommitError::Closed`]: then nothing of it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitError {
    /// The store has reached its limit, and the batch brings a message or an item. After a load, batches that bring none
    /// are committed; others again when there is room.
    Full,
    /// An earlier batch has failed, and the store has not been loaded since.
    Halted,
    /// It has an operation that this version does not know: it is older than the core.
    Unknown,
    /// SQLite has failed with this extended result code. A full disk is 13, an error of the disk 10 in the low byte.
    Sqlite(i32),
    /// The store is closed.
    Closed,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the store has reached its limit: raise it, or finish messages"),
            Self::Halted => f.write_str("an earlier batch has failed: load the store first"),
            Self::Unknown => f.write_str("the store is older than the core: it does not know an operation"),
            Self::Sqlite(code) if code & 0xff == 13 => f.write_str("the disk, or the reserve of the store, is full"),
            Self::Sqlite(code) => write!(f, "SQLite has failed with code {code}"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for CommitError {}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        Self::Sqlite(error.to_string())
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error.sqlite_error().map_or(rusqlite::ffi::SQLITE_ERROR, |error| error.extended_code))
    }
}
