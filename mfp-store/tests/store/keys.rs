//! What is taken as a key, and who may open what.

use std::fs::{self, Permissions};
use std::path::{Path, PathBuf};

use mfp_proto::crypto::Secret;
use mfp_proto::store::{MemoryStore, Store as _, StoreOp};
use mfp_store::{Key, KeyError, Store, StoreError};
use rusqlite::Connection;

use crate::support::{Place, channel, commit, everything, key, message};

/// A key file with this content, for its owner alone.
fn key_file(place: &Place, content: &[u8]) -> PathBuf {
    let path = place.path("key");
    fs::write(&path, content).unwrap();
    mode(&path, 0o600);
    path
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refused(place: &Place, content: &[u8]) -> KeyError {
    match Store::open(&place.with_key(Key::File(key_file(place, content)))) {
        Err(StoreError::Key(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_32_raw_bytes_or_64_digits_and_at_most_one_newline() {
    let place = Place::new();
    drop(place.open());
    let (digits, mixed) = ("07".repeat(32), "0A".repeat(16) + &"0a".repeat(16));
    for same in [vec![7; 32], digits.clone().into_bytes(), format!("{digits}\n").into_bytes()] {
        let options = place.with_key(Key::File(key_file(&place, &same)));
        Store::open(&options).unwrap();
    }
    let raw_newlines = place.with_key(Key::File(key_file(&place, &[b'\n'; 32])));
    assert!(matches!(Store::open(&raw_newlines), Err(StoreError::WrongKey)), "nothing is stripped from raw bytes");
    let upper = place.with_key(Key::File(key_file(&place, mixed.as_bytes())));
    assert!(matches!(Store::open(&upper), Err(StoreError::WrongKey)), "a key, and another one");
}

#[test]
fn what_is_no_key_is_refused_with_its_length_alone() {
    let place = Place::new();
    let digits = "5e".repeat(32);
    let wrong: [Vec<u8>; 9] = [
        vec![],
        vec![7; 31],
        vec![7; 33],
        vec![7; 64],
        digits.as_bytes()[..63].to_vec(),
        format!("{digits}\n\n").into_bytes(),
        format!("{digits}\r\n").into_bytes(),
        format!(" {digits}").into_bytes(),
        vec![b'1'; 1_000],
    ];
    for content in wrong {
        let error = refused(&place, &content);
        assert!(matches!(error, KeyError::Format { len } if len == content.len() as u64), "{error}");
        assert!(!format!("{error} {error:?}").contains("5e5e"), "{error}");
    }
    assert!(matches!(refused(&place, &[0; 32]), KeyError::Zero));
    assert!(matches!(refused(&place, &[b'0'; 64]), KeyError::Zero));
    let zero = place.with_key(Key::Bytes(Secret::from_bytes([0; 32])));
    assert!(matches!(Store::open(&zero), Err(StoreError::Key(KeyError::Zero))));
    let missing = place.with_key(Key::File(place.path("nowhere")));
    assert!(matches!(Store::open(&missing), Err(StoreError::Key(KeyError::Unreadable(_)))));
    let directory = place.with_key(Key::File(place.path("")));
    assert!(matches!(Store::open(&directory), Err(StoreError::Key(_))));
    assert!(!place.options.path.exists(), "no store was begun");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused() {
    let place = Place::new();
    let path = key_file(&place, &[7; 32]);
    for exposed in [0o640, 0o604, 0o620, 0o601, 0o666] {
        mode(&path, exposed);
        let error = Store::open(&place.with_key(Key::File(path.clone()))).unwrap_err();
        assert!(matches!(error, StoreError::Key(KeyError::Exposed { mode }) if mode == exposed), "{error}");
    }
    mode(&path, 0o400);
    Store::open(&place.with_key(Key::File(path))).unwrap();
}

#[cfg(unix)]
#[test]
fn the_files_of_a_store_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = place.open();
    commit(&store, everything()).unwrap();
    store.backup(place.path("copy.db")).unwrap();
    for name in ["store.db", "store.db-wal", "store.db.lock", "copy.db"] {
        let mode = fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_store_opens_only_as_what_it_is() {
    let place = Place::new();
    commit(&place.open(), everything()).unwrap();
    assert!(matches!(Store::open(&place.with_key(key(8))), Err(StoreError::WrongKey)));
    assert!(matches!(Store::open(&place.with_key(Key::Unencrypted)), Err(StoreError::Sealed)));

    let mut open = Place::new();
    open.options.key = Key::Unencrypted;
    commit(&open.open(), everything()).unwrap();
    assert!(matches!(Store::open(&open.with_key(key(7))), Err(StoreError::NotSealed)));
    assert_eq!(Store::open(&open.options).unwrap().1, Store::open(&place.options).unwrap().1);
}

/// Every cell of messages and items, as it is in the file.
fn cells(place: &Place) -> Vec<Vec<u8>> {
    let connection = Connection::open(&place.options.path).unwrap();
    let mut cells = connection.prepare("SELECT cell FROM message UNION ALL SELECT cell FROM outbox").unwrap();
    cells.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn rekey_leaves_everything_and_the_old_key_opens_nothing() {
    let place = Place::new();
    commit(&place.open(), everything()).unwrap();
    let passing = (1..=300).map(|q| StoreOp::PutMessage(message(5, q, &[1; 500]))).collect();
    commit(&place.open(), passing).unwrap();
    let mut memory = MemoryStore::new();
    memory.commit(&everything()).unwrap();
    let expected = memory.load().unwrap();

    let path = &place.options.path;
    let before = cells(&place);
    // Some of them go to free pages.
    commit(&place.open(), vec![StoreOp::DeleteChannel(channel(5))]).unwrap();
    let left = |place: &Place| {
        let bytes = place.bytes();
        before.iter().filter(|cell| bytes.windows(40).any(|now| now == &cell[cell.len() - 40..])).count()
    };
    assert!(left(&place) > 200, "this test would see them: {}", left(&place));
    assert!(matches!(Store::rekey(path, key(8), &key(9)), Err(StoreError::WrongKey)));
    assert!(matches!(Store::rekey(path, Key::Unencrypted, &key(9)), Err(StoreError::Sealed)));
    let store = place.open();
    assert!(matches!(Store::rekey(path, key(7), &key(8)), Err(StoreError::InUse(_))));
    drop(store);

    Store::rekey(path, key(7), &key(8)).unwrap();
    assert!(matches!(Store::open(&place.options), Err(StoreError::WrongKey)));
    assert_eq!(Store::open(&place.with_key(key(8))).unwrap().1, expected);
    assert_eq!(left(&place), 0, "what was sealed under the old key");

    Store::rekey(path, key(8), &Key::Unencrypted).unwrap();
    assert_eq!(Store::open(&place.with_key(Key::Unencrypted)).unwrap().1, expected);
    Store::rekey(path, Key::Unencrypted, &key(7)).unwrap();
    assert_eq!(Store::open(&place.options).unwrap().1, expected);
    let bytes = place.bytes();
    assert!(!bytes.windows(16).any(|now| now == &b"a payload in plain words"[..16]), "no clear copy is left");
    let missing = Store::rekey(place.path("nowhere.db"), key(7), &key(8));
    assert!(matches!(missing, Err(StoreError::Missing(_))));
}

#[test]
fn nothing_shows_a_key() {
    let place = Place::new();
    let options = place.with_key(Key::Bytes(Secret::from_bytes([0xab; 32])));
    let (store, _) = Store::open(&options).unwrap();
    let shown = format!("{options:?} {store:?}");
    assert!(shown.contains("redacted"), "{shown}");
    for part in ["171, 171", "abab", "ab, ab"] {
        assert!(!shown.contains(part), "{shown}");
    }
}
