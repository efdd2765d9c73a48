//! What is read, and what it becomes.

use std::time::Duration;

use mfp_tokio::mfp_proto::frame::Depth;
use mfp_tokio::mfp_proto::id::AgentName;
use mfp_tokio::mfp_proto::policy::Rate;
use mfp_tokio::mfp_store::Synchronous;
use mfp_tokio::{AcceptPolicy, Identity, Key, PeerConfig, StoreOptions};
use tracing::Level;

use super::fixture::{FULL, Fixture, shown};
use crate::config::{Backend, Format, To};

const LEAST: &str = "runtime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\n";

#[test]
fn the_least_file_has_the_defaults() {
    let fixture = Fixture::new();
    let config = fixture.loaded(LEAST);
    let identity = Identity::new([0x11; 32], "d", "i").unwrap();
    assert_eq!(config.identity.id(), identity.id());
    let store = config.store.unwrap();
    assert_eq!(store.path, fixture.path().join("mfp.db"));
    assert!(matches!(store.key, Key::Bytes(key) if *key.expose_secret() == [0x22; 32]));
    assert_eq!((store.synchronous, store.max_bytes), (Synchronous::Full, 4 << 30));
    assert!(config.listen.is_empty() && config.agents.is_empty() && config.peers.is_empty());
    // What is declared as a default is what the core, the drivers and the store have as theirs.
    let core = mfp_tokio::default_config();
    assert_eq!(format!("{:?}", config.core), format!("{core:?}"));
    assert_eq!(format!("{:?}", config.net), format!("{:?}", mfp_tokio::NetLimits::default()));
    assert_eq!(store.max_bytes, StoreOptions::new("x", Key::Unencrypted).max_bytes);
    assert_eq!(config.core.delivery.agent_timeout, Duration::from_mins(2));
    assert_eq!((config.log.level, config.log.format), (Level::INFO, Format::Text));
    assert_eq!(config.control, fixture.path().join("mfp.sock"));
}

#[test]
fn the_least_peer_has_the_defaults() {
    let fixture = Fixture::new();
    let (key, id) = ("a".repeat(64), "b".repeat(64));
    let peer = format!("{{name: b, public_key: {key}, runtime_id: {id}, address: 'b:1'}}");
    let config = fixture.loaded(&format!("{LEAST}federation: {{peers: [{peer}]}}\n"));
    let [peer] = config.peers.as_slice() else { panic!("one peer") };
    let default = PeerConfig::new(peer.config.public, peer.config.id);
    assert_eq!(format!("{:?}", peer.config.link), format!("{:?}", default.link));
    assert_eq!(peer.config.channels, default.channels);
    assert_eq!((peer.config.queue_items, peer.config.queue_bytes), (default.queue_items, default.queue_bytes));
    assert_eq!((peer.config.mode, &peer.config.accept), (default.mode, &default.accept));
}

#[test]
fn every_key_of_the_full_file_reaches_its_place() {
    let fixture = Fixture::new();
    let config = fixture.loaded(FULL);
    let limits = config.core.limits;
    assert_eq!((limits.agents, limits.channels_per_agent, limits.payload), (10, 11, 64 << 10));
    assert_eq!((limits.channel_items, limits.inbox_bytes), (12, 1 << 20));
    assert_eq!((limits.dead_letters, limits.requests), (13, 14));
    assert_eq!((config.core.depth.blocks(), config.core.drain_timeout), (8, Duration::from_secs(20)));
    assert_eq!(config.core.quarantine.rate, Rate::new(100, Duration::from_secs(1), 50).ok());
    assert_eq!(config.core.quarantine.abuse, Rate::new(10, Duration::from_mins(1), 10).ok());
    assert_eq!(config.core.quarantine.validation_failures, 4);
    assert!(config.core.delivery.agent_timeout > Duration::from_secs(200));
    assert_eq!(config.listen, ["0.0.0.0:7001", "[::1]:7002"]);
    assert_eq!((config.net.connections, config.net.accepts_per_second), (15, 16));

    let [peer] = config.peers.as_slice() else { panic!("one peer") };
    let link = peer.config.link;
    let seconds = |time: Duration| time.as_secs();
    assert_eq!([link.handshake, link.keep_alive, link.dead].map(seconds), [3, 10, 40]);
    assert_eq!([link.ack_timeout, link.message_idle, link.recovery_pause].map(seconds), [25, 9, 18]);
    assert_eq!((link.max_recovery_attempts, link.rotation.messages, link.rotation.bytes), (17, 23, 24 << 20));
    assert_eq!(link.rotation.interval, Duration::from_secs(25));
    assert_eq!((peer.config.channels, peer.config.queue_items, peer.config.queue_bytes), (20, 21, 22 << 20));
    assert_eq!(*peer.config.psk.as_ref().unwrap().expose_secret(), [0x44; 32]);
    assert_eq!(peer.config.accept, AcceptPolicy::reject().allow(None, AgentName::new("echo").ok()));
    assert_eq!((peer.address.as_deref(), peer.config.dial), (Some("mfp.example.com:7001"), true));
    assert_eq!(peer.config.limits.max_body, (64 << 10) + (4 << 10));
    assert_eq!((peer.config.limits.depth.blocks(), peer.config.limits.chan_items), (8, 12));

    let [one, other] = config.channels.as_slice() else { panic!("two channels") };
    assert_eq!((&one.to, one.depth), (&To::Own(AgentName::new("echo").unwrap()), Depth::new(2).ok()));
    assert_eq!(other.to, To::Peer("org-b".to_owned(), AgentName::new("reviewer").unwrap()));
    assert!(other.padding && !one.padding);
    assert_eq!((config.log.level, config.log.format), (Level::DEBUG, Format::Json));
    let rotation = config.audit.unwrap().rotation.unwrap();
    assert_eq!((rotation.max_size, rotation.keep), (26 << 20, 27));
    let trace = config.trace.unwrap();
    assert_eq!((trace.url.as_str(), trace.sample_millis), ("http://collector.example.org:4318/v1/traces", 250));
}

