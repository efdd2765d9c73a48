use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mfp_tokio::{BuildError, Error, Event, Notice, Receipt, Refusal, RequestError, Runtime, SendError};
use tokio::task::JoinHandle;

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

/// Alice and bob, and a gate that is shut from now on.
async fn gated() -> (Runtime, Pair, Gate) {
    // The runtime's own record, two agents and a channel.
    let (store, mut gate) = GatedStore::new(4);
    let runtime = Runtime::builder().store(store).build().await.unwrap();
    gate.entered.recv().await.unwrap();
    let pair = pair(&runtime).await;
    while gate.entered.try_recv().is_ok() {}
    (runtime, pair, gate)
}

/// Sends ten messages, each in a task of its own, while the commit of the first one is under way.
async fn send_ten(pair: &Pair, gate: &mut Gate) -> Vec<JoinHandle<Result<Receipt, SendError>>> {
    let send = |n: u8| {
        let (alice, channel) = (pair.alice.clone(), pair.channel);
        tokio::spawn(async move { alice.send(channel, &[n]).await })
    };
    let mut sent = vec![send(0)];
    assert_eq!(gate.entered.recv().await, Some(1));
    sent.extend((1..10).map(send));
    tokio::task::yield_now().await;
    sent
}

#[tokio::test]
async fn what_gathers_during_a_commit_is_committed_together() {
    let (_runtime, pair, mut gate) = gated().await;
    let sent = send_ten(&pair, &mut gate).await;
    gate.go.send(true).unwrap();
    assert_eq!(gate.entered.recv().await, Some(9), "nine messages, one commit");
    assert_eq!(sent.iter().filter(|sent| sent.is_finished()).count(), 1);
    gate.go.send(true).unwrap();
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_gathers_behind_a_commit_that_fails_has_failed() {
    let (runtime, pair, mut gate) = gated().await;
    let mut events = runtime.events();
    let sent = send_ten(&pair, &mut gate).await;
    gate.go.send(false).unwrap();
    for sent in sent {
        assert_eq!(sent.await.unwrap(), Err(SendError::Uncertain));
    }
    assert_eq!(events.recv().await, Some(Notice::Event(Event::StoreFailed)));
    assert_eq!(events.recv().await, Some(Notice::Event(Event::Loaded { agents: 2, channels: 1, messages: 0 })));
    assert!(gate.entered.try_recv().is_err(), "nothing else was committed");
}

#[tokio::test]
async fn a_binding_that_is_given_up_leaves_the_name_free() {
    let (runtime, _pair, mut gate) = gated().await;
    let binding = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.bind("carol", echo).await }
    });
    gate.entered.recv().await.unwrap();
    binding.abort();
    assert!(binding.await.unwrap_err().is_cancelled());
    drop(gate);
    runtime.bind_stream("carol").await.unwrap();
}
