use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mfp_tokio::mfp_proto::agents::ToolError;
use mfp_tokio::mfp_proto::merkle::{LeafId, Verdict, verify};
use mfp_tokio::{Event, Message, Notice, Refusal, SendError};
use tokio::sync::{Notify, mpsc};

use super::support::*;

#[test]
fn ping_pong() {
    on_both(|| async {
        let runtime = runtime().await;
        let (alice, _inbox, _, channel) = alice_and(&runtime, echo).await;
        for round in 0..100u32 {
            let ping = round.to_be_bytes();
            let pong = alice.request(channel, &ping, Duration::from_mins(1)).await.unwrap();
            assert_eq!(*pong.payload, ping);
        }
        assert_eq!(runtime.shutdown().await, 0);
        assert_eq!(runtime.stats().messages_processed, 200);
    });
}

#[test]
fn each_channel_keeps_its_order_while_all_run_at_once() {
    on_both(|| async {
        const CHANNELS: u32 = 8;
        const MESSAGES: u32 = 200;
        let runtime = runtime().await;
        let seen: Arc<Mutex<HashMap<_, Vec<u32>>>> = Arc::default();
        let (log, (done, mut all)) = (Arc::clone(&seen), mpsc::unbounded_channel());
        let sink = runtime.bind("sink", move |_, message| {
            let (log, done) = (Arc::clone(&log), done.clone());
            async move {
                let number = u32::from_be_bytes(message.payload[..].try_into()?);
                for _ in 0..number % 4 {
                    tokio::task::yield_now().await;
                }
                log.lock().unwrap().entry(message.channel).or_default().push(number);
                done.send(())?;
                Ok(())
            }
        });
        let sink = sink.await.unwrap().id();
        for n in 0..CHANNELS {
            let (source, inbox) = runtime.bind_stream(&format!("source-{n}")).await.unwrap();
            let channel = runtime.establish_channel(&source.id(), &sink).await.unwrap();
            tokio::spawn(async move {
                for number in 0..MESSAGES {
                    source.send(channel, &number.to_be_bytes()).await.unwrap();
                }
                drop(inbox);
            });
        }
        for _ in 0..CHANNELS * MESSAGES {
            all.recv().await.unwrap();
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), CHANNELS as usize);
        assert!(seen.values().all(|numbers| numbers.iter().copied().eq(0..MESSAGES)));
    });
}

#[test]
fn a_blocked_handler_stops_nobody_else() {
    on_both(|| async {
        let runtime = runtime().await;
        let release = Arc::new(Notify::new());
        let (waiting, (started, mut starts)) = (Arc::clone(&release), mpsc::unbounded_channel());
        let handler = move |context: mfp_tokio::Context, message: mfp_tokio::Delivery| {
            let (waiting, started) = (Arc::clone(&waiting), started.clone());
            async move {
                if *message.payload == *b"block" {
                    started.send(())?;
                    waiting.notified().await;
                }
                context.reply("done").await?;
                Ok(())
            }
        };
        let (alice, _inbox, bob, to_bob) = alice_and(&runtime, handler).await;
        let carol = runtime.bind("carol", echo).await.unwrap();
        let to_carol = runtime.establish_channel(&alice.id(), &carol.id()).await.unwrap();
        let also_to_bob = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let timeout = Duration::from_mins(1);
        let blocked = tokio::spawn({
            let alice = alice.clone();
            async move { alice.request(to_bob, "block", timeout).await }
        });
        starts.recv().await.unwrap();
        assert_eq!(*alice.request(to_carol, "hello", timeout).await.unwrap().payload, *b"hello");
        assert_eq!(*alice.request(also_to_bob, "hello", timeout).await.unwrap().payload, *b"done");
        assert!(!blocked.is_finished());
        release.notify_one();
        assert_eq!(*blocked.await.unwrap().unwrap().payload, *b"done");
    });
}

#[tokio::test]
async fn a_receipt_names_the_message_that_arrives() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    let receipt = pair.alice.send_acked(pair.channel, Message::new(b"{}").content_type("text/json")).await.unwrap();
    let incoming = pair.bobs.recv().await.unwrap();
    assert_eq!((incoming.message, incoming.channel), (receipt.message, receipt.channel));
    assert_eq!(incoming.meta.as_ref().unwrap().content_type.as_deref(), Some("text/json"));
    assert_eq!(&*incoming.from.name, "alice");
    let answer = pair.bob.reply(&incoming, "{}").await.unwrap();
    incoming.done();
    let incoming = pair.alices.recv().await.unwrap();
    assert_eq!((incoming.message, incoming.reply_to), (answer.message, Some(receipt.message)));
    incoming.done();
    assert_eq!(runtime.stats().inbox_messages, 0);
}

