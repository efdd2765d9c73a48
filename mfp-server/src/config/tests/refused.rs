//! Files with one fault each: where it is found, under which key, and what is said.

use super::fixture::{Fixture, shown};

/// A line of the file, the key, and a part of what is said. `BASE` stands before each text, so lines count from 3.
type Case = (&'static str, usize, &'static str, &'static str);

const BASE: &str = "runtime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\n";
const AGENTS: &str = "agents: [{name: alice, type: echo}, {name: bob, type: log}]\n";

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Files as they are.
const WHOLE: &[Case] = &[
    ("", 1, "", "a mapping of keys"),
    ("- a\n- b\n", 1, "", "a mapping of keys"),
    ("just text", 1, "", "a mapping of keys"),
    ("a: [1, 2\n", 2, "", "this is no YAML"),
    ("a: b: c\n", 1, "", "this is no YAML"),
    ("runtime:\n\tdeployment: d\n", 2, "", "this is no YAML"),
    ("a: &x 1\nb: *x\n", 2, "", "aliases"),
    ("a: !!str 1\n", 1, "", "tags"),
    ("a: 1\n---\nb: 2\n", 2, "", "second one"),
    ("[a]: 1\n", 1, "", "a key is a word"),
    ("storage: {path: m.db}\n", 1, "runtime.deployment", "is missing"),
    ("runtime: {deployment: d, instance: i}\n", 1, "storage.path", "in_memory: true"),
    ("runtime: 5\nstorage: {path: m.db}\n", 1, "runtime", "a mapping of keys to values, not a number"),
    ("runtime: {deployment: 5, instance: i}\nstorage: {path: m.db}\n", 1, "runtime.deployment", "put it in quotes"),
    ("runtime: {deployment: d, instance: true}\nstorage: {path: m.db}\n", 1, "runtime.instance", "not true or false"),
    ("runtime: {deployment: '', instance: i}\nstorage: {path: m.db}\n", 1, "runtime.deployment", "1 to 255 bytes"),
    ("runtime: {deployment: d, instance: \"a\\nb\"}\nstorage: {path: m.db}\n", 1, "runtime.instance", "control"),
    (
        "runtime:\n  deployment: d\n  instance: i\n  instance: j\nstorage: {path: m.db}\n",
        4,
        "runtime.instance",
        "line 3",
    ),
    (
        "runtime:\n  deployment: d\n  instance: i\n  frame_depht: 4\nstorage: {path: m.db}\n",
        4,
        "runtime.frame_depht",
        "did you mean `frame_depth`?",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: 1}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "2 to 32",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: 33}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "2 to 32",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: 4.5}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "whole number",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: -4}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "2 to 32",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: '4'}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "not text",
    ),
    (
        "runtime: {deployment: d, instance: i, frame_depth: [4]}\nstorage: {path: m.db}\n",
        1,
        "runtime.frame_depth",
        "not a list",
    ),
    (
        "runtime: {deployment: d, instance: i, drain_timeout: 30}\nstorage: {path: m.db}\n",
        1,
        "runtime.drain_timeout",
        "`30s`",
    ),
    (
        "runtime: {deployment: d, instance: i, drain_timeout: soon}\nstorage: {path: m.db}\n",
        1,
        "runtime.drain_timeout",
        "is no time",
    ),
    (
        "runtime: {deployment: d, instance: i, drain_timeout: 25h}\nstorage: {path: m.db}\n",
        1,
        "runtime.drain_timeout",
        "1day",
    ),
    (
        "runtime: {deployment: d, instance: i, limits: {agents: 0}}\nstorage: {path: m.db}\n",
        1,
        "runtime.limits.agents",
        "1 to",
    ),
    (
        "runtime: {deployment: d, instance: i, limits: {payload: big}}\nstorage: {path: m.db}\n",
        1,
        "runtime.limits.payload",
        "is no size",
    ),
    (
        "runtime: {deployment: d, instance: i, limits: {payload: 1GiB}}\nstorage: {path: m.db}\n",
        1,
        "runtime.limits.payload",
        "1 to 268435456",
    ),
    (
        "runtime: {deployment: d, instance: i, limits: {channel_items: 65536}}\nstorage: {path: m.db}\n",
        1,
        "runtime.limits.channel_items",
        "1 to 65535",
    ),
    (
        "runtime: {deployment: d, instance: i, limits: {inbox_bytes: 1MiB, payload: 2MiB}}\nstorage: {path: m.db}\n",
        1,
        "runtime.limits.inbox_bytes",
        "smaller than",
    ),
    (
        "runtime: {deployment: d, instance: i, listen: [a]}\nstorage: {path: m.db}\n",
        1,
        "runtime.listen",
        "is a key of `transport`",
    ),
    (
        "runtime: {deployment: d, deployment_id: d, instance: i}\nstorage: {path: m.db}\n",
        1,
        "runtime.deployment_id",
        "old spelling",
    ),
    ("runtime: {deployment: d, instance: i}\nstorage: {path: ''}\n", 2, "storage.path", "is no file"),
    ("runtime: {deployment: d, instance: i}\nstorage: {path: ':memory:'}\n", 2, "storage.path", "in_memory"),
    ("runtime: {deployment: d, instance: i}\nstorage: {path: data}\n", 2, "storage.path", "is a directory"),
    ("runtime: {deployment: d, instance: i}\nstorage: {path: nowhere/m.db}\n", 2, "storage.path", "does not exist"),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, in_memory: true}\n",
        2,
        "storage.path",
        "no meaning",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, in_memory: yes}\n",
        2,
        "storage.in_memory",
        "write `true`",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, unencrypted: true, master_key_file: master.key}\n",
        2,
        "storage.unencrypted",
        "there is no key",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, synchronous: fulll}\n",
        2,
        "storage.synchronous",
        "did you mean `full`?",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, max_size: 100KiB}\n",
        2,
        "storage.max_size",
        "262144",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, encrypt_at_rest: false}\n",
        2,
        "storage.encrypt_at_rest",
        "say `unencrypted: true`",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, encrypt_at_rest: 1}\n",
        2,
        "storage.encrypt_at_rest",
        "true or false",
    ),
    (
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, wal_mode: false}\n",
        2,
        "storage.wal_mode",
        "writes ahead",
    ),
];

