//! What a message goes through, as spans and as lines of the logs of both sides.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::collector::{Collector, Seen};
use crate::place::{LONG, Server};
use crate::watch::{free, metrics, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// alice at a, and bob at b, with a channel between them.
fn pair(more: &str) -> [Server; 2] {
    let [a, b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    a.configure(
        "a",
        &format!(
            "agents: [{{name: alice, type: external}}, {{name: echo, type: echo}}]\n\
             channels: [{{agent: alice, peer: b, to: bob}}, {{agent: alice, to: echo}}]\n\
             federation: {{peers: [{}]}}\n{more}",
            peers[0]
        ),
    );
    b.configure(
        "b",
        &format!("agents: [{{name: bob, type: external}}]\nfederation: {{peers: [{}]}}\n{more}", peers[1]),
    );
    let mut all = [a, b];
    all.iter_mut().for_each(Server::start);
    all[0].until(&["channels"], |all| all.as_array().unwrap().iter().any(|channel| channel["to"] == "bob"));
    all[0].until(&["peers"], |peers| peers[0]["state"] == "up");
    all
}

fn only(spans: &[Seen], server: &str, name: &str) -> Seen {
    let mut found = spans.iter().filter(|seen| seen.server == server && seen.span.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no `{name}` of {server}: {spans:#?}"));
    assert!(found.next().is_none(), "more than one `{name}` of {server}: {spans:#?}");
    first.clone()
}

#[test]
fn one_trace_leads_from_the_caller_to_the_peer_and_back() {
    let collector = Collector::start();
    let [mut a, mut b] = pair(&format!("trace: {{otlp: \"http://{}\"}}\n", collector.address));
    let given = format!("00-{TRACE}-{PARENT}-01");
    let sent = a.ask(&["send", "--from", "alice", "--to", "bob@b", "--traceparent", &given, "a secret question"]);
    let taken = b.ask(&["receive", "bob", "--reply", "a secret answer"]);
    let answer = a.ask(&["receive", "alice"]);
    assert_eq!(answer["reply_to"], sent["message"]);

    let spans = collector.wait(4, |seen| hex::encode(&seen.span.trace_id) == TRACE);
    assert_eq!(spans.len(), 4, "{spans:#?}");
    let [question, handling] = [only(&spans, "a", "message send"), only(&spans, "b", "message process")];
    let [reply, last] = [only(&spans, "b", "message send"), only(&spans, "a", "message process")];
    assert_eq!(hex::encode(&question.span.parent_span_id), PARENT);
    for (child, parent) in [(&handling, &question), (&reply, &handling), (&last, &reply)] {
        assert_eq!(child.span.parent_span_id, parent.span.span_id, "{spans:#?}");
    }
    for seen in [&question, &reply] {
        assert_eq!(seen.span.kind(), SpanKind::Producer);
    }
    for seen in [&handling, &last] {
        assert_eq!(seen.span.kind(), SpanKind::Consumer);
    }
    assert!(spans.iter().all(|seen| seen.span.end_time_unix_nano >= seen.span.start_time_unix_nano));
    // What the handler is told to continue is the span of its server.
    let handed = taken["traceparent"].as_str().unwrap();
    assert_eq!(handed, format!("00-{TRACE}-{}-01", hex::encode(&handling.span.span_id)));
    // Ids as in events, the same at both ends, and nothing of what was said.
    let id = sent["message"].as_str().unwrap().get(..8).unwrap();
    for seen in [&question, &handling] {
        assert_eq!(seen.text("messaging.message.id").as_deref(), Some(id));
        assert_eq!(seen.text("mfp.channel").as_deref(), sent["channel"].as_str().unwrap().get(..8));
    }
    assert!(!collector.has(b"secret"));

    // Without a caller's, a trace begins at the sender; and what waits at the end is given to the collector at the stop.
    a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", "another"]);
    b.ask(&["receive", "bob"]);
    a.stop();
    b.stop();
    let spans = collector.wait(2, |seen| hex::encode(&seen.span.trace_id) != TRACE);
    let [first, second] = [only(&spans, "a", "message send"), only(&spans, "b", "message process")];
    assert!(first.span.parent_span_id.is_empty());
    assert_eq!((&second.span.trace_id, &second.span.parent_span_id), (&first.span.trace_id, &first.span.span_id));
    let wrong = a.run(&["send", "--from", "alice", "--to", "bob@b", "--traceparent", "00-zz", "x"]);
    assert!(!wrong.status.success());
}

#[test]
fn without_the_section_nothing_is_sent_and_a_context_goes_through() {
    let collector = Collector::start();
    let [mut a, mut b] = pair("");
    let given = format!("00-{TRACE}-{PARENT}-01");
    a.ask(&["send", "--from", "alice", "--to", "bob@b", "--traceparent", &given, "with"]);
    assert_eq!(b.ask(&["receive", "bob", "--reply", "back"])["traceparent"], given.as_str());
    assert_eq!(a.ask(&["receive", "alice"])["traceparent"], given.as_str(), "the answer goes on with it");
    a.ask(&["send", "--from", "alice", "--to", "bob@b", "without"]);
    assert_eq!(b.ask(&["receive", "bob"])["traceparent"], Value::Null);
    let refused = a.run(&["send", "--from", "alice", "--to", "bob@b", "--traceparent", "00-zz", "x"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    a.stop();
    b.stop();
    assert!(collector.spans().is_empty());
}

/// Says one request after the other over the control socket.
fn talk(server: &Server) -> impl FnMut(&Value) -> Value + use<> {
    let mut stream = BufReader::new(UnixStream::connect(server.file("mfp.sock")).unwrap());
    move |request| {
        writeln!(stream.get_mut(), "{request}").unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn a_collector_that_is_away_or_hangs_holds_up_nobody() {
    // It takes connections, and says nothing.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    for collector in [free(), hangs.local_addr().unwrap().to_string()] {
        let http = free();
        let mut a = Server::init("a");
        a.configure(
            "a",
            &format!(
                "agents: [{{name: alice, type: external}}, {{name: echo, type: echo}}]\n\
                 channels: [{{agent: alice, to: echo}}]\n\
                 http: {{listen: \"{http}\"}}\ntrace: {{otlp: \"http://{collector}\"}}\n"
            ),
        );
        a.start();
        a.until(&["channels"], |all| !all.as_array().unwrap().is_empty());
        let mut say = talk(&a);
        let (dropped, start) = (
            |reason: &str| metrics(&http)[&format!("mfp_trace_spans_dropped_total{{reason=\"{reason}\"}}")],
            Instant::now(),
        );
        let reason = if collector == hangs.local_addr().unwrap().to_string() { "overflow" } else { "collector" };
        while dropped(reason) == 0.0 {
            assert!(start.elapsed() < LONG, "nothing is dropped");
            for _ in 0..100 {
                let asked = json!({ "do": "request", "from": "alice", "to": { "agent": { "name": "echo" } },
                                    "body": { "payload": "x" }, "timeout_ms": 10_000 });
                let answer = say(&asked);
                assert_eq!(answer["ok"]["body"]["payload"], "x", "{answer}");
            }
        }
        until("it is counted", || dropped(reason) > 0.0);
        assert_eq!(a.log().matches("traces are incomplete").count(), 1, "{}", a.log());
        let start = Instant::now();
        a.stop();
        assert!(start.elapsed() < Duration::from_secs(30), "the end waits for the collector");
    }
}

/// The lines of a log that are about a message, by what they say.
fn lines_about(server: &Server, id: &str) -> BTreeMap<String, Value> {
    let lines = server.log();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let about = lines.filter(|line| line["message_id"] == id);
    about.map(|line| (line["message"].as_str().unwrap_or_default().to_owned(), line)).collect()
}

#[test]
fn the_lines_of_both_sides_about_a_message_can_be_joined() {
    let collector = Collector::start();
    let more = format!("trace: {{otlp: \"http://{}\"}}\nlog: {{format: json, level: debug}}\n", collector.address);
    let [mut a, mut b] = pair(&more);
    let sent = a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", "a secret"]);
    b.ask(&["receive", "bob"]);
    // Another, so that there is more than one to tell apart.
    a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", "a secret"]);
    b.ask(&["receive", "bob"]);
    a.stop();
    b.stop();
    let id = sent["message"].as_str().unwrap();
    let (here, there) = (lines_about(&a, id), lines_about(&b, id));
    assert_eq!(here.keys().collect::<Vec<_>>(), ["acked", "sent"]);
    assert_eq!(there.keys().collect::<Vec<_>>(), ["processed", "taken"]);
    let ids = |server: &Server| {
        let card: Value = serde_json::from_slice(&server.run(&["pubkey", "--json"]).stdout).unwrap();
        card["runtime_id"].clone()
    };
    for (lines, peer) in [(&here, ids(&b)), (&there, ids(&a))] {
        for line in lines.values() {
            assert_eq!((&line["channel"], &line["peer"]), (&sent["channel"], &peer), "{line}");
            assert_eq!(line["trace_id"], here["sent"]["trace_id"], "{line}");
            assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
            assert_eq!(line["span_id"].as_str().unwrap().len(), 16, "{line}");
        }
    }
    // The spans of the collector are the same.
    let spans = collector.wait(4, |_| true);
    let span = spans.iter().find(|seen| hex::encode(&seen.span.span_id) == there["taken"]["span_id"]).unwrap();
    assert_eq!(here["sent"]["span_id"], hex::encode(&span.span.parent_span_id));
    assert!(![a.log(), b.log()].iter().any(|log| log.contains("a secret")));
}
