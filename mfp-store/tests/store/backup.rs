use std::thread;

use mfp_proto::store::{MemoryStore, Store as _, StoreOp};
use mfp_store::{Store, StoreError};

use crate::support::{Place, commit, everything, key, message};

#[test]
fn a_backup_opens_with_the_same_key_and_holds_what_was_durable() {
    let place = Place::new();
    let store = place.open();
    commit(&store, everything()).unwrap();
    let copy = place.path("copy.db");
    store.backup(&copy).unwrap();
    let first = std::fs::read(&copy).unwrap();
    assert!(matches!(store.backup(&copy), Err(StoreError::Exists(_))));
    assert_eq!(std::fs::read(&copy).unwrap(), first, "nothing is replaced");
    assert!(matches!(store.backup(place.path("nowhere/copy.db")), Err(StoreError::Io(..))));
    assert!(!place.path("copy.db.partial").exists());

    commit(&store, vec![StoreOp::PutMessage(message(1, 7, b"after the copy"))]).unwrap();
    let mut options = place.options.clone();
    options.path.clone_from(&copy);
    options.create = false;
    let mut memory = MemoryStore::new();
    memory.commit(&everything()).unwrap();
    let (_copy, snapshot) = Store::open(&options).unwrap();
    assert_eq!(snapshot, memory.load().unwrap());
    options.key = key(8);
    options.path = place.path("store.db");
    drop(store);
    assert!(matches!(Store::open(&options), Err(StoreError::WrongKey)));
}

#[test]
fn commits_go_on_while_a_backup_is_made() {
    let place = Place::new();
    let store = place.open();
    let many = (1..=3_000).map(|q| StoreOp::PutMessage(message(1, q, &[1; 4_000]))).collect();
    commit(&store, many).unwrap();
    let copy = place.path("copy.db");
    thread::scope(|scope| {
        scope.spawn(|| store.backup(&copy).unwrap());
        for q in 1..=200 {
            commit(&store, vec![StoreOp::PutMessage(message(3, q, b"meanwhile"))]).unwrap();
        }
    });
    let mut options = place.options.clone();
    options.path = copy;
    let messages = Store::open(&options).unwrap().1.messages;
    let (old, new) = messages.split_at(3_000);
    assert!(old.iter().all(|message| message.payload.len() == 4_000));
    let expected: Vec<u64> = (1..).take(new.len()).collect();
    let found: Vec<u64> = new.iter().map(|message| message.q).collect();
    assert_eq!(found, expected, "every batch up to one, and none after it");
}
