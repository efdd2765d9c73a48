//! A store that is full takes no message, and everything else.

use mfp_proto::store::StoreOp;
use mfp_store::{CommitError, Store, StoreError, Synchronous};

use crate::support::{Place, commit, item, message, peer};

const MAX: u64 = 512 * 1024;

#[test]
fn a_full_store_says_so_and_goes_on_when_there_is_room_again() {
    let mut place = Place::new();
    place.options.max_bytes = MAX;
    let mut store = place.open();
    for round in 0..3_u64 {
        let mut q = round * 1_000;
        let full = loop {
            q += 1;
            let room = store.stats().room();
            match commit(&store, vec![StoreOp::PutMessage(message(1, q, &[3; 3_000]))]) {
                Ok(()) => assert!(room > 0),
                Err(error) => break error,
            }
        };
        assert_eq!((full, store.stats().room()), (CommitError::Full, 0));
        // Until it is loaded, everything fails.
        let delete = StoreOp::DeleteMessage { channel: crate::support::channel(1), q: q - 1 };
        assert_eq!(commit(&store, vec![delete.clone()]), Err(CommitError::Halted));
        let held = store.load().unwrap().messages;
        assert!(held.len() > 90 && held.iter().all(|message| message.q < q), "{}", held.len());
        // What brings no message goes on.
        commit(&store, vec![delete]).unwrap();
        commit(&store, vec![StoreOp::SetAttempts { channel: crate::support::channel(1), q: q - 2, attempts: 9 }])
            .unwrap();
        if round == 1 {
            store.close();
            store = Store::open(&place.options).unwrap().0;
        }
        commit(&store, vec![StoreOp::DeleteChannel(crate::support::channel(1))]).unwrap();
        assert!(store.stats().room() > MAX / 2, "{:?}", store.stats());
    }
    let size = std::fs::metadata(&place.options.path).unwrap().len();
    assert!(size <= MAX, "{size}");
}

#[test]
fn one_batch_beyond_the_reserve_fails_whole() {
    let mut place = Place::new();
    place.options.max_bytes = MAX;
    let store = place.open();
    commit(&store, vec![StoreOp::PutOutbox(item(1, 1, b"first"))]).unwrap();
    let ops = (2..=60).map(|seq| StoreOp::PutOutbox(item(seq, seq, &[3; 16_000]))).collect();
    let error = commit(&store, ops).unwrap_err();
    assert!(matches!(error, CommitError::Sqlite(code) if code & 0xff == 13), "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(store.load().unwrap().outbox, [item(1, 1, b"first")]);
    commit(&store, vec![StoreOp::DeleteAcked { peer: peer(), up_to: 1 }]).unwrap();
    commit(&store, vec![StoreOp::PutOutbox(item(2, 2, b"second"))]).unwrap();
    assert_eq!(store.load().unwrap().outbox, [item(2, 2, b"second")]);
}

#[test]
fn those_before_the_batch_that_found_no_room_are_durable() {
    let mut place = Place::new();
    place.options.max_bytes = MAX;
    let store = place.open();
    let (told, results) = std::sync::mpsc::channel();
    for q in 1..=400 {
        let told = told.clone();
        store.submit(vec![StoreOp::PutMessage(message(1, q, &[3; 3_000]))], move |committed| {
            told.send((q, committed)).unwrap();
        });
    }
    let held = store.load().unwrap().messages.len() as u64;
    for (q, committed) in results.try_iter() {
        let expected = match q {
            _ if q <= held => Ok(()),
            _ if q == held + 1 => Err(CommitError::Full),
            _ => Err(CommitError::Halted),
        };
        assert_eq!(committed, expected, "{q} of {held}");
    }
    assert!((100..200).contains(&held), "{held}");
}

#[test]
fn a_limit_that_is_too_small_is_refused_and_a_lower_one_keeps_what_is_there() {
    let mut place = Place::new();
    place.options.max_bytes = 256 * 1024 - 1;
    assert!(matches!(Store::open(&place.options), Err(StoreError::LimitTooSmall { min: 262_144 })));
    place.options.max_bytes = 4 * MAX;
    place.options.synchronous = Synchronous::Normal;
    let store = place.open();
    let ops = (1..=300).map(|q| StoreOp::PutMessage(message(1, q, &[3; 3_000]))).collect();
    commit(&store, ops).unwrap();
    store.close();
    place.options.max_bytes = MAX;
    let (store, snapshot) = Store::open(&place.options).unwrap();
    assert_eq!((snapshot.messages.len(), store.stats().room()), (300, 0));
    assert_eq!(commit(&store, vec![StoreOp::PutMessage(message(1, 301, b"x"))]), Err(CommitError::Full));
    store.load().unwrap();
    commit(&store, vec![StoreOp::DeleteChannel(crate::support::channel(1))]).unwrap();
    commit(&store, vec![StoreOp::PutMessage(message(1, 301, b"x"))]).unwrap();
}
