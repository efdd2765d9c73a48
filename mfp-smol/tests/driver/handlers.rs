use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mfp_smol::{Event, Notice, RequestError, Runtime, default_config};
use smol::Timer;
use smol::future::or;

use super::support::{LONG, echo, pair, soon};

#[test]
fn a_handler_that_panics_or_fails_gets_the_message_again() {
    smol::block_on(async {
        let config = default_config();
        let runtime = Runtime::builder().config(config).build().await.unwrap();
        let attempts = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&attempts);
        let bob = runtime.bind("bob", move |context, message| {
            let attempt = seen.fetch_add(1, Ordering::Relaxed);
            async move {
                match attempt {
                    0 => panic!("on purpose"),
                    1 => Err("on purpose".into()),
                    _ => echo(context, message).await,
                }
            }
        });
        let bob = bob.await.unwrap();
        let (alice, _inbox) = runtime.bind_stream("alice").await.unwrap();
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let answer = soon(alice.request(channel, "hello", LONG)).await.unwrap();
        assert_eq!((&*answer.payload, attempts.load(Ordering::Relaxed)), (b"hello".as_slice(), 3));
        assert_eq!(soon(runtime.shutdown()).await, 0);
    });
}

#[test]
fn a_request_that_nobody_answers_ends_and_a_dropped_one_disturbs_nobody() {
    smol::block_on(async {
        let runtime = Runtime::builder().build().await.unwrap();
        let (bob, mut bobs) = runtime.bind_stream("bob").await.unwrap();
        let (alice, _inbox) = runtime.bind_stream("alice").await.unwrap();
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let short = Duration::from_millis(20);
        assert_eq!(soon(alice.request(channel, "first", short)).await.unwrap_err(), RequestError::Unanswered);
        let given_up = or(async { drop(alice.request(channel, "second", LONG).await) }, async {
            Timer::after(short).await;
        });
        given_up.await;
        for expected in ["first", "second"] {
            let incoming = soon(bobs.recv()).await.unwrap();
            assert_eq!(&*incoming.payload, expected.as_bytes());
            incoming.done();
        }
        assert_eq!(soon(runtime.shutdown()).await, 0);
        assert!(soon(bobs.recv()).await.is_none());
    });
}

#[test]
fn events_tell_what_happens_and_what_was_missed() {
    smol::block_on(async {
        let runtime = Runtime::builder().build().await.unwrap();
        let mut events = runtime.events();
        let pair = pair(&runtime).await;
        while !matches!(
            soon(events.recv()).await,
            Some(Notice::Event(Event::ChannelOpened { channel, .. })) if channel == pair.channel
        ) {}
        let mut fast = runtime.events();
        for _ in 0..1_000 {
            runtime.quarantine_channel(&pair.channel).await.unwrap();
            runtime.restore_channel(&pair.channel).await.unwrap();
        }
        soon(runtime.shutdown()).await;
        // Once another has heard the last of them, all have been told.
        while soon(fast.recv()).await.is_some() {}
        let missed = Notice::Missed(2_001 - 1_024);
        assert_eq!(events.recv().await, Some(missed), "1,024 events are kept for a slow listener");
        let mut last = None;
        while let Some(notice) = events.recv().await {
            last = Some(notice);
        }
        assert_eq!(last, Some(Notice::Event(Event::Drained { remaining: 0 })));
    });
}
