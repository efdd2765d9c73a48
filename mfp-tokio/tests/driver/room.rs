use std::time::Duration;

use mfp_tokio::mfp_proto::runtime::LossCause;
use mfp_tokio::{Address, ChannelOptions, Message, PeerConfig, Refusal, SendError};
use tokio::task::{JoinHandle, yield_now};

use super::support::*;

/// Sends in a task, which has come as far as it can when this returns (on the current thread).
async fn send(pair: &Pair, payload: &'static str) -> JoinHandle<Result<mfp_tokio::Receipt, SendError>> {
    let (alice, channel) = (pair.alice.clone(), pair.channel);
    let task = tokio::spawn(async move { alice.send(channel, payload).await });
    yield_now().await;
    task
}

#[tokio::test]
async fn a_full_inbox_makes_senders_wait_in_turn() {
    let runtime = runtime_with(|config| config.limits.channel_items = 2).await;
    let mut pair = pair(&runtime).await;
    for payload in ["one", "two"] {
        pair.alice.send(pair.channel, payload).await.unwrap();
    }
    let (third, fourth) = (send(&pair, "three").await, send(&pair, "four").await);
    assert!(pair.alice.try_send(pair.channel, "x").await.unwrap_err().is_full());
    assert!(!third.is_finished() && !fourth.is_finished());
    assert_eq!(next(&mut pair.bobs).await, b"one");
    third.await.unwrap().unwrap();
    assert!(!fourth.is_finished());
    for payload in ["two", "three", "four"] {
        assert_eq!(next(&mut pair.bobs).await, payload.as_bytes());
    }
    fourth.await.unwrap().unwrap();
    assert_eq!(runtime.stats().messages_sent, 4);
    pair.alice.try_send(pair.channel, "room").await.unwrap();
}

#[tokio::test]
async fn a_send_that_is_given_up_is_either_not_sent_or_not_lost() {
    let runtime = runtime_with(|config| config.limits.channel_items = 1).await;
    let mut pair = pair(&runtime).await;
    pair.alice.send(pair.channel, "one").await.unwrap();
    let (given_up, waits) = (send(&pair, "given up").await, send(&pair, "two").await);
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    assert_eq!(next(&mut pair.bobs).await, b"one");
    waits.await.unwrap().unwrap();
    assert_eq!(next(&mut pair.bobs).await, b"two");

    let unpolled = pair.alice.send(pair.channel, "never polled");
    drop(unpolled);
    assert!(tokio::time::timeout(Duration::ZERO, pair.alice.send(pair.channel, "three")).await.is_ok());
    assert_eq!(next(&mut pair.bobs).await, b"three");
    assert_eq!(runtime.stats().messages_sent, 3);
}

#[tokio::test]
async fn room_in_bytes_comes_from_any_channel_of_the_receiver() {
    let runtime = runtime_with(|config| (config.limits.payload, config.limits.inbox_bytes) = (100, 100)).await;
    let mut pair = pair(&runtime).await;
    let (carol, _inbox) = runtime.bind_stream("carol").await.unwrap();
    let from_carol = runtime.establish_channel(&carol.id(), &pair.bob.id()).await.unwrap();
    carol.send(from_carol, &[1; 60]).await.unwrap();
    let large = tokio::spawn({
        let (alice, channel) = (pair.alice.clone(), pair.channel);
        async move { alice.send(channel, &[2; 80]).await }
    });
    yield_now().await;
    let behind = send(&pair, "small, and does not overtake").await;
    assert!(!large.is_finished() && !behind.is_finished());
    assert!(pair.alice.try_send(pair.channel, "nor does this").await.unwrap_err().is_full());
    assert_eq!(next(&mut pair.bobs).await, [1; 60]);
    large.await.unwrap().unwrap();
    assert!(!behind.is_finished());
    assert_eq!(next(&mut pair.bobs).await, [2; 80]);
    behind.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_waits_while_there_are_as_many_as_may_be() {
    let runtime = runtime_with(|config| config.limits.requests = 1).await;
    let mut pair = pair(&runtime).await;
    let [first, second] = ["first", "second"].map(|question| {
        let (alice, channel) = (pair.alice.clone(), pair.channel);
        tokio::spawn(async move { alice.request(channel, question, Duration::from_mins(1)).await })
    });
    let question = pair.bobs.recv().await.unwrap();
    yield_now().await;
    assert_eq!(runtime.stats().messages_sent, 1);
    pair.bob.reply(&question, "answer").await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(runtime.stats().messages_sent, 3, "two questions and an answer");
    question.done();
    let question = pair.bobs.recv().await.unwrap();
    assert_eq!(*question.payload, *b"second");
    pair.bob.reply(&question, "answer").await.unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_when_there_is_nothing_to_wait_for() {
    let runtime = runtime_with(|config| config.limits.channel_items = 1).await;
    let pair = pair(&runtime).await;
    let refused = |refusal| Err(SendError::Refused(refusal));
    pair.alice.send(pair.channel, "one").await.unwrap();
    let waits = send(&pair, "frozen out").await;
    runtime.quarantine_channel(&pair.channel).await.unwrap();
    assert_eq!(waits.await.unwrap(), refused(Refusal::ChannelFrozen));
    runtime.restore_channel(&pair.channel).await.unwrap();
    let waits = send(&pair, "closed out").await;
    runtime.close_channel(&pair.channel).await.unwrap();
    assert!(waits.await.unwrap().is_err());

    let channel = runtime.establish_channel(&pair.alice.id(), &pair.bob.id()).await.unwrap();
    let pair = Pair { channel, ..pair };
    pair.alice.send(pair.channel, Message::new(b"one")).await.unwrap();
    let waits = send(&pair, "shut out").await;
    assert_eq!(runtime.shutdown().await, 1);
    assert_eq!(waits.await.unwrap(), refused(Refusal::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_for_room_still_expires() {
    let (near, far) = (runtime().await, runtime().await);
    let mut config = PeerConfig::new(far.public_key(), far.id());
    config.queue_items = 4;
    near.add_peer(config, Address::None).await.unwrap();
    let (alice, _inbox) = near.bind_stream("alice").await.unwrap();
    let channel = near.open_channel(&alice.id(), &far.id(), "bob", ChannelOptions::default()).await.unwrap();
    let message = Message::new(b"soon stale").ttl(Duration::from_secs(5));
    while alice.try_send(channel, message).await.is_ok() {}
    let expired = tokio::time::timeout(Duration::from_mins(1), alice.send_acked(channel, message)).await.unwrap();
    assert_eq!(expired, Err(SendError::Lost(LossCause::Expired)));
}