/// What stands behind `BASE`.
const BEHIND: &[Case] = &[
    ("agnets: []\n", 3, "agnets", "did you mean `agents`?"),
    ("zzzzzz: 1\n", 3, "zzzzzz", "known here: runtime, storage"),
    ("log: {level: INFO}\n", 3, "log.level", "must be one of error"),
    ("log: {format: xml}\n", 3, "log.format", "text, json"),
    ("log_level: LOUD\n", 3, "log_level", "must be one of"),
    ("log: {level: info}\nlog_level: INFO\n", 4, "log_level", "old spelling of `log.level`"),
    ("log: loud\n", 3, "log", "a mapping"),
    ("control: {socket: ''}\n", 3, "control.socket", "is no path"),
    ("transport: {listen: '0.0.0.0:7001'}\n", 3, "transport.listen", "a list"),
    ("transport: {listen: ['0.0.0.0']}\n", 3, "transport.listen[0]", "a host and a port"),
    ("transport: {listen: ['a:1', 'a:65536']}\n", 3, "transport.listen[1]", "0 to 65535"),
    ("transport: {listen: ['a:1', 'a:1']}\n", 3, "transport.listen[1]", "twice"),
    ("transport: {listen: ['::1:70']}\n", 3, "transport.listen[0]", "IPv6 in brackets"),
    ("transport: {listen: ['a b:70']}\n", 3, "transport.listen[0]", "neither a name"),
    ("transport: {host: h}\n", 3, "transport.host", "both `host` and `port`"),
    ("transport: {host: h, port: 0}\n", 3, "transport.port", "1 to 65535"),
    ("transport: {host: h, port: 1, listen: ['h:1']}\n", 3, "transport.host", "old spelling"),
    ("transport: {connect_timeout: 30.0}\n", 3, "transport.connect_timeout", "handshake"),
    ("transport: {read_timeout: 30.0}\n", 3, "transport.read_timeout", "dead"),
    ("transport: {write_timeout: 30.0}\n", 3, "transport.write_timeout", "message_idle"),
    ("transport: {connections: 0}\n", 3, "transport.connections", "1 to"),
    ("transport: {timeouts: {keep_alive: 1m}}\n", 3, "transport.timeouts.keep_alive", "shorter than `dead`"),
    ("transport:\n  timeouts:\n    dead: 1s\n", 5, "transport.timeouts.dead", "shorter than `dead`"),
    ("transport: {timeouts: {handshake: 0s}}\n", 3, "transport.timeouts.handshake", "1ms to 1day"),
    ("recovery: {max_attempts: 0}\n", 3, "recovery.max_attempts", "1 to"),
    ("recovery: {max_step_gap: 5}\n", 3, "recovery.max_step_gap", "no gap to guess"),
    ("recovery: {timeout_seconds: 30}\n", 3, "recovery.timeout_seconds", "handshake"),
    ("quarantine: {rate: {per: 1s}}\n", 3, "quarantine.rate.messages", "is missing"),
    ("quarantine: {rate: {messages: 0}}\n", 3, "quarantine.rate.messages", "1 to"),
    ("quarantine: {abuse: {messages: 5}}\n", 3, "quarantine.abuse", "there is no `rate`"),
    ("quarantine: {max_payload_size: 0}\n", 3, "quarantine.max_payload_size", "1 to"),
    ("quarantine: {max_message_rate: 5, rate: {messages: 5}}\n", 3, "quarantine.max_message_rate", "old spelling"),
    ("agents: {alice: echo}\n", 3, "agents", "a list, not a mapping"),
    ("agents: [alice]\n", 3, "agents[0]", "a mapping of keys"),
    ("agents: [{name: alice}]\n", 3, "agents[0].type", "is missing"),
    ("agents: [{type: echo}]\n", 3, "agents[0].name", "is missing"),
    ("agents: [{name: a, type: eco}]\n", 3, "agents[0].type", "did you mean `echo`?"),
    ("agents: [{name: a, type: callback}]\n", 3, "agents[0].type", "`type: log`"),
    ("agents: [{name: a, type: llm_api}]\n", 3, "agents[0].type", "`type: llm`"),
    ("agents:\n  - {name: a, type: echo}\n  - {name: a, type: log}\n", 5, "agents[1].name", "line 4"),
    (
        "agents: [{name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, type: log}]\n",
        3,
        "agents[0].name",
        "1 to 64 bytes",
    ),
    ("agents: [{name: a, type: echo, command: [x]}]\n", 3, "agents[0].command", "another type"),
    ("agents: [{name: a, type: subprocess}]\n", 3, "agents[0].command", "is missing"),
    ("agents: [{name: a, type: subprocess, command: []}]\n", 3, "agents[0].command", "is empty"),
    ("agents: [{name: a, type: subprocess, command: ls}]\n", 3, "agents[0].command", "a list, not text"),
    ("agents: [{name: a, type: subprocess, command: [sleep, 5]}]\n", 3, "agents[0].command[1]", "in quotes"),
    (
        "agents: [{name: a, type: subprocess, command: [x], directory: gone}]\n",
        3,
        "agents[0].directory",
        "no such directory",
    ),
    (
        "agents: [{name: a, type: subprocess, command: [x], env: {A=B: c}}]\n",
        3,
        "agents[0].env",
        "environment variable",
    ),
    ("agents: [{name: a, type: subprocess, command: [x], env: {A: [c]}}]\n", 3, "agents[0].env.A", "text, not a list"),
    ("agents: [{name: a, type: subprocess, command: [x], env: {A: b, A: c}}]\n", 3, "agents[0].env.A", "twice"),
    ("agents: [{name: a, type: subprocess, command: [x], hide: [y]}]\n", 3, "agents[0].hide", "isolate: true"),
    ("agents: [{name: a, type: subprocess, command: [x], isolate: true}]\n", 3, "agents", "lies in the store's"),
    ("agents: [{name: a, type: subprocess, command: [x], timeout: 2h}]\n", 3, "agents[0].timeout", "1ms to 1h"),
    ("agents: [{name: a, type: subprocess, command: [x], concurrency: 0}]\n", 3, "agents[0].concurrency", "1 to 1024"),
    ("agents: [{name: a, type: webhook, secret_file: hook.key}]\n", 3, "agents[0].url", "is missing"),
    ("agents: [{name: a, type: webhook, url: 'https://h/'}]\n", 3, "agents[0].secret_file", "is missing"),
    (
        "agents: [{name: a, type: webhook, url: 'http://h/', secret_file: hook.key}]\n",
        3,
        "agents[0].url",
        "without TLS",
    ),
    (
        "agents: [{name: a, type: webhook, url: 'http://127.0.0.1.evil.org/', secret_file: hook.key}]\n",
        3,
        "agents[0].url",
        "without TLS",
    ),
    (
        "agents: [{name: a, type: webhook, url: 'ftp://h/', secret_file: hook.key}]\n",
        3,
        "agents[0].url",
        "must begin with",
    ),
    ("agents: [{name: a, type: webhook, url: 'h/path', secret_file: hook.key}]\n", 3, "agents[0].url", "is no URL"),
    (
        "agents: [{name: a, type: webhook, url: 'https://u:p@h/', secret_file: hook.key}]\n",
        3,
        "agents[0].url",
        "password",
    ),
    (
        "agents: [{name: a, type: webhook, url: 'https://h/', secret_file: hook.key, attempts: 11}]\n",
        3,
        "agents[0].attempts",
        "1 to 10",
    ),
    ("agents: [{name: a, type: llm, base_url: 'https://h/'}]\n", 3, "agents[0].model", "is missing"),
    ("agents: [{name: a, type: llm, model: m}]\n", 3, "agents[0].base_url", "is missing"),
    (
        "agents: [{name: a, type: llm, base_url: 'https://h/', model: m, temperature: 2.5}]\n",
        3,
        "agents[0].temperature",
        "0 to 2",
    ),
    (
        "agents: [{name: a, type: llm, base_url: 'https://h/', model: m, temperature: hot}]\n",
        3,
        "agents[0].temperature",
        "a number",
    ),
    (
        "agents: [{name: a, type: llm, base_url: 'https://h/', model: m, max_tokens: 0}]\n",
        3,
        "agents[0].max_tokens",
        "1 to",
    ),
];

