//! The files of a store: who may open them, and how.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::options::MIN_BYTES;
use crate::schema::{self, Content};
use crate::seal::Sealer;
use crate::{StoreError, StoreOptions};

/// What the write-ahead log grows to before it is written back, in pages.
const CHECKPOINT_PAGES: u32 = 4_000;

/// An open database, whose key is right and whose layout is that of this build.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) connection: Connection,
    pub(crate) sealer: Sealer,
    /// In bytes.
    pub(crate) page: u64,
    /// Dropped last: then another may open it.
    pub(crate) lock: Lock,
}

impl Database {
    pub(crate) fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        if options.max_bytes < MIN_BYTES {
            return Err(StoreError::LimitTooSmall { min: MIN_BYTES });
        }
        let master = options.key.read()?;
        let path = resolve(&options.path, options.create)?;
        let lock = Lock::take(&path)?;
        private().create(true).open(&path).map_err(StoreError::io(&path))?;
        let (connection, content) = connect(&path)?;
        if content == Content::Nothing && !options.create {
            return Err(StoreError::Missing(path));
        }
        set_up(&connection, options)?;
        let sealer = if content == Content::Nothing {
            schema::create(&connection, master.as_ref())?
        } else {
            schema::version(&connection)?;
            let found: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Corrupt(found));
            }
            let mut sealer = schema::unlock(&connection, master.as_ref())?;
            schema::migrate(&connection, &mut sealer)?;
            sealer
        };
        let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let page = u64::from(page);
        let pages = i64::try_from(options.max_bytes / page.max(1)).unwrap_or(i64::MAX).min(u32::MAX.into());
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        Ok(Self { connection, sealer, page, lock })
    }
}

/// The one path of a store, whichever way leads to it.
fn resolve(path: &Path, create: bool) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(path) {
        Ok(found) => Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(name) = path.file_name().filter(|_| create) else { return Err(StoreError::Missing(path.into())) };
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(fs::canonicalize(directory).map_err(StoreError::io(directory))?.join(name))
        }
        Err(error) => Err(StoreError::Io(path.into(), error)),
    }
}

/// Files that are their owner's alone.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The lock of a store. It ends with the process, however that ends.
///
/// It is a file of its own, because closing any handle of the database's would end the locks that SQLite has on it.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    fn take(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        let file = private().create(true).truncate(false).open(&name).map_err(StoreError::io(&name))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.into())),
            Err(TryLockError::Error(error)) => Err(StoreError::Io(name, error)),
        }
    }
}

impl Drop for Lock {
    /// To close the file is not enough: a child that this process is just starting shares it until it runs its program.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Opens a database file, and changes nothing in it.
fn connect(path: &Path) -> Result<(Connection, Content), StoreError> {
    let opened = try_connect(path).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotAStore(path.into()),
        // Somebody has it open who knows nothing of the lock.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse(path.into()),
        _ => error.into(),
    })?;
    if opened.1 == Content::Other { Err(StoreError::NotAStore(path.into())) } else { Ok(opened) }
}

fn try_connect(path: &Path) -> rusqlite::Result<(Connection, Content)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    // Nobody else opens it, so the index of the write-ahead log need not be shared memory.
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let content = schema::content(&connection)?;
    Ok((connection, content))
}

fn set_up(connection: &Connection, options: &StoreOptions) -> Result<(), StoreError> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", options.synchronous.pragma())?;
    // Where fsync alone does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4096 * i64::from(CHECKPOINT_PAGES), |_| Ok(()))?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?; // in KiB
    Ok(())
}