#[tokio::test]
async fn quarantine_answers_every_call_and_loses_nothing() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    let refused = |tool| Err(SendError::Refused(Refusal::Tool(tool)));
    runtime.quarantine_agent(&pair.alice.id()).await.unwrap();
    assert_eq!(pair.alice.send(pair.channel, "x").await, refused(ToolError::Quarantined));
    assert_eq!(pair.alice.status(), Err(ToolError::Quarantined));
    assert_eq!(pair.alice.channels(), Err(ToolError::Quarantined));
    assert_eq!(pair.bob.send(pair.channel, "x").await, Err(SendError::Refused(Refusal::ChannelFrozen)));
    runtime.restore_agent(&pair.alice.id()).await.unwrap();

    let first = pair.alice.send(pair.channel, "held").await.unwrap();
    let held = pair.bobs.recv().await.unwrap();
    pair.alice.send(pair.channel, "frozen").await.unwrap();
    runtime.quarantine_channel(&pair.channel).await.unwrap();
    assert_eq!(pair.alice.send(pair.channel, "x").await, Err(SendError::Refused(Refusal::ChannelFrozen)));
    assert_eq!(held.message, first.message);
    held.done();
    assert!(pair.alice.channels().unwrap()[0].frozen);
    runtime.restore_channel(&pair.channel).await.unwrap();
    assert_eq!(next(&mut pair.bobs).await, b"frozen");
}

#[tokio::test]
async fn who_is_unbound_or_terminated_is_gone() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    pair.alice.send(pair.channel, "last words").await.unwrap();
    let held = pair.bobs.recv().await.unwrap();
    pair.bob.unbind().await.unwrap();
    assert!(pair.bobs.recv().await.is_none());
    held.done();
    assert_eq!(runtime.dead_letters().len(), 1, "it was not finished when its channel was closed");
    assert_eq!(pair.bob.status(), Err(ToolError::UnknownAgent));
    assert_eq!(pair.alice.send(pair.channel, "x").await, Err(SendError::Refused(Refusal::Tool(ToolError::NoChannel))));
    runtime.terminate(&pair.alice.id()).await.unwrap();
    assert!(runtime.agents().is_empty());
    let letter = runtime.dead_letters().remove(0).message.id;
    runtime.purge(&letter).await.unwrap();
    assert!(runtime.dead_letters().is_empty());
    runtime.bind_stream("bob").await.unwrap();
}

#[tokio::test]
async fn events_tell_what_happens_and_what_was_missed() {
    let runtime = runtime().await;
    let mut events = runtime.events();
    let pair = pair(&runtime).await;
    let Some(Notice::Event(Event::AgentBound { agent, .. })) = events.recv().await else { panic!("bound") };
    assert_eq!(agent, pair.alice.id());
    assert!(matches!(events.recv().await, Some(Notice::Event(Event::AgentBound { .. }))));
    let Some(Notice::Event(Event::ChannelOpened { channel, .. })) = events.recv().await else { panic!("opened") };
    assert_eq!(channel, pair.channel);
    let mut fast = runtime.events();
    for _ in 0..1_000 {
        runtime.quarantine_channel(&channel).await.unwrap();
        runtime.restore_channel(&channel).await.unwrap();
    }
    runtime.shutdown().await;
    while fast.recv().await.is_some() {}
    assert_eq!(events.recv().await, Some(Notice::Missed(2_001 - 1_024)), "1,024 events are kept for a slow listener");
    let mut last = None;
    while let Some(notice) = events.recv().await {
        last = Some(notice);
    }
    assert_eq!(last, Some(Notice::Event(Event::Drained { remaining: 0 })));
    assert!(runtime.events().recv().await.is_none());
}

#[tokio::test]
async fn the_global_state_follows_each_message_and_includes_the_channel() {
    let runtime = runtime().await;
    let pair = pair(&runtime).await;
    let before = runtime.global_state();
    pair.alice.send(pair.channel, "x").await.unwrap();
    let (root, proof) = runtime.prove(&pair.channel).unwrap();
    assert_ne!(root, before);
    assert_eq!(root, runtime.global_state());
    assert_eq!(verify(&root, &LeafId::Channel(pair.channel), &proof), Ok(Verdict::Included));
    assert!(verify(&before, &LeafId::Channel(pair.channel), &proof).is_err());
    runtime.close_channel(&pair.channel).await.unwrap();
    let (root, proof) = runtime.prove(&pair.channel).unwrap();
    assert_eq!(verify(&root, &LeafId::Channel(pair.channel), &proof), Ok(Verdict::Excluded));
}
