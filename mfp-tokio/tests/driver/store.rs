use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mfp_tokio::{BuildError, Error, Event, MemoryStore, Notice, Refusal, RequestError, Runtime, SendError};
use tokio::sync::mpsc;

use super::support::*;

#[test]
fn what_was_accepted_survives_a_restart() {
    on_both(|| async {
        let disk = Arc::<Disk>::default();
        let runtime = runtime_on(&disk).await;
        let mut pair = pair(&runtime).await;
        let receipts = [pair.alice.send(pair.channel, "one").await, pair.alice.send(pair.channel, "two").await];
        assert_eq!(next(&mut pair.bobs).await, b"one");
        drop(pair.bobs);
        assert_eq!(runtime.shutdown().await, 1);

        let runtime = runtime_on(&disk).await;
        let (bob, mut inbox) = runtime.bind_stream("bob").await.unwrap();
        assert_eq!(bob.id(), pair.bob.id());
        let incoming = inbox.recv().await.unwrap();
        assert_eq!(Some(incoming.message), receipts[1].ok().map(|receipt| receipt.message));
        bob.reply(&incoming, "three").await.unwrap();
        incoming.done();
        let (_, mut alices) = runtime.bind_stream("alice").await.unwrap();
        assert_eq!(next(&mut alices).await, b"three");
        assert_eq!(runtime.shutdown().await, 0);
    });
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_commit_the_sender_knows_and_the_service_goes_on() {
    let disk = Arc::<Disk>::default();
    let runtime = runtime_on(&disk).await;
    let mut pair = pair(&runtime).await;
    pair.alice.send(pair.channel, "before").await.unwrap();
    let mut events = runtime.events();
    disk.fail_next();
    disk.fail_loads.store(3, Ordering::SeqCst);
    assert_eq!(pair.alice.send(pair.channel, "lost").await, Err(SendError::Uncertain));
    assert_eq!(pair.alice.send(pair.channel, "too early").await, Err(SendError::Refused(Refusal::Reloading)));
    assert_eq!(events.recv().await, Some(Notice::Event(Event::StoreFailed)));
    assert_eq!(events.recv().await, Some(Notice::Event(Event::Loaded { agents: 2, channels: 1, messages: 1 })));
    assert_eq!(disk.loads.load(Ordering::SeqCst), 1 + 4);
    pair.alice.send(pair.channel, "after").await.unwrap();
    let held = pair.bobs.recv().await.unwrap();
    drop(held);
    assert_eq!(next(&mut pair.bobs).await, b"before", "whose delivery before the failure is void");
    assert_eq!(next(&mut pair.bobs).await, b"after");
}

#[tokio::test(start_paused = true)]
async fn requests_outlive_a_failed_commit() {
    let disk = Arc::<Disk>::default();
    let runtime = runtime_on(&disk).await;
    let mut pair = pair(&runtime).await;
    let asked = tokio::spawn({
        let (alice, channel) = (pair.alice.clone(), pair.channel);
        async move { alice.request(channel, "?", Duration::from_hours(1)).await }
    });
    drop(pair.bobs.recv().await.unwrap());
    disk.fail_next();
    let failed = pair.alice.request(pair.channel, "!", Duration::from_hours(1)).await;
    assert_eq!(failed.unwrap_err(), RequestError::Send(SendError::Uncertain));
    let question = pair.bobs.recv().await.unwrap();
    pair.bob.reply(&question, "yes").await.unwrap();
    assert_eq!(*asked.await.unwrap().unwrap().payload, *b"yes");
}

#[tokio::test(start_paused = true)]
async fn a_binding_that_is_uncertain_can_be_made_again() {
    for written in [false, true] {
        let disk = Arc::<Disk>::default();
        disk.written.store(written, Ordering::SeqCst);
        let runtime = runtime_on(&disk).await;
        runtime.bind("alice", echo).await.unwrap();
        let mut events = runtime.events();
        disk.fail_next();
        assert_eq!(runtime.bind("bob", echo).await.unwrap_err(), Error::Uncertain);
        while !matches!(events.recv().await, Some(Notice::Event(Event::Loaded { .. }))) {}
        let (bob, _inbox) = runtime.bind_stream("bob").await.unwrap();
        assert!(bob.status().unwrap().attached);
        assert_eq!(runtime.agents().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_has_failed() {
    let disk = Arc::<Disk>::default();
    let runtime = runtime_on(&disk).await;
    let mut pair = pair(&runtime).await;
    disk.panic_commit.store(disk.commits.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    let mut events = runtime.events();
    assert_eq!(pair.alice.send(pair.channel, "lost").await, Err(SendError::Uncertain));
    while !matches!(events.recv().await, Some(Notice::Event(Event::Loaded { .. }))) {}
    pair.alice.send(pair.channel, "after").await.unwrap();
    assert_eq!(next(&mut pair.bobs).await, b"after");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error() {
    let disk = Arc::<Disk>::default();
    disk.fail_loads.store(1, Ordering::SeqCst);
    let built = Runtime::builder().store(TestStore(disk)).build().await;
    assert!(matches!(built, Err(BuildError::Store(error)) if error.to_string() == "broken on purpose"));
}

#[tokio::test]
async fn what_gathers_during_a_commit_is_committed_together() {
    let (entered, mut entries) = mpsc::unbounded_channel();
    let (go, gate) = std::sync::mpsc::channel();
    let store = GatedStore { inner: MemoryStore::new(), entered, go: gate };
    // The runtime's own record, two agents and a channel.
    (0..4).for_each(|_| go.send(()).unwrap());
    let runtime = Runtime::builder().store(store).build().await.unwrap();
    entries.recv().await.unwrap();
    let pair = pair(&runtime).await;
    while entries.try_recv().is_ok() {}

    let send = |n: u8| {
        let (alice, channel) = (pair.alice.clone(), pair.channel);
        tokio::spawn(async move { alice.send(channel, &[n]).await })
    };
    let first = send(0);
    assert_eq!(entries.recv().await, Some(1));
    let others: Vec<_> = (1..=10).map(send).collect();
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(entries.recv().await, Some(10), "ten messages, one commit");
    go.send(()).unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
}
