//! Webhooks against a server that fails in every way.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use mfp_tokio::mfp_proto::crypto::Secret;
use sha2::Sha256;

use super::stub::{Response, Stub};
use super::{LONG, World, agent, until};
use crate::agents::Running;
use crate::config::{Backend, Webhook};

async fn world(attempts: u32, responses: Vec<Response>) -> (World, Stub) {
    let stub = Stub::new(responses).await;
    let url = format!("{}/hook?token=hidden", stub.url);
    let secret = Secret::from_bytes([7; 32]);
    let config = Webhook { url, secret, timeout: Duration::from_secs(5), attempts, concurrency: 2 };
    (World::new(Backend::Webhook(config)).await, stub)
}

fn ok(body: &str) -> Response {
    ("200 OK", "content-type: text/plain; charset=utf-8\r\n", body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_signed_and_the_body_is_the_answer() {
    let (world, stub) = world(1, vec![ok("an answer")]).await;
    let answer = world.ask("a question").await.unwrap();
    assert_eq!(&*answer.payload, b"an answer");
    assert_eq!(answer.meta.as_ref().unwrap().content_type.as_deref(), Some("text/plain; charset=utf-8"));
    let [request] = &stub.seen()[..] else { panic!("not one request") };
    assert_eq!(request.line, "POST /hook?token=hidden HTTP/1.1");
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["payload"], "a question");
    assert_eq!(body["id"], request.headers["mfp-message-id"]);
    let timestamp = &request.headers["mfp-timestamp"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(timestamp.parse().unwrap()) < 30);
    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
    let mac = mac.chain_update(timestamp.as_bytes()).chain_update(b".").chain_update(&request.body);
    assert_eq!(request.headers["mfp-signature"], format!("v1={}", hex::encode(mac.finalize().into_bytes())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again() {
    let no = |status| (status, "", String::new());
    let wait = ("429 Too Many Requests", "retry-after: 1\r\n", String::new());
    let responses = vec![no("500 Oops"), no("hang up"), no("408 Request Timeout"), wait, ok("at last")];
    let (world, stub) = world(5, responses).await;
    let started = Instant::now();
    assert_eq!(world.text("x").await, "at last");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(stub.seen().len(), 5);
    assert!(stub.seen().windows(2).all(|two| two[0].headers["mfp-message-id"] == two[1].headers["mfp-message-id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_pass_is_not() {
    let elsewhere = ("302 Found", "location: /elsewhere\r\n", String::new());
    let long = "x".repeat((1 << 20) + 1);
    for response in [("404 Not Found", "", String::new()), elsewhere, ("200 OK", "", long)] {
        let (world, stub) = world(3, vec![response]).await;
        world.somebody.send(world.channel, "x").await.unwrap();
        until("a dead letter", || !world.runtime.dead_letters().is_empty()).await;
        // One for each attempt of the core.
        assert_eq!(stub.seen().len(), 3);
        assert!(stub.seen().iter().all(|request| request.line.starts_with("POST /hook")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_body_and_for_an_answer_there_is_no_answer() {
    let (mut world, stub) = world(1, vec![("204 No Content", "", String::new()), ok("never")]).await;
    world.somebody.send(world.channel, "x").await.unwrap();
    until("it is done", || stub.seen().len() == 1 && finished(&world)).await;
    let sent = world.running.handle.send(world.channel, "from the hook").await.unwrap();
    assert_eq!(world.next().await, "from the hook");
    let answer = mfp_tokio::Message::new(b"an answer").reply_to(sent.message);
    world.somebody.send(world.channel, answer).await.unwrap();
    until("it is done", || stub.seen().len() == 2 && finished(&world)).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), world.inbox.recv()).await.is_err());
}

fn finished(world: &World) -> bool {
    world.running.handle.status().unwrap().inbox_bytes == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_does_not_wait_for_a_server_that_is_gone() {
    let (world, stub) = world(100, vec![("500 Oops", "", String::new())]).await;
    world.somebody.send(world.channel, "x").await.unwrap();
    until("it was asked", || !stub.seen().is_empty()).await;
    let started = Instant::now();
    let World { runtime, running, .. } = world;
    running.stop(Duration::from_millis(300)).await;
    assert!(started.elapsed() < LONG / 6);
    // Cut off, and no failed attempt of the message.
    let again = Running::start(&runtime, &agent(Backend::External)).await.unwrap();
    let incoming = again.inbox.unwrap().recv().await.unwrap();
    assert_eq!((&*incoming.payload, incoming.attempt()), (&b"x"[..], 1));
}
