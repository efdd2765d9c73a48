use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mfp_smol::mfp_proto::store::{Snapshot, StoreOp};
use mfp_smol::{Event, MemoryStore, Notice, Runtime, SendError, Store};

use super::support::{echo, soon};

/// A store that fails while it is told to.
#[derive(Debug, Default)]
struct Fails {
    store: MemoryStore,
    now: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl Store for Fails {
    type Error = Broken;

    fn load(&mut self) -> Result<Snapshot, Broken> {
        self.store.load().map_err(|_| Broken)
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Broken> {
        if self.now.load(Ordering::Relaxed) { Err(Broken) } else { self.store.commit(ops).map_err(|_| Broken) }
    }
}

#[test]
fn a_failed_commit_is_told_and_service_goes_on() {
    smol::block_on(async {
        let store = Fails::default();
        let fails = Arc::clone(&store.now);
        let runtime = Runtime::builder().store(store).build().await.unwrap();
        let mut events = runtime.events();
        let bob = runtime.bind("bob", echo).await.unwrap();
        let (alice, mut inbox) = runtime.bind_stream("alice").await.unwrap();
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        fails.store(true, Ordering::Relaxed);
        assert_eq!(soon(alice.send(channel, "lost")).await, Err(SendError::Uncertain));
        fails.store(false, Ordering::Relaxed);
        while !matches!(soon(events.recv()).await.unwrap(), Notice::Event(Event::Loaded { .. })) {}
        soon(alice.send(channel, "kept")).await.unwrap();
        let answer = soon(inbox.recv()).await.unwrap();
        assert_eq!(&*answer.payload, b"kept");
        answer.done();
        assert_eq!(soon(runtime.shutdown()).await, 0);
    });
}
