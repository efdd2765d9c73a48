//! Echo, log, external, and what all back ends share.

use std::time::Duration;

use mfp_tokio::Message;

use super::{World, agent};
use crate::agents::{Running, text};
use crate::config::Backend;

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_answers_with_payload_and_content_type() {
    let world = World::new(Backend::Echo).await;
    let message = Message::new(b"\xffbytes").content_type("application/x-bytes");
    let answer = world.somebody.request(world.channel, message, super::LONG).await.unwrap();
    assert_eq!(&*answer.payload, b"\xffbytes");
    assert_eq!(answer.meta.as_ref().and_then(|meta| meta.content_type.as_deref()), Some("application/x-bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_echoes_stop() {
    let world = World::new(Backend::Echo).await;
    let mut other = agent(Backend::Echo);
    other.name = mfp_tokio::mfp_proto::id::AgentName::new("other").unwrap();
    let other = Running::start(&world.runtime, &other).await.unwrap();
    let channel = world.runtime.establish_channel(&world.running.handle.id(), &other.handle.id()).await.unwrap();
    world.running.handle.send(channel, "hello").await.unwrap();
    super::until("both have finished", || {
        let agents = world.runtime.agents();
        agents.iter().all(|agent| agent.inbox_bytes == 0)
    })
    .await;
    let before = world.runtime.stats();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(format!("{before:?}"), format!("{:?}", world.runtime.stats()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_done_with_every_message() {
    let world = World::new(Backend::Log).await;
    world.somebody.send(world.channel, "for the log").await.unwrap();
    super::until("it is done", || world.running.handle.status().unwrap().inbox_bytes == 0).await;
    world.running.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_agent_has_an_inbox_and_can_be_bound_again() {
    let mut world = World::new(Backend::External).await;
    world.somebody.send(world.channel, "for later").await.unwrap();
    let mut inbox = world.running.inbox.take().unwrap();
    let incoming = inbox.recv().await.unwrap();
    assert_eq!(&*incoming.payload, b"for later");
    // Not finished, and detached: it comes again.
    drop((inbox, incoming));
    world.running.stop(Duration::from_secs(1)).await;
    let again = Running::start(&world.runtime, &agent(Backend::External)).await.unwrap();
    assert_eq!(&*again.inbox.unwrap().recv().await.unwrap().payload, b"for later");
}

#[test]
fn text_for_a_log_is_short_and_tame() {
    assert_eq!(text::shown("plain ü".as_bytes()), "plain ü");
    assert_eq!(text::shown(b"a\x1b[31m\nb\x00"), "a\\u{1b}[31m\\nb\\u{0}");
    assert_eq!(text::shown("\u{202e}x".as_bytes()), "\\u{202e}x");
    assert_eq!(text::shown(b"\xff\x00"), "ff00");
    assert!(text::shown(&[0xff; 10_000]).len() <= 4_096 + 4);
    assert!(text::shown(&[b'x'; 10_000]).len() <= 4_096 + 4);
}
