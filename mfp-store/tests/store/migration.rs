use std::fs;

use mfp_proto::store::{MemoryStore, RemoteCounts, Store as _, StoreOp};
use mfp_store::{Store, StoreError};
use rusqlite::Connection;

use crate::support::{Place, channel, commit, everything, key};

const VERSION_1: &[u8] = include_bytes!("../fixtures/version-1.db");

fn version_1() -> Place {
    let place = Place::new();
    fs::write(&place.options.path, VERSION_1).unwrap();
    place
}

fn version(place: &Place) -> i64 {
    let connection = Connection::open(&place.options.path).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_version_1_goes_on_with_everything_that_it_had() {
    let place = version_1();
    assert_eq!(version(&place), 1);
    let mut memory = MemoryStore::new();
    memory.commit(&everything()).unwrap();
    let (store, snapshot) = Store::open(&place.options).unwrap();
    assert_eq!(snapshot, memory.load().unwrap());

    let counts = RemoteCounts { q: 70, sent: 60, received: 50, received_q: 40, done: 30 };
    let more = vec![StoreOp::SetRemoteCounts { channel: channel(2), counts }];
    memory.commit(&more).unwrap();
    commit(&store, more).unwrap();
    store.close();
    assert_eq!(version(&place), 2);
    assert_eq!(Store::open(&place.options).unwrap().1, memory.load().unwrap());
}

#[test]
fn a_wrong_key_migrates_nothing() {
    let place = version_1();
    assert!(matches!(Store::open(&place.with_key(key(8))), Err(StoreError::WrongKey)));
    assert_eq!(version(&place), 1);
    Store::open(&place.options).unwrap();
}

#[test]
fn a_migration_that_fails_leaves_the_earlier_version() {
    let place = version_1();
    let connection = Connection::open(&place.options.path).unwrap();
    connection.execute("UPDATE remote_channel SET cell = zeroblob(200)", ()).unwrap();
    drop(connection);
    let error = Store::open(&place.options).unwrap_err();
    assert!(matches!(error, StoreError::Altered { table: "remote_channel", .. }), "{error}");
    assert_eq!(version(&place), 1);
}

#[test]
fn a_later_version_is_left_alone() {
    let place = Place::new();
    drop(place.open());
    let connection = Connection::open(&place.options.path).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let error = Store::open(&place.options).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 3, known: 2 }), "{error}");
    assert_eq!(version(&place), 3);
}
