//! Conversations with a chat endpoint.

use std::time::Duration;

use mfp_tokio::{ChannelId, MessageId};
use serde_json::{Value, json};

use super::stub::{Response, Stub};
use super::{World, agent, until};
use crate::agents::Running;
use crate::agents::conversations::{Conversations, Turn};
use crate::config::{Backend, Llm};

fn says(text: &str) -> Response {
    let body = json!({ "id": "x", "choices": [{ "index": 0, "message": { "role": "assistant", "content": text } }] });
    ("200 OK", "content-type: application/json\r\n", body.to_string())
}

fn config(stub: &Stub) -> Llm {
    Llm {
        base_url: format!("{}/v1/", stub.url),
        model: "a-model".into(),
        api_key: Some("sk-hidden".into()),
        system: Some("Be brief.".into()),
        turns: 2,
        conversations: 2,
        max_tokens: Some(100),
        temperature_millis: Some(700),
        timeout: Duration::from_secs(5),
        attempts: 3,
        concurrency: 2,
    }
}

fn contents(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let said = body["messages"].as_array().unwrap().iter();
    said.map(|said| format!("{}: {}", said["role"].as_str().unwrap(), said["content"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_kept_and_bounded() {
    let stub =
        Stub::new(vec![says("one"), ("503 Busy", "", String::new()), says("two"), says("three"), says("4")]).await;
    let world = World::new(Backend::Llm(config(&stub))).await;
    for (question, answer) in [("1?", "one"), ("2?", "two"), ("3?", "three"), ("4?", "4")] {
        assert_eq!(world.text(question).await, answer);
    }
    let seen = stub.seen();
    assert_eq!(seen[0].line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(seen[0].headers["authorization"], "Bearer sk-hidden");
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(
        (&body["model"], &body["max_tokens"], &body["temperature"]),
        (&json!("a-model"), &json!(100), &json!(0.7))
    );
    assert_eq!(contents(&seen[0].body), ["system: Be brief.", "user: 1?"]);
    assert_eq!(seen[1].body, seen[2].body, "tried again");
    let last = ["system: Be brief.", "user: 2?", "assistant: two", "user: 3?", "assistant: three", "user: 4?"];
    assert_eq!(contents(&seen[4].body), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_fails_the_message() {
    for response in
        [says(""), ("200 OK", "", "{}".into()), ("200 OK", "", "no json".into()), ("401 No", "", String::new())]
    {
        let stub = Stub::new(vec![response]).await;
        let world = World::new(Backend::Llm(config(&stub))).await;
        world.somebody.send(world.channel, "x").await.unwrap();
        until("a dead letter", || !world.runtime.dead_letters().is_empty()).await;
    }
}

#[tokio::test]
async fn a_key_that_is_no_header_is_refused_without_being_shown() {
    let stub = Stub::new(vec![]).await;
    let runtime = mfp_tokio::Runtime::builder().build().await.unwrap();
    let config = Llm { api_key: Some("sk-hidden\n".into()), ..config(&stub) };
    let error = Running::start(&runtime, &agent(Backend::Llm(config))).await.unwrap_err();
    assert!(!format!("{error:?}").contains("hidden"));
}

#[test]
fn an_answer_is_known_until_it_is_old_and_the_least_used_conversation_goes() {
    let mut kept = Conversations::new(1, 2);
    let message = |n: u16| MessageId::from_bytes([n.to_be_bytes(); 8].concat().try_into().unwrap());
    let channel = |n: u8| ChannelId::from_bytes([n; 16]);
    let turn = |text: &str| Turn { question: text.into(), answer: text.into() };
    kept.learn(message(0), "known");
    assert!(!kept.known(&message(0)).unwrap().sent);
    kept.sent(channel(0), &message(0), turn("a"));
    let known = kept.known(&message(0)).unwrap();
    assert!(known.sent && known.answer == "known");
    for n in 1..=256 {
        kept.learn(message(n), "x");
    }
    assert_eq!(kept.known(&message(0)), None);
    kept.sent(channel(1), &message(1), turn("b"));
    kept.sent(channel(0), &message(2), turn("c"));
    kept.sent(channel(2), &message(3), turn("d"));
    assert_eq!(kept.turns(&channel(0)), [turn("c")]);
    assert_eq!((kept.turns(&channel(1)), kept.turns(&channel(2))), (vec![], vec![turn("d")]));
    assert!(kept.take(channel(9)) && !kept.take(channel(9)));
    kept.give_back(&channel(9));
    assert!(kept.take(channel(9)));
}
