use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mfp_tokio::mfp_proto::store::Undelivered;
use mfp_tokio::{Context, Delivery, RequestError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::support::*;

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_handler_asks_back_on_the_channel_of_the_question() {
    on_both(|| async {
        let runtime = runtime().await;
        let alice = runtime.bind("alice", |context: Context, question: Delivery| async move {
            assert_eq!(*question.payload, *b"who asks?");
            context.reply("alice").await?;
            Ok(())
        });
        let alice = alice.await.unwrap();
        let bob = runtime.bind("bob", |context: Context, question: Delivery| async move {
            let name = context.handle().request(question.channel, "who asks?", MINUTE).await?;
            context.reply(&[b"hello ", &*name.payload].concat()).await?;
            Ok(())
        });
        let bob = bob.await.unwrap();
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let asked: JoinSet<_> = (0..20)
            .map(|_| {
                let alice = alice.clone();
                async move { alice.request(channel, "hello?", MINUTE).await.unwrap().payload }
            })
            .collect();
        assert!(asked.join_all().await.iter().all(|answer| **answer == *b"hello alice"));
    });
}

#[test]
fn agents_that_ask_each_other_more_than_fits_do_not_block_each_other() {
    on_both(|| async {
        let runtime = runtime_with(|config| config.limits.channel_items = 2).await;
        let (alice, bob) = (runtime.bind("alice", echo).await.unwrap(), runtime.bind("bob", echo).await.unwrap());
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let mut asked = JoinSet::new();
        for n in 0..100u32 {
            let agent = if n % 2 == 0 { alice.clone() } else { bob.clone() };
            asked.spawn(async move {
                let answer = agent.request(channel, &n.to_be_bytes(), MINUTE).await.unwrap();
                assert_eq!(*answer.payload, n.to_be_bytes());
            });
        }
        assert_eq!(asked.join_all().await.len(), 100);
    });
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_and_a_late_answer_is_a_message() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    let unanswered = pair.alice.request(pair.channel, "anyone?", Duration::from_secs(2)).await;
    assert_eq!(unanswered.unwrap_err(), RequestError::Unanswered);
    let question = pair.bobs.recv().await.unwrap();
    pair.bob.reply(&question, "late").await.unwrap();
    let late = pair.alices.recv().await.unwrap();
    assert_eq!((&*late.payload, late.reply_to), (&b"late"[..], Some(question.message)));
    assert_eq!(runtime.stats().requests_unanswered, 1);
}

#[tokio::test]
async fn the_answer_to_a_request_that_was_given_up_goes_to_the_handler() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    let asked = {
        let request = pair.alice.request(pair.channel, "anyone?", MINUTE);
        tokio::pin!(request);
        tokio::select! {
            biased;
            _ = &mut request => panic!("nobody has answered"),
            asked = pair.bobs.recv() => asked.unwrap(),
        }
    };
    pair.bob.reply(&asked, "here").await.unwrap();
    assert_eq!(next(&mut pair.alices).await, b"here");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_arrived_as_its_request_was_given_up_comes_again() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    {
        let request = pair.alice.request(pair.channel, "anyone?", MINUTE);
        tokio::pin!(request);
        let asked = tokio::select! {
            biased;
            _ = &mut request => panic!("nobody has answered"),
            asked = pair.bobs.recv() => asked.unwrap(),
        };
        pair.bob.reply(&asked, "here").await.unwrap();
        asked.done();
    }
    assert_eq!(next(&mut pair.alices).await, b"here");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_handler_is_tried_again_and_its_message_can_be_brought_back() {
    let runtime = runtime().await;
    let (attempts, (log, mut seen)) = (Arc::new(AtomicUsize::new(0)), mpsc::unbounded_channel());
    let counted = Arc::clone(&attempts);
    let (alice, _inbox, _, channel) = alice_and(&runtime, move |_, message| {
        let (attempt, log) = (counted.fetch_add(1, Ordering::SeqCst), log.clone());
        async move {
            log.send((message.message, message.attempt()))?;
            assert!(attempt >= 3, "panics on purpose");
            Ok(())
        }
    })
    .await;
    let mut events = runtime.events();
    let receipt = alice.send(channel, "hot").await.unwrap();
    for attempt in 1..=3 {
        assert_eq!(seen.recv().await, Some((receipt.message, attempt)));
    }
    while !matches!(
        events.recv().await.unwrap(),
        mfp_tokio::Notice::Event(mfp_tokio::Event::DeadLettered { cause: Undelivered::AttemptsExhausted, .. })
    ) {}
    assert_eq!(runtime.dead_letters()[0].message.id, receipt.message);
    runtime.retry(&receipt.message).await.unwrap();
    assert_eq!(seen.recv().await, Some((receipt.message, 1)), "with all its attempts");
    alice.send(channel, "next").await.unwrap();
    seen.recv().await.unwrap();
    let stats = runtime.stats();
    assert_eq!((stats.handler_failures, stats.dead_lettered, stats.dead_letters), (3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_takes_too_long_gets_its_message_again() {
    let runtime = runtime().await;
    let (log, mut seen) = mpsc::unbounded_channel();
    let (alice, _inbox, _, channel) = alice_and(&runtime, move |_, message| {
        let log = log.clone();
        async move {
            log.send(message.attempt())?;
            match message.attempt() {
                1 => Err("not today".into()),
                2 => std::future::pending().await,
                _ => Ok(()),
            }
        }
    })
    .await;
    alice.send(channel, "again").await.unwrap();
    for attempt in 1..=3 {
        assert_eq!(seen.recv().await, Some(attempt));
    }
    runtime.shutdown().await;
    let stats = runtime.stats();
    assert_eq!((stats.handler_failures, stats.handler_timeouts, stats.messages_processed), (1, 1, 1));
}