/// What stands behind `BASE` and `AGENTS`.
const CHANNELS: &[Case] = &[
    ("channels: [{agent: alice, to: bobb}]\n", 4, "channels[0].to", "did you mean `bob`?"),
    ("channels: [{agent: zed, to: bob}]\n", 4, "channels[0].agent", "no agent of this name"),
    ("channels: [{to: bob}]\n", 4, "channels[0].agent", "is missing"),
    ("channels: [{agent: bob}]\n", 4, "channels[0].to", "is missing"),
    ("channels: [{agent: bob, to: bob}]\n", 4, "channels[0].to", "with itself"),
    ("channels: [{agents: [bob, bob]}]\n", 4, "channels[0].agents[1]", "with itself"),
    ("channels: [{agents: [bob]}]\n", 4, "channels[0].agents", "two agents"),
    ("channels: [{agents: [alice, bob], to: bob}]\n", 4, "channels[0].to", "beside `agents`"),
    ("channels:\n  - {agent: alice, to: bob}\n  - {agent: bob, to: alice}\n", 6, "channels[1]", "twice"),
    ("channels: [{agent: alice, to: bob, depth: 1}]\n", 4, "channels[0].depth", "2 to 32"),
    ("channels: [{agent: alice, to: bob, padding: true}]\n", 4, "channels[0].padding", "nothing leaves"),
    ("channels: [{agent: alice, to: bob, peer: org}]\n", 4, "channels[0].peer", "no peer of this name"),
];

