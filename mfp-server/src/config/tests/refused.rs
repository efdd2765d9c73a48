//! Files with one fault each: where it is found, under which key, and what is said.

use super::cases::{BEHIND, CHANNELS, Case, PEERS, WHOLE};
use super::fixture::{Fixture, shown};

const BASE: &str = "runtime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\n";
const AGENTS: &str = "agents: [{name: alice, type: echo}, {name: bob, type: log}]\n";

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn check(text: &str, (_, line, key, message): Case) {
    let problems = Fixture::new().problems(text);
    let found = problems.iter().find(|problem| {
        problem.line == line && problem.column > 0 && problem.key == key && problem.to_string().contains(message)
    });
    assert!(found.is_some(), "{line}: {key}: {message}\nis not said of\n{text}\nbut\n{}", shown(&problems));
    let others: Vec<_> = problems.iter().filter(|problem| problem.key != key).cloned().collect();
    // One fault is one problem; only what is missing altogether may be more.
    assert!(others.is_empty() || message == "is missing", "{text}\n{}", shown(&others));
}

#[test]
fn faults_of_the_file_its_runtime_and_its_store_are_found() {
    for case in WHOLE {
        check(case.0, *case);
    }
}

#[test]
fn faults_of_all_else_are_found() {
    for case in BEHIND {
        check(&format!("{BASE}{}", case.0), *case);
    }
}

#[test]
fn faults_of_channels_are_found() {
    for case in CHANNELS {
        check(&format!("{BASE}{AGENTS}{}", case.0), *case);
    }
}

#[test]
fn faults_of_peers_are_found() {
    for case in PEERS {
        let peer = format!("- {{name: p, public_key: {A}, runtime_id: {B}, {}}}", case.0);
        check(&format!("{BASE}{AGENTS}federation: {{peers: [\n  {}]}}\n", &peer[2..]), *case);
    }
}

#[test]
fn peers_are_not_each_other_and_not_this_runtime() {
    let fixture = Fixture::new();
    let own = fixture.loaded(BASE).identity;
    let (id, key) = (own.id().to_string(), hex::encode(own.public().as_bytes()));
    for (peers, key, message) in [
        (format!("[{{name: p, public_key: {A}, runtime_id: {id}}}]"), "federation.peers[0].runtime_id", "itself"),
        (format!("[{{name: p, public_key: {key}, runtime_id: {B}}}]"), "federation.peers[0].public_key", "itself"),
        (format!("[{{name: p, runtime_id: {B}}}]"), "federation.peers[0].public_key", "is missing"),
        (format!("[{{name: p, public_key: {A}}}]"), "federation.peers[0].runtime_id", "is missing"),
        (format!("[{{public_key: {A}, runtime_id: {B}}}]"), "federation.peers[0].name", "is missing"),
        (format!("[{{name: p, public_key: a, runtime_id: {B}}}]"), "federation.peers[0].public_key", "64 hex"),
        (
            format!("[{{name: p, public_key: {A}, runtime_id: '{}'}}]", "0".repeat(64)),
            "federation.peers[0].runtime_id",
            "all zero",
        ),
        (
            format!("[{{name: p, public_key: {A}, runtime_id: {B}}}, {{name: p, public_key: {A}, runtime_id: {A}}}]"),
            "federation.peers[1].name",
            "another peer",
        ),
        (
            format!("[{{name: p, public_key: {A}, runtime_id: {B}}}, {{name: q, public_key: {A}, runtime_id: {B}}}]"),
            "federation.peers[1].runtime_id",
            "another peer",
        ),
    ] {
        let text = format!("{BASE}federation:\n  peers: {peers}\n");
        check(&text, ("", 4, key, message));
    }
    let volatile = format!(
        "runtime: {{deployment: d, instance: i}}\nstorage: {{in_memory: true}}\nfederation:\n  peers:\n    - {{name: p, \
         public_key: {A}, runtime_id: {B}}}\n"
    );
    check(&volatile, ("", 5, "federation.peers[0].mode", "volatile"));
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let text = "runtime:\n  deployment: d\n  frame_depth: 99\nstorage:\n  path: m.db\n  max_size: 1\nlog: {level: x, format: y}\n";
    let problems = Fixture::new().problems(text);
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["runtime.instance", "runtime.frame_depth", "storage.max_size", "log.level", "log.format"]);
    let shown = problems[1].to_string();
    assert!(shown.ends_with("mfp.yaml:3:16: runtime.frame_depth: must be 2 to 32"), "{shown}");
}

#[test]
fn a_file_that_is_beyond_its_own_limits_is_refused() {
    let text = |limit: &str| {
        format!(
            "runtime: {{deployment: d, instance: i, limits: {{{limit}: 1}}}}\nstorage: {{path: m.db}}\nagents: [{{name: a, \
             type: log}}, {{name: b, type: log}}, {{name: c, type: log}}]\nchannels: [{{agent: a, to: b}}, {{agent: c, to: \
             b}}]\n"
        )
    };
    check(&text("agents"), ("", 3, "agents", "more than 1"));
    check(&text("channels_per_agent"), ("", 4, "channels", "`b` has 2"));
}

#[test]
fn what_is_no_file_is_said_without_a_line() {
    let fixture = Fixture::new();
    let missing = crate::config::load(&fixture.path().join("gone.yaml")).err().unwrap();
    assert!(missing[0].to_string().contains("gone.yaml: cannot be read"), "{}", missing[0]);
    let path = fixture.write("latin.yaml", "");
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let latin = crate::config::load(&path).err().unwrap();
    assert_eq!((latin[0].line, latin[0].message.as_str()), (2, "is no UTF-8 text"));
    let long = fixture.write("long.yaml", &"#".repeat((8 << 20) + 1));
    assert!(crate::config::load(&long).err().unwrap()[0].message.contains("longer than"));
}
