use std::path::PathBuf;

use crate::Key;

/// The smallest `max_bytes`: 256 KiB.
pub(crate) const MIN_BYTES: u64 = 256 * 1024;

/// How a store is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// The database file. Beside it live `<path>-wal` while the store is open, and `<path>.lock`, an empty file that stays.
    pub path: PathBuf,
    /// What the store is sealed under.
    pub key: Key,
    /// When a commit counts as durable. Default: [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// The most that the database file may grow to, in bytes; at least 256 KiB. Default: 4 GiB.
    ///
    /// An eighth of it is a reserve: messages and items are taken up to seven eighths
    /// ([`Stats::limit`](crate::Stats::limit)), and everything else, such as deletions, cursors and dead letters, goes on
    /// beyond. The write-ahead log comes on top: about 16 MiB, or the largest transaction where that is more. So keep
    /// that much of the disk free beside `max_bytes`.
    pub max_bytes: u64,
    /// Whether a store is made where there is none. Default: true. A runtime that must not begin anew, because its
    /// peers would see that it has lost its state, says false.
    pub create: bool,
}

impl StoreOptions {
    /// The defaults, for the database file `path` under `key`.
    pub fn new(path: impl Into<PathBuf>, key: Key) -> Self {
        Self {
            path: path.into(),
            key,
            synchronous: Synchronous::default(),
            max_bytes: 4 * 1024 * 1024 * 1024,
            create: true,
        }
    }
}

/// What a commit waits for. Whatever is chosen, a crash of the process alone loses nothing, and a transaction is never
/// seen in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Every commit waits until the disk has it: the only setting in which an ack outlives a power cut, as section 8 of
    /// the protocol asks.
    #[default]
    Full,
    /// A power cut may undo the last commits. Peers then see a rollback, and suspend.
    Normal,
    /// Nothing waits for the disk; a power cut may also leave the file unreadable. For tests, and for stores that die with
    /// the machine anyway.
    Off,
}

impl Synchronous {
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}