/// What stands in a peer that has all else. `P` stands for its keys.
const PEERS: &[Case] = &[
    ("address: 'h:0'", 5, "federation.peers[0].address", "1 to 65535"),
    ("address: h", 5, "federation.peers[0].address", "a host and a port"),
    ("dial: true", 5, "federation.peers[0].dial", "where to connect"),
    ("bootstrap: deterministic", 5, "federation.peers[0].bootstrap", "everybody can compute"),
    ("bootstrap: ceremonial", 5, "federation.peers[0].bootstrap", "public_key"),
    ("mode: fast", 5, "federation.peers[0].mode", "durable, volatile"),
    ("accept: some", 5, "federation.peers[0].accept", "none, all"),
    ("accept: [{from: '*'}]", 5, "federation.peers[0].accept[0].to", "is missing"),
    ("accept: [{from: '*', to: zed}]", 5, "federation.peers[0].accept[0].to", "no agent of this name"),
    ("queue_bytes: 1KiB", 5, "federation.peers[0].queue_bytes", "smaller than the largest payload"),
    ("queue_items: 0", 5, "federation.peers[0].queue_items", "1 to"),
    ("channels: 0", 5, "federation.peers[0].channels", "1 to"),
    ("rotation: {messages: 0}", 5, "federation.peers[0].rotation.messages", "1 to"),
    ("rotation: {interval: 1ms}", 5, "federation.peers[0].rotation.interval", "1s to 1day"),
    ("psk_file: none.key", 5, "federation.peers[0].psk_file", "cannot be read"),
    ("public_keys: x", 5, "federation.peers[0].public_keys", "did you mean `public_key`?"),
];

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
    WHOLE.iter().for_each(|case| check(case.0, *case));
}

#[test]
fn faults_of_all_else_are_found() {
    BEHIND.iter().for_each(|case| check(&format!("{BASE}{}", case.0), *case));
}

#[test]
fn faults_of_channels_are_found() {
    CHANNELS.iter().for_each(|case| check(&format!("{BASE}{AGENTS}{}", case.0), *case));
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
fn what_is_no_file_is_said_without_a_line() {
    let fixture = Fixture::new();
    let missing = crate::config::load(&fixture.path().join("gone.yaml")).err().unwrap();
    assert!(missing[0].to_string().contains("gone.yaml: cannot be read"), "{}", missing[0]);
    let path = fixture.write("latin.yaml", "");
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let latin = crate::config::load(&path).err().unwrap();
    assert_eq!((latin[0].line, latin[0].message.as_str()), (2, "is no UTF-8 text"));
    let long = fixture.write("long.yaml", &"#".repeat((1 << 20) + 1));
    assert!(crate::config::load(&long).err().unwrap()[0].message.contains("longer than"));
}
