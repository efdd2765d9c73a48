//! Agents in other languages, and behind HTTP, across a link.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::place::{LONG, Server, mfp, text};

const MESSAGES: usize = 1_000;

/// Sends numbered messages, eight at a time, and notes each receipt and each answer before it goes on.
const ALICE: &str = r#"
import json, os, sys, threading, time
def say(**line): print(json.dumps(line), flush=True)
def note(file, text):
    with open(file, "a") as out: out.write(text + "\n")
def lines(file): return open(file).read().splitlines() if os.path.exists(file) else []
ok, k = len(lines("receipts")), len(lines("tried"))
def send(k): say(type="send", ref=str(k), to="bob", payload=f"number {k}")
def new():
    global k
    note("tried", str(k)); send(k); k += 1
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "hello":
        for _ in range(8): new()
    elif line["type"] == "result":
        note("receipts", f"{line['ref']} {line['message']}"); ok += 1
        if ok < LIMIT: new()
    elif line["type"] == "error":
        time.sleep(0.05); send(int(line["ref"]))
    elif line["type"] == "message":
        note("answers", f"{line['reply_to']} {line['payload']}")
        say(type="done", id=line["id"])
"#;

/// Notes each message and answers it.
const BOB: &str = r#"
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text);
  if (line.type !== "message") continue;
  appendFileSync("handled", `${line.id} ${line.payload}\n`);
  console.log(JSON.stringify({ type: "reply", id: line.id, payload: `got ${line.payload}` }));
}
"#;

/// Two servers that have each other as peers.
pub(crate) fn pair(agents: [&str; 2]) -> [Server; 2] {
    let [a, b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    a.configure("a", &format!("{}federation: {{peers: [{}]}}\n", agents[0], peers[0]));
    b.configure("b", &format!("{}federation: {{peers: [{}]}}\n", agents[1], peers[1]));
    [a, b]
}

fn present(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: there is no {program} here");
    }
    there
}

#[test]
fn python_and_node_talk_through_kills() {
    if !present("python3") || !present("node") {
        return;
    }
    let [mut a, mut b] = pair([
        "agents: [{name: alice, type: subprocess, command: [python3, alice.py], directory: .}]\n\
         channels: [{agent: alice, peer: b, to: bob}]\n",
        "agents: [{name: bob, type: subprocess, command: [node, bob.mjs], directory: .}]\n",
    ]);
    fs::write(a.file("alice.py"), ALICE.replace("LIMIT", &MESSAGES.to_string())).unwrap();
    fs::write(b.file("bob.mjs"), BOB).unwrap();
    a.start();
    b.start();
    let receipts = |a: &Server| text(&a.file("receipts")).lines().count();
    let wait_for = |count: usize, a: &Server, b: &Server| {
        let start = Instant::now();
        while receipts(a) < count {
            assert!(start.elapsed() < LONG, "{} receipts\n{}\n{}", receipts(a), a.log(), b.log());
            sleep(Duration::from_millis(5));
        }
    };
    for (count, which) in [(150, 1), (350, 0), (600, 1), (800, 0)] {
        wait_for(count, &a, &b);
        let server = if which == 0 { &mut a } else { &mut b };
        server.kill();
        server.start();
    }
    wait_for(MESSAGES, &a, &b);
    let sent: BTreeMap<usize, String> = text(&a.file("receipts"))
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(k, id)| (k.parse().unwrap(), id.to_owned()))
        .collect();
    let start = Instant::now();
    let answered = || {
        let answers = text(&a.file("answers"));
        let answers: HashMap<_, _> = answers.lines().filter_map(|line| line.split_once(' ')).collect();
        sent.iter().all(|(k, id)| answers.get(id.as_str()).is_some_and(|text| *text == format!("got number {k}")))
    };
    while !answered() {
        assert!(start.elapsed() < LONG, "not every message is answered\n{}\n{}", a.log(), b.log());
        sleep(Duration::from_millis(20));
    }
    // Once under one id, and in order.
    let handled = text(&b.file("handled"));
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut order = Vec::new();
    for (id, payload) in handled.lines().filter_map(|line| line.split_once(' ')) {
        if let Some(before) = first.insert(id, payload) {
            assert_eq!(before, payload);
        } else {
            order.push(payload.strip_prefix("number ").unwrap().parse::<usize>().unwrap());
        }
    }
    let receipted: Vec<_> = order.iter().copied().filter(|k| sent.contains_key(k)).collect();
    assert!(receipted.is_sorted() && receipted.len() == sent.len(), "{} of {}", receipted.len(), sent.len());
    assert!(sent.len() >= MESSAGES);
    a.stop();
    b.stop();
}

/// Answers two paths: a webhook, and a chat endpoint.
pub(crate) fn stub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || while answer(&stream).is_some() {});
        }
    });
    address
}

/// One request and its answer; `None` at the end.
fn answer(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut headers) = (String::new(), HashMap::new());
    reader.read_line(&mut first).ok().filter(|len| *len > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let (kind, text) = if first.contains("/v1/chat/completions") {
        let messages = body["messages"].as_array()?;
        let question = messages.last()?["content"].as_str()?;
        let content = format!("{} turns, and you ask: {question}", messages.len());
        (
            "application/json",
            serde_json::json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] }).to_string(),
        )
    } else {
        assert!(headers["mfp-signature"].starts_with("v1="));
        ("text/plain", format!("hooked {}", body["payload"].as_str()?))
    };
    let mut out = stream;
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()
}

#[test]
fn a_webhook_and_a_language_model_answer_across_a_link() {
    let stub = stub();
    let [mut a, mut b] = pair([
        "agents: [{name: alice, type: external}]\n\
         channels: [{agent: alice, peer: b, to: hook}, {agent: alice, peer: b, to: model}]\n",
        &format!(
            "agents:\n  - {{name: hook, type: webhook, url: \"http://{stub}/hook\", secret_file: hook.key}}\n  \
             - {{name: model, type: llm, base_url: \"http://{stub}/v1\", model: stub, system: Be brief.}}\n"
        ),
    ]);
    assert!(mfp(&["keygen", b.file("hook.key").to_str().unwrap()]).status.success());
    a.start();
    b.start();
    let ready = |all: &serde_json::Value| all.as_array().unwrap().len() == 2;
    a.until(&["channels"], ready);
    let ask = |to: &str, question: &str| {
        let answer = a.ask(&["request", "--from", "alice", "--to", to, "--timeout", "30s", question]);
        answer["body"]["payload"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("hook@b", "hello"), "hooked hello");
    assert_eq!(ask("model@b", "who?"), "2 turns, and you ask: who?");
    assert_eq!(ask("model@b", "and why?"), "4 turns, and you ask: and why?", "it remembers the conversation");
    a.stop();
    b.stop();
}