#[test]
fn agents_have_what_stands_there_and_isolated_ones_see_no_secrets() {
    let fixture = Fixture::new();
    let config = fixture.loaded(FULL);
    let [worker, hook, chat, echo, log, outside] = config.agents.as_slice() else { panic!("six agents") };
    let Backend::Subprocess(worker) = &worker.backend else { panic!("{worker:?}") };
    assert_eq!(worker.command, ["python3", "worker.py"]);
    assert_eq!(worker.directory, fixture.path().join("work"));
    assert_eq!(worker.environment.get("GREETING").map(String::as_str), Some("hello"));
    assert_eq!((worker.timeout, worker.concurrency, worker.isolate), (Duration::from_secs(200), 2, true));
    let hidden = ["api.key", "data", "hook.key", "identity.key", "master.key", "mfp.yaml", "psk.key", "run.sock"]
        .map(|name| fixture.path().join(name));
    for path in hidden {
        assert!(worker.hide.contains(&path), "{path:?} is not in {:?}", worker.hide);
    }
    // Files of the audit log that are full have names that nobody knows yet.
    let beside = fixture.problems(&FULL.replace("path: data/audit.log", "path: work/audit.log"));
    assert!(shown(&beside).contains("an audit log with `max_size`"), "{beside:?}");
    let Backend::Webhook(hook) = &hook.backend else { panic!("{hook:?}") };
    assert_eq!((hook.url.as_str(), hook.attempts, hook.concurrency), ("http://agents.example.org/mfp", 2, 3));
    assert_eq!(*hook.secret.expose_secret(), [0x33; 32]);
    let Backend::Llm(chat) = &chat.backend else { panic!("{chat:?}") };
    assert_eq!((chat.api_key.as_deref(), chat.system.as_deref()), (Some("sk-1234"), Some("Be brief.")));
    assert_eq!((chat.turns, chat.conversations, chat.max_tokens), (5, 6, Some(700)));
    assert_eq!((chat.temperature_millis, chat.attempts, chat.concurrency), (Some(250), 1, 8));
    assert_eq!([&echo.backend, &log.backend, &outside.backend], [&Backend::Echo, &Backend::Log, &Backend::External]);
}

#[test]
fn a_file_of_the_python_server_means_the_same() {
    let fixture = Fixture::new();
    let config = fixture.loaded(
        "
runtime:
  deployment_id: d
  instance_id: i
  default_frame_depth: 6
storage:
  path: mfp.db
  encrypt_at_rest: true
  master_key_file: master.key
  wal_mode: true
transport:
  host: 127.0.0.1
  port: 9876
recovery:
  max_attempts: 3
quarantine:
  validation_failure_threshold: 5
  max_message_rate: 50
  max_payload_size: 1000
agents:
  - {name: alice, type: echo}
  - {name: bob, type: log}
channels:
  - agents: [alice, bob]
    depth: 4
federation:
  peers:
    - name: other
      public_key: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      runtime_id: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      endpoint: example.org:9876
log_level: WARNING
",
    );
    assert_eq!(config.identity.id(), Identity::new([0x11; 32], "d", "i").unwrap().id());
    assert_eq!((config.core.depth.blocks(), config.core.limits.payload), (6, 1_000));
    assert_eq!(config.core.quarantine.validation_failures, 5);
    assert_eq!(config.core.quarantine.rate, Rate::new(50, Duration::from_secs(1), 50).ok());
    assert_eq!(config.listen, ["127.0.0.1:9876"]);
    let [channel] = config.channels.as_slice() else { panic!("one channel") };
    assert_eq!((channel.agent.as_str(), &channel.to), ("alice", &To::Own(AgentName::new("bob").unwrap())));
    let [peer] = config.peers.as_slice() else { panic!("one peer") };
    assert_eq!(peer.address.as_deref(), Some("example.org:9876"));
    assert_eq!(peer.config.link.max_recovery_attempts, 3);
    assert_eq!(config.log.level, Level::WARN);
}

#[test]
fn other_ways_to_say_it_are_taken() {
    let fixture = Fixture::new();
    for text in [
        "runtime: {deployment: d, instance: i, identity_key_env: KEY}\nstorage: {in_memory: true}\n",
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db, unencrypted: true}\nagents:\nchannels:\n",
        "runtime: {deployment: '1', instance: \"true\"}\nstorage: {path: m.db, master_key_env: KEY}\n",
        "\u{feff}---\nruntime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\ntransport: {listen: []}\n",
        "runtime: {deployment: d, instance: i}\nstorage: {path: m.db}\nagents: [{name: x, type: llm, base_url: \
         'http://[::1]/v1', model: m, api_key_env: TOKEN, temperature: 2}]\n",
    ] {
        let problems = fixture.problems(text);
        assert!(problems.is_empty(), "{text}\n{}", shown(&problems));
    }
    assert!(fixture.loaded("runtime: {deployment: d, instance: i}\nstorage: {in_memory: true}").store.is_none());
}
