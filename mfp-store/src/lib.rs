//! The durable store of a Mirror Frame Protocol runtime: SQLite, sealed at rest, with group commit.
//!
//! It keeps the contract of [`mfp_proto::store`]: batches of operations are committed in order, each whole or not at all,
//! and what is durable is loaded at start and after a failed commit. It decides nothing, and knows no executor: one thread
//! of its own owns the database, and tells by callbacks what has become of a batch. So a driver on any event loop, or on
//! threads, can use it.
//!
//! ```
//! use std::sync::mpsc;
//!
//! use mfp_proto::crypto::Secret;
//! use mfp_proto::id::StoreId;
//! use mfp_proto::store::{RuntimeRecord, StoreOp};
//! use mfp_store::{Key, Store, StoreOptions};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("runtime.db");
//! let options = StoreOptions::new(&path, Key::Bytes(Secret::from_bytes([7; 32]))); // in earnest: Key::File
//! let (store, snapshot) = Store::open(&options)?;
//! assert_eq!(snapshot.runtime, None);
//!
//! let record = RuntimeRecord { store_id: StoreId::from_bytes([1; 16]), agent_counter: 0 };
//! let (done, result) = mpsc::channel();
//! store.submit(vec![StoreOp::PutRuntime(record.clone())], move |committed| done.send(committed).unwrap());
//! result.recv()??;
//! store.close();
//!
//! let (_store, snapshot) = Store::open(&options)?;
//! assert_eq!(snapshot.runtime, Some(record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Durability
//! A callback with `Ok` means that the batch survives a crash of the process and, with [`Synchronous::Full`], of the
//! machine. While a commit runs, batches gather, and go together into the next one; so the more is under way, the less each
//! costs. A failed commit halts the store until it is loaded again (section 8 of the protocol, "Barrier").
//!
//! # What is sealed
//! Every record is, but for counters, under a key derived from the master key, the database and 24 random bytes for each
//! record. A record opens only in its database, its table and its row. In the clear are: how many rows each table has,
//! their sizes and order, attempts, the numbers of items, and how much each channel has carried. Whoever can write to the
//! file can still delete rows, and put an earlier state of a row or of the whole file in its place: peers notice the
//! latter by its cursors (section 9).
//!
//! # Bounds
//! [`StoreOptions::max_bytes`] bounds the file, and [`Stats::room`] tells a driver when to let its senders wait. Messages
//! are refused before the file is full, so that deletions always find room.

mod apply;
mod backup;
mod cell;
mod error;
mod file;
mod index;
mod key;
mod load;
mod options;
mod rekey;
mod rows;
mod schema;
mod seal;
mod stats;
mod store;
mod table;
mod writer;

pub use error::{CommitError, StoreError};
pub use key::{Key, KeyError, open_secret};
pub use options::{StoreOptions, Synchronous};
pub use stats::{COMMIT_BOUNDS, Stats};
pub use store::Store;
