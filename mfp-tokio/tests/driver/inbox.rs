use mfp_tokio::{AdminError, Error};

use super::support::*;

#[tokio::test(start_paused = true)]
async fn what_is_dropped_or_failed_comes_again() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    pair.alice.send(pair.channel, "one").await.unwrap();
    pair.alice.send(pair.channel, "two").await.unwrap();
    drop(pair.bobs.recv().await.unwrap());
    let again = pair.bobs.recv().await.unwrap();
    assert_eq!((&*again.payload, again.attempt()), (&b"one"[..], 2), "before what was sent after it");
    again.failed();
    let again = pair.bobs.recv().await.unwrap();
    assert_eq!((&*again.payload, again.attempt()), (&b"one"[..], 3));
    again.done();
    assert_eq!(next(&mut pair.bobs).await, b"two");
}

#[tokio::test]
async fn without_an_inbox_messages_wait_for_whoever_binds_the_name() {
    let runtime = runtime().await;
    let mut pair = pair(&runtime).await;
    assert_eq!(runtime.bind("bob", echo).await.unwrap_err(), Error::Refused(AdminError::NameTaken));
    for payload in ["taken", "unread"] {
        pair.alice.send(pair.channel, payload).await.unwrap();
    }
    let taken = pair.bobs.recv().await.unwrap();
    drop(pair.bobs);
    pair.alice.send(pair.channel, "waiting").await.unwrap();
    let (bob, mut inbox) = runtime.bind_stream("bob").await.unwrap();
    assert_eq!(bob.id(), pair.bob.id());
    let again = inbox.recv().await.unwrap();
    assert_eq!((again.message, again.attempt()), (taken.message, 1), "nothing has failed");
    taken.done();
    assert_eq!(next(&mut inbox).await, b"unread", "a success of any attempt counts");
    again.done();
    assert_eq!(next(&mut inbox).await, b"waiting");
    drop(inbox);
    pair.alice.send(pair.channel, "for the handler").await.unwrap();
    runtime.bind("bob", echo).await.unwrap();
    assert_eq!(next(&mut pair.alices).await, b"for the handler");
}

#[tokio::test]
async fn a_name_must_be_one() {
    let runtime = runtime().await;
    assert!(matches!(runtime.bind("", echo).await, Err(Error::Name(_))));
    assert!(matches!(runtime.bind_stream(&"x".repeat(65)).await, Err(Error::Name(_))));
}

#[tokio::test]
async fn a_refused_handler_may_own_anything() {
    let runtime = runtime().await;
    let pair = pair(&runtime).await;
    let owned = pair.alices;
    let bound = runtime.bind("bob", move |_, _| {
        let _ = &owned;
        async { Ok(()) }
    });
    assert_eq!(bound.await.unwrap_err(), Error::Refused(AdminError::NameTaken));
    assert!(!pair.alice.status().unwrap().attached, "its inbox went with it");
}
