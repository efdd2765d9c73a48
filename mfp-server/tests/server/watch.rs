//! Health and metrics of a real process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{LONG, Server};

const DOCS: &str = include_str!("../../../docs/metrics.md");

pub(crate) fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The code and the body; none if nobody answers.
pub(crate) fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn code(address: &str, path: &str) -> Option<u16> {
    get(address, path).map(|(code, _)| code)
}

pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// Values by name and labels.
pub(crate) fn metrics(address: &str) -> BTreeMap<String, f64> {
    let (code, page) = get(address, "/metrics").unwrap();
    assert_eq!(code, 200);
    let values = page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    values.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

pub(crate) fn documented() -> BTreeMap<&'static str, &'static str> {
    let rows = DOCS.lines().filter_map(|line| line.strip_prefix("| `mfp_"));
    let rows =
        rows.filter(|row| ["counter", "gauge", "histogram"].iter().any(|kind| row.contains(&format!("| {kind} |"))));
    let row = |row: &'static str| {
        let (name, rest) = row.split_once("` | ").unwrap();
        (name, rest.split(' ').next().unwrap())
    };
    rows.map(row).collect()
}

fn pair(http: &str) -> [Server; 2] {
    let [a, b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    a.configure(
        "a",
        &format!(
            "agents: [{{name: alice, type: external}}, {{name: echo, type: echo}}]\n\
             channels: [{{agent: alice, to: echo}}, {{agent: alice, peer: b, to: bob}}]\n\
             federation: {{peers: [{}]}}\nhttp: {{listen: \"{http}\"}}\n",
            peers[0]
        ),
    );
    b.configure("b", &format!("agents: [{{name: bob, type: external}}]\nfederation: {{peers: [{}]}}\n", peers[1]));
    [a, b]
}

#[test]
fn health_follows_a_server_from_its_start_to_its_end() {
    let http = free();
    let [mut a, _b] = pair(&http);
    assert_eq!(get(&http, "/health/live"), None);
    a.start();
    // The peer is away, and that is no fault of this server.
    until("it starts", || code(&http, "/health/startup") == Some(200));
    let (ready, said) = get(&http, "/health/ready").unwrap();
    assert_eq!((ready, serde_json::from_str::<Value>(&said).unwrap()["status"].as_str()), (200, Some("ready")));
    assert_eq!(code(&http, "/health/live"), Some(200));
    assert_eq!(code(&http, "/health"), Some(404));
    a.stop();
    assert_eq!(get(&http, "/health/live"), None);
}

#[test]
fn nobody_who_is_slow_keeps_others_out() {
    let http = free();
    let mut server = Server::init("a");
    server.configure("a", &format!("http: {{listen: \"{http}\"}}\n"));
    server.start();
    let slow: Vec<_> = (0..100).map(|_| TcpStream::connect(&http).unwrap()).collect();
    let start = Instant::now();
    assert_eq!(code(&http, "/health/live"), Some(200));
    assert!(start.elapsed() < Duration::from_secs(30));
    drop(slow);
    server.stop();
}

#[test]
fn a_server_that_drains_is_live_and_not_ready() {
    let http = free();
    let mut server = Server::init("a");
    let work = "agents: [{name: alice, type: external}, {name: slow, type: subprocess, command: [sleep, \"60\"]}]";
    server.configure("a", &format!("{work}\nchannels: [{{agent: alice, to: slow}}]\nhttp: {{listen: \"{http}\"}}\n"));
    server.start();
    server.until(&["channels"], |all| !all.as_array().unwrap().is_empty());
    server.ask(&["send", "--from", "alice", "--to", "slow", "x"]);
    server.signal(Signal::TERM);
    until("it drains", || code(&http, "/health/ready") == Some(503));
    let (_, said) = get(&http, "/health/ready").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["reasons"][0], "it stops");
    assert_eq!(code(&http, "/health/live"), Some(200));
    server.kill();
}

#[test]
fn every_metric_is_documented_and_the_main_ones_move() {
    let http = free();
    let mut all = pair(&http);
    all.iter_mut().for_each(Server::start);
    let [a, b] = all;
    // The one inside the server shows at both of its ends.
    a.until(&["channels"], |all| all.as_array().unwrap().len() == 3);
    a.until(&["peers"], |peers| peers[0]["state"] == "up");
    let before = metrics(&http);
    a.ask(&["request", "--from", "alice", "--to", "echo", "hello"]);
    a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", "across"]);
    b.ask(&["receive", "bob", "--reply", "and back"]);
    a.ask(&["receive", "alice"]);
    a.ask(&["rotate", "b"]);
    a.until(&["peers"], |peers| peers[0]["rotations"] == 1);
    a.ask(&["quarantine", "--agent", "echo"]);
    let moved = [
        "mfp_messages_sent_total",
        "mfp_messages_sent_bytes_total",
        "mfp_messages_queued_total",
        "mfp_messages_received_total",
        "mfp_messages_processed_total",
        "mfp_deliveries_total",
        "mfp_store_commits_total",
        "mfp_store_commit_seconds_count",
        "mfp_peer_sent_total{peer=\"b\"}",
        "mfp_peer_rotations_total{peer=\"b\"}",
        "mfp_quarantine_events_total",
        "mfp_quarantined_agents",
    ];
    until("they move", || {
        let after = metrics(&http);
        moved.iter().all(|name| after[*name] > before[*name])
    });
    let after = metrics(&http);
    assert!((after["mfp_peer_up{peer=\"b\"}"] - 1.0).abs() < f64::EPSILON);
    assert!(after.contains_key("mfp_peer_rejected_total{check=\"aead\",peer=\"b\"}"), "{after:?}");

    let (_, page) = get(&http, "/metrics").unwrap();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE mfp_")?.split_once(' '));
    let types: BTreeMap<_, _> = types.collect();
    assert_eq!(types, documented());
    let helped = page.lines().filter_map(|line| Some(line.strip_prefix("# HELP mfp_")?.split_once(' ')?.0));
    assert_eq!(helped.collect::<BTreeSet<_>>(), types.keys().copied().collect());
    for (name, kind) in &types {
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
    }
    promtool(&page);
}

/// Prometheus' own check, where it is installed.
fn promtool(page: &str) {
    let check =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut check) = check else {
        eprintln!("SKIPPED: `promtool` is not installed (Debian: prometheus), so that it checks nothing");
        return;
    };
    check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
