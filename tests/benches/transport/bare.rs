//! The rows of a durable link without the link: two databases, and nothing between them.

use std::path::Path;

use rusqlite::{Connection, params};

/// A database with the two tables that a message goes through.
fn open(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.pragma_update(None, "synchronous", "full").unwrap();
    let tables = "CREATE TABLE item (peer BLOB, seq INTEGER, body BLOB, PRIMARY KEY (peer, seq)) WITHOUT ROWID;
                  CREATE TABLE cursor (peer BLOB PRIMARY KEY, n INTEGER) WITHOUT ROWID;";
    database.execute_batch(tables).unwrap();
    database
}

/// Two databases, sender's and receiver's.
pub(crate) struct Bare {
    databases: [Connection; 2],
    next: i64,
}

impl Bare {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { databases: ["bare-near", "bare-far"].map(|name| open(&folder.join(name))), next: 1 }
    }

    /// Carries so many messages, `window` in each transaction: outbox, inbox, cursor, and what was done before goes.
    pub(crate) fn messages(&mut self, count: u32, window: u32, len: usize) {
        let (peer, body) = ([7_u8; 32], vec![0x5a_u8; len]);
        let mut left = count;
        while left > 0 {
            let some = window.min(left);
            let (from, to) = (self.next, self.next + i64::from(some));
            for database in &mut self.databases {
                let transaction = database.transaction().unwrap();
                let mut insert = transaction.prepare_cached("INSERT INTO item VALUES (?1, ?2, ?3)").unwrap();
                let mut delete = transaction.prepare_cached("DELETE FROM item WHERE peer = ?1 AND seq < ?2").unwrap();
                let mut cursor = transaction.prepare_cached("INSERT OR REPLACE INTO cursor VALUES (?1, ?2)").unwrap();
                for seq in from..to {
                    insert.execute(params![peer, seq, body]).unwrap();
                }
                delete.execute(params![peer, from]).unwrap();
                cursor.execute(params![peer, to]).unwrap();
                drop((insert, delete, cursor));
                transaction.commit().unwrap();
            }
            (self.next, left) = (to, left - some);
        }
    }
}
