use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mfp_smol::mfp_proto::store::{Snapshot, StoreOp};
use mfp_smol::{BuildError, Event, MemoryStore, Notice, Runtime, SendError, Store};

use super::support::{echo, soon};

/// What a store does when it is told to.
#[derive(Debug, Default)]
struct Faults {
    /// Commits fail.
    fails: AtomicBool,
    /// The next commit panics.
    panics: AtomicBool,
    /// The next load panics.
    panics_at_load: AtomicBool,
    /// It panics when it is dropped.
    panics_at_drop: AtomicBool,
}

#[derive(Debug, Default)]
struct Faulty {
    store: MemoryStore,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl Store for Faulty {
    type Error = Broken;

    fn load(&mut self) -> Result<Snapshot, Broken> {
        assert!(!self.faults.panics_at_load.swap(false, Ordering::SeqCst), "panics on purpose");
        self.store.load().map_err(|_| Broken)
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Broken> {
        assert!(!self.faults.panics.swap(false, Ordering::SeqCst), "panics on purpose");
        if self.faults.fails.load(Ordering::SeqCst) { Err(Broken) } else { self.store.commit(ops).map_err(|_| Broken) }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        assert!(!self.faults.panics_at_drop.swap(false, Ordering::SeqCst), "panics on purpose");
    }
}

/// A runtime that loses a message when its store does that, and goes on.
async fn go_on_after(fault: impl Fn(&Faults), mend: impl Fn(&Faults)) {
    let store = Faulty::default();
    let faults = Arc::clone(&store.faults);
    let runtime = Runtime::builder().store(store).build().await.unwrap();
    let mut events = runtime.events();
    let bob = runtime.bind("bob", echo).await.unwrap();
    let (alice, mut inbox) = runtime.bind_stream("alice").await.unwrap();
    let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
    fault(&faults);
    assert_eq!(soon(alice.send(channel, "lost")).await, Err(SendError::Uncertain));
    mend(&faults);
    while !matches!(soon(events.recv()).await.unwrap(), Notice::Event(Event::Loaded { .. })) {}
    soon(alice.send(channel, "kept")).await.unwrap();
    let answer = soon(inbox.recv()).await.unwrap();
    assert_eq!(&*answer.payload, b"kept");
    answer.done();
    assert_eq!(soon(runtime.shutdown()).await, 0);
}

#[test]
fn a_failed_commit_is_told_and_service_goes_on() {
    let set = |to| move |faults: &Faults| faults.fails.store(to, Ordering::SeqCst);
    smol::block_on(go_on_after(set(true), set(false)));
}

#[test]
fn a_store_that_panics_has_failed() {
    smol::block_on(go_on_after(|faults| faults.panics.store(true, Ordering::SeqCst), |_| ()));
}

#[test]
fn a_load_that_panics_is_tried_again() {
    let fault = |faults: &Faults| {
        faults.fails.store(true, Ordering::SeqCst);
        faults.panics_at_load.store(true, Ordering::SeqCst);
    };
    smol::block_on(go_on_after(fault, |faults| faults.fails.store(false, Ordering::SeqCst)));
}

#[test]
fn a_store_that_cannot_be_read_is_an_error() {
    smol::block_on(async {
        let store = Faulty::default();
        store.faults.panics_at_load.store(true, Ordering::SeqCst);
        let built = soon(Runtime::builder().store(store).build()).await;
        assert!(matches!(built, Err(BuildError::Store(_))), "{built:?}");
    });
}

#[test]
fn a_store_that_panics_as_it_is_closed_does_not_hold_up_a_shutdown() {
    smol::block_on(async {
        let store = Faulty::default();
        let faults = Arc::clone(&store.faults);
        let runtime = Runtime::builder().store(store).build().await.unwrap();
        faults.panics_at_drop.store(true, Ordering::SeqCst);
        assert_eq!(soon(runtime.shutdown()).await, 0);
        assert!(!faults.panics_at_drop.load(Ordering::SeqCst));
    });
}
