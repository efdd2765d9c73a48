//! What somebody who reads or writes the file can see, and do.

use mfp_proto::store::StoreOp;
use mfp_store::{Key, Store, StoreError};
use rusqlite::Connection;

use crate::support::{Place, commit, everything, item, message};

/// Every text and secret of [`everything`].
const TOLD: [&[u8]; 10] = [
    b"a payload in plain words",
    b"what the peer has said",
    b"a letter that nobody reads",
    b"what the peer will hear",
    b"text/plain",
    b"alice",
    &[0xa1; 32],
    &[0xa2; 32],
    &[0x55; 32],
    &[0x51; 32],
];

fn shows(place: &Place) -> Vec<bool> {
    let bytes = place.bytes();
    TOLD.iter().map(|told| bytes.windows(told.len()).any(|now| now == *told)).collect()
}

#[test]
fn nothing_of_a_record_is_in_the_file_in_clear() {
    let mut place = Place::new();
    let store = place.open();
    commit(&store, everything()).unwrap();
    assert_eq!(shows(&place), [false; 10], "while it is open");
    store.close();
    assert_eq!(shows(&place), [false; 10]);

    place = Place::new();
    place.options.key = Key::Unencrypted;
    commit(&place.open(), everything()).unwrap();
    assert_eq!(shows(&place), [true; 10], "this test would see it");
}

/// A closed store with two messages and two items, changed by this.
fn changed(sql: &str) -> Result<(), StoreError> {
    let place = Place::new();
    let store = place.open();
    commit(&store, everything()).unwrap();
    commit(&store, vec![StoreOp::PutMessage(message(1, 9, b"one more")), StoreOp::PutOutbox(item(9, 9, b"one more"))])
        .unwrap();
    store.close();
    Connection::open(&place.options.path).unwrap().execute_batch(sql).unwrap();
    Store::open(&place.options).map(drop)
}

const TABLES: [&str; 9] =
    ["runtime", "agent", "channel", "message", "dead_letter", "peer", "session", "remote_channel", "outbox"];

#[test]
fn a_cell_opens_only_where_it_was_sealed() {
    changed("").unwrap();
    for table in ["message", "outbox"] {
        let swap = format!(
            "CREATE TEMP TABLE two AS SELECT k, cell FROM {table} ORDER BY k LIMIT 2;
             UPDATE {table} SET cell = (SELECT cell FROM two WHERE two.k <> {table}.k) WHERE k IN (SELECT k FROM two);"
        );
        let error = changed(&swap).unwrap_err();
        assert!(matches!(error, StoreError::Altered { table: of, .. } if of == table), "{error}");
    }
    for table in TABLES {
        let moved = format!("UPDATE {table} SET k = k + 1000 WHERE k = (SELECT max(k) FROM {table})");
        let flipped =
            format!("UPDATE {table} SET cell = CAST(substr(cell, 1, 30) || zeroblob(8) || substr(cell, 39) AS BLOB)");
        let short = format!("UPDATE {table} SET cell = substr(cell, 1, 39)");
        for sql in [moved, flipped, short, format!("UPDATE {table} SET cell = x''")] {
            let error = changed(&sql).unwrap_err();
            assert!(matches!(error, StoreError::Altered { table: of, .. } if of == table), "{sql}: {error}");
        }
    }
    let crossed = "UPDATE agent SET cell = (SELECT cell FROM session)";
    assert!(matches!(changed(crossed), Err(StoreError::Altered { table: "agent", .. })));
}

#[test]
fn a_cell_of_another_store_under_the_same_key_does_not_open() {
    let [here, there] = [Place::new(), Place::new()];
    for place in [&here, &there] {
        commit(&place.open(), everything()).unwrap();
    }
    let connection = Connection::open(&here.options.path).unwrap();
    connection.execute("ATTACH ?1 AS there", [there.options.path.to_str().unwrap()]).unwrap();
    connection.execute("UPDATE session SET cell = (SELECT cell FROM there.session)", ()).unwrap();
    drop(connection);
    let error = Store::open(&here.options).unwrap_err();
    assert!(matches!(error, StoreError::Altered { table: "session", .. }), "{error}");
}

#[test]
fn counters_out_of_their_range_and_foreign_objects_are_refused() {
    for sql in ["UPDATE message SET attempts = 65536", "UPDATE outbox SET n = x'01'", "UPDATE channel SET k = -1"] {
        assert!(matches!(changed(sql), Err(StoreError::Altered { .. })), "{sql}");
    }
    let trigger = "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM outbox; END";
    assert!(matches!(changed(trigger), Err(StoreError::NotAStore(_))));
    assert!(matches!(changed("DELETE FROM store"), Err(StoreError::Altered { table: "store", .. })));
    assert!(matches!(changed("DROP TABLE session"), Err(StoreError::Sqlite(_))));
}

#[test]
fn what_is_no_store_is_left_as_it_is() {
    let place = Place::new();
    for content in [b"not a database, but a text that is long enough ".repeat(40), vec![b'x'; 10]] {
        std::fs::write(&place.options.path, &content).unwrap();
        assert!(matches!(Store::open(&place.options), Err(StoreError::NotAStore(_))));
        assert_eq!(std::fs::read(&place.options.path).unwrap(), content);
    }
    std::fs::remove_file(&place.options.path).unwrap();
    Connection::open(&place.options.path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(Store::open(&place.options), Err(StoreError::NotAStore(_))));

    let mut absent = Place::new();
    absent.options.create = false;
    assert!(matches!(Store::open(&absent.options), Err(StoreError::Missing(_))));
    assert!(!absent.options.path.exists());
}

#[test]
fn a_damaged_file_is_refused() {
    let place = Place::new();
    let store = place.open();
    let many = (1..=200).map(|q| StoreOp::PutMessage(message(1, q, &[1; 500]))).collect();
    commit(&store, many).unwrap();
    store.close();
    let whole = std::fs::read(&place.options.path).unwrap();
    std::fs::write(&place.options.path, &whole[..whole.len() / 2]).unwrap();
    let error = Store::open(&place.options).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
}
