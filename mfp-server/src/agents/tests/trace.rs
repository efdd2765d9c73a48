//! Trace contexts through agents, in a process that makes no spans of its own.

use std::time::Duration;

use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::{Delivery, Message};
use serde_json::Value;
use tempfile::TempDir;

use super::stub::Stub;
use super::{LONG, World, python};
use crate::config::{Backend, Webhook};
use crate::trace::Context;

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01";

/// Sends a message that has a context, and returns the answer.
async fn ask(world: &World, payload: &str) -> Delivery {
    let message = Message::new(payload.as_bytes()).trace(Context::parse(GIVEN).unwrap().to_bytes());
    world.somebody.request(world.channel, message, LONG).await.unwrap()
}

fn context(delivery: &Delivery) -> Option<String> {
    let trace = delivery.meta.as_ref()?.trace?;
    Context::from_bytes(&trace).map(|context| context.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_and_its_answer_continues() {
    let directory = TempDir::new().unwrap();
    let script = format!(
        r#"
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] != "message": continue
    own = dict(traceparent="{OWN}") if line["payload"] == "own" else dict()
    wrong = dict(traceparent="00-nonsense") if line["payload"] == "wrong" else dict()
    say(type="reply", id=line["id"], payload=json.dumps(line), **own, **wrong)
    if wrong:
        said = json.loads(sys.stdin.readline())
        say(type="reply", id=line["id"], payload=json.dumps(said))
"#
    );
    let world = World::new(Backend::Subprocess(python(&directory, &script))).await;
    let line = |answer: &Delivery| serde_json::from_slice::<Value>(&answer.payload).unwrap();
    let answer = ask(&world, "x").await;
    assert_eq!((line(&answer)["traceparent"].as_str(), context(&answer).as_deref()), (Some(GIVEN), Some(GIVEN)));
    let answer = ask(&world, "own").await;
    assert_eq!((line(&answer)["traceparent"].as_str(), context(&answer).as_deref()), (Some(GIVEN), Some(OWN)));
    // The message is still the program's.
    let said = line(&ask(&world, "wrong").await);
    assert_eq!((&said["type"], &said["code"]), (&"error".into(), &"bad_line".into()), "{said}");
    // Without one there is none.
    let answer = world.ask("x").await.unwrap();
    assert_eq!((line(&answer).get("traceparent"), context(&answer)), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_in_a_header() {
    let stub = Stub::new(vec![("200 OK", "", "answer".to_owned())]).await;
    let secret = Secret::from_bytes([7; 32]);
    let (url, timeout) = (stub.url.clone(), Duration::from_secs(5));
    let world = World::new(Backend::Webhook(Webhook { url, secret, timeout, attempts: 1, concurrency: 1 })).await;
    assert_eq!(context(&ask(&world, "x").await).as_deref(), Some(GIVEN));
    world.ask("x").await.unwrap();
    let [with, without] = &stub.seen()[..] else { panic!("not two requests") };
    assert_eq!(with.headers["traceparent"], GIVEN);
    assert_eq!(serde_json::from_slice::<Value>(&with.body).unwrap()["traceparent"], GIVEN);
    assert!(!without.headers.contains_key("traceparent"));
}
