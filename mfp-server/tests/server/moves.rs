//! What makes each metric move. One without a cause is a metric that nobody has seen at work.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::collector::Collector;
use crate::place::{Server, mfp};
use crate::proxy::{Mood, Proxy};
use crate::watch::{documented, free, metrics, until};

/// Where a metric is seen to move.
enum Seen {
    /// In this file: by what.
    By(&'static str),
    /// It is what the configuration says.
    Fixed(f64),
    /// A server as it is gives no cause that can be made from outside: a test of this name, in this file, does.
    At(&'static str, &'static str),
}
use Seen::{At, By, Fixed};

const MOVES: &[(&str, Seen)] = &[
    ("build_info", Fixed(1.0)),
    ("uptime_seconds", By("time")),
    ("quarantine_events_total", By("mfp quarantine")),
    ("handshakes_failed_total", By("a handshake that was spoiled on its way")),
    ("events_missed_total", At("mfp-server/src/ops/state.rs", "what_came_too_fast_is_counted")),
    ("trace_spans_exported_total", By("a collector that takes them")),
    ("trace_spans_dropped_total", By("a collector that has gone")),
    ("messages_sent_total", By("a message inside the server")),
    ("messages_sent_bytes_total", By("a message inside the server")),
    ("messages_queued_total", By("a message for the peer")),
    ("messages_received_total", By("a message of the peer")),
    ("messages_processed_total", By("a message that is received")),
    ("messages_lost_total", By("mfp recover reset, with messages queued")),
    ("messages_expired_total", By("a message with a ttl for a peer that is away")),
    ("deliveries_total", By("a message that is received")),
    ("handler_failures_total", By("a webhook that nobody answers")),
    (
        "handler_timeouts_total",
        At("mfp-tokio/tests/driver/handlers.rs", "a_handler_that_fails_or_takes_too_long_gets_its_message_again"),
    ),
    ("validation_failures_total", At("tests/tests/stages/runtime.rs", "so_many_failures_in_a_row_quarantine")),
    ("requests_unanswered_total", By("a request that nobody answers")),
    ("dead_lettered_total", By("a webhook that nobody answers, three times")),
    ("messages_refused_total", By("more messages than the rate has")),
    ("agents", By("mfp quarantine")),
    ("quarantined_agents", By("mfp quarantine")),
    ("active_agents", By("mfp quarantine")),
    ("active_channels", By("mfp open and mfp close")),
    ("pending_messages", By("a message that nobody takes")),
    ("dead_letters", By("a webhook that nobody answers, three times")),
    ("peers", By("a peer that is added by mfp reload")),
    ("links", By("a link that is cut")),
    ("lanes", By("a link that is cut")),
    ("connections", By("a link that is cut")),
    ("connections_accepted_total", By("a link")),
    ("connections_refused_total", By("more connections than there may be")),
    ("connections_dialed_total", By("a link")),
    ("dials_failed_total", By("a peer that is dead")),
    ("strangers_dropped_total", By("a connection that says nothing")),
    ("batches_total", By("a message")),
    ("store_failures_total", By("a full disk")),
    ("store_commits_total", By("a message")),
    ("store_batches_total", By("a message")),
    ("store_operations_total", By("a message")),
    ("store_commit_seconds", By("a message")),
    ("store_longest_commit_seconds", By("a message")),
    ("store_used_bytes", By("messages that wait")),
    ("store_limit_bytes", Fixed(3_758_096_384.0)),
    ("store_max_bytes", Fixed(4_294_967_296.0)),
    ("peer_sessions_total", By("a link that is cut")),
    ("peer_attempts_failed_total", By("a peer that is dead")),
    ("peer_rotations_total", By("mfp rotate")),
    ("peer_sent_total", By("a message for the peer")),
    ("peer_received_total", By("a message of the peer")),
    ("peer_sent_bytes_total", By("a message for the peer")),
    ("peer_received_bytes_total", By("a message of the peer")),
    ("peer_items_resent_total", By("messages that were swallowed, and a link that is cut")),
    ("peer_repeats_total", At("mfp-proto/src/link/window/receive.rs", "repeats_are_dropped_and_holes_are_failures")),
    ("peer_up", By("a link that is cut")),
    ("peer_suspended", By("a peer that was reset")),
    ("peer_unacked_items", By("messages that are swallowed")),
    ("peer_queued_items", By("a message for a peer that is away")),
    ("peer_queued_bytes", By("a message for a peer that is away")),
    ("peer_channels", By("mfp open and mfp close")),
    ("peer_breaker", By("a peer that is dead for long")),
    ("peer_rejected_total", By("a message that was spoiled on its way")),
];

/// What a server says of itself, from time to time.
struct Watched {
    http: String,
    pages: Vec<BTreeMap<String, f64>>,
}

impl Watched {
    fn new() -> Self {
        Self { http: free(), pages: Vec::new() }
    }

    fn note(&mut self) {
        self.pages.push(metrics(&self.http));
    }

    /// Waits until a sample is above this, and notes that.
    fn until_above(&mut self, sample: &str, least: f64) {
        until(sample, || metrics(&self.http).get(sample).is_some_and(|value| *value > least));
        self.note();
    }

    /// Whether a metric was seen to move. Counters begin at zero with the process.
    fn has_moved(&self, name: &str, kind: &str) -> bool {
        let of_it = |sample: &str| {
            let rest = sample.strip_prefix("mfp_").and_then(|sample| sample.strip_prefix(name));
            rest.is_some_and(|rest| matches!(rest, "" | "_count") || rest.starts_with('{'))
        };
        let mut seen: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for (sample, value) in self.pages.iter().flatten().filter(|(sample, _)| of_it(sample)) {
            let values = seen.entry(sample).or_default();
            values.insert(value.to_bits());
            if kind != "gauge" {
                values.insert(0.0_f64.to_bits());
            }
        }
        seen.values().any(|values| values.len() > 1)
    }
}

/// A small disk, for who may mount one.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Changes the file of a server.
fn edit(server: &Server, from: &str, to: &str) {
    let file = server.file("mfp.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

fn send(server: &Server, more: &[&str], payload: &str) {
    let mut all = vec!["send", "--from", "alice", "--to", "bob@b"];
    all.extend(more);
    all.push(payload);
    server.ask(&all);
}

/// alice at a, bob at b, and between them what spoils things.
fn pair(seen: &[Watched; 2]) -> ([Server; 2], Proxy, Collector) {
    let [mut a, mut b] = ["a", "b"].map(Server::init);
    let (proxy, collector) = (Proxy::start(&b.listen), Collector::start());
    let to_b = b.as_peer("b").replace(&b.listen, &proxy.address.to_string());
    let to_a = a.as_peer("a").replace(", accept", ", dial: false, accept");
    a.configure(
        "a",
        &format!(
            "agents: [{{name: alice, type: external}}, {{name: echo, type: echo}}]\n\
             channels: [{{agent: alice, to: echo}}, {{agent: alice, peer: b, to: bob}}]\n\
             federation: {{peers: [{to_b}]}}\nhttp: {{listen: \"{}\"}}\n\
             trace: {{otlp: \"http://{}\"}}\n",
            seen[0].http, collector.address
        ),
    );
    edit(&a, "transport: {", "transport: {connections: 2, ");
    b.configure(
        "b",
        &format!(
            "agents: [{{name: bob, type: external}}]\nfederation: {{peers: [{to_a}]}}\nhttp: {{listen: \"{}\"}}\n",
            seen[1].http
        ),
    );
    a.start();
    b.start();
    a.until(&["peers"], |peers| peers[0]["state"] == "up");
    a.until(&["channels"], |all| all.as_array().unwrap().len() == 3);
    b.until(&["channels"], |all| all.as_array().unwrap().len() == 1);
    ([a, b], proxy, collector)
}

/// What happens on good days.
fn good_days(a: &Server, b: &Server, seen: &mut [Watched; 2]) {
    seen.iter_mut().for_each(Watched::note);
    a.ask(&["request", "--from", "alice", "--to", "echo", "hello"]);
    send(a, &["--acked"], "across");
    seen[1].until_above("mfp_pending_messages", 0.0);
    b.ask(&["receive", "bob", "--reply", "and back"]);
    a.ask(&["receive", "alice"]);
    a.ask(&["rotate", "b"]);
    seen[0].until_above("mfp_peer_rotations_total{peer=\"b\"}", 0.0);
    let opened = a.ask(&["open", "alice", "b", "bob"]);
    seen[0].until_above("mfp_peer_channels{peer=\"b\"}", 1.0);
    a.ask(&["close", opened["channel"].as_str().unwrap()]);
    a.ask(&["quarantine", "--agent", "echo"]);
    seen[0].until_above("mfp_quarantine_events_total", 0.0);
    a.ask(&["restore", "--agent", "echo"]);
    assert!(!a.run(&["request", "--from", "alice", "--to", "bob@b", "--timeout", "100ms", "?"]).status.success());
    b.ask(&["receive", "bob"]);
    seen[0].until_above("mfp_requests_unanswered_total", 0.0);
    // Nobody says whose these are, and beside the link there is room for one.
    let strangers = [(); 3].map(|()| TcpStream::connect(&a.listen).unwrap());
    seen[0].until_above("mfp_connections_refused_total", 0.0);
    seen[0].until_above("mfp_strangers_dropped_total", 0.0);
    drop(strangers);
    seen[0].until_above("mfp_trace_spans_exported_total", 0.0);
}

/// What happens to links.
fn bad_days(a: &Server, b: &Server, seen: &mut [Watched; 2], proxy: &Proxy) {
    proxy.is(Mood::Swallows);
    (0..3).for_each(|_| send(a, &[], &"x".repeat(50_000)));
    seen[0].until_above("mfp_peer_unacked_items{peer=\"b\"}", 0.0);
    proxy.is(Mood::Passes);
    proxy.cut();
    seen[0].until_above("mfp_peer_items_resent_total{peer=\"b\"}", 0.0);
    a.until(&["peers"], |peers| peers[0]["state"] == "up" && peers[0]["queued"] == 0);
    seen[0].note();
    proxy.is(Mood::Spoils);
    b.ask(&["send", "--from", "bob", "--to", "alice@a", "spoiled"]);
    until("it is rejected", || {
        let page = metrics(&seen[0].http);
        page.iter().any(|(sample, value)| sample.starts_with("mfp_peer_rejected_total") && *value > 0.0)
    });
    seen[0].until_above("mfp_handshakes_failed_total", 0.0);
    proxy.is(Mood::Refuses);
    proxy.cut();
    send(a, &["--ttl", "100ms"], "too late");
    send(a, &[], "lost");
    seen[0].until_above("mfp_messages_expired_total", 0.0);
    seen[0].until_above("mfp_peer_attempts_failed_total{peer=\"b\"}", 0.0);
    seen[0].until_above("mfp_peer_breaker{peer=\"b\",state=\"open\"}", 0.0);
    a.ask(&["recover", "reset", "b"]);
    seen[0].until_above("mfp_messages_lost_total", 0.0);
    proxy.is(Mood::Passes);
    a.ask(&["redial", "b"]);
    seen[1].until_above("mfp_peer_suspended{peer=\"a\"}", 0.0);
    // A peer that was never there.
    let nobody = Server::init("d");
    edit(a, "{name: b,", &format!("{}, {{name: b,", nobody.as_peer("d").replace(&nobody.listen, &free())));
    a.ask(&["reload"]);
    seen[0].until_above("mfp_dials_failed_total", 0.0);
}

/// A server whose agents, rate, disk and collector are not as they should be. Whether its disk could be filled.
fn alone(seen: &mut Watched) -> bool {
    let mut c = Server::init("c");
    let disk = Disk::mount(&c.file("disk"));
    assert!(mfp(&["keygen", c.file("hook.key").to_str().unwrap()]).status.success());
    c.configure(
        "c",
        &format!(
            "agents: [{{name: alice, type: external}}, {{name: sink, type: external}}, {{name: hook, type: webhook, \
             url: \"http://{}/\", secret_file: hook.key, attempts: 1}}]\n\
             channels: [{{agent: alice, to: hook}}, {{agent: alice, to: sink}}]\n\
             quarantine: {{rate: {{messages: 8, per: 1day, burst: 8}}}}\n\
             http: {{listen: \"{}\"}}\ntrace: {{otlp: \"http://{}\"}}\n",
            free(),
            seen.http,
            free()
        ),
    );
    edit(&c, "storage: {path: mfp.db", "storage: {path: disk/mfp.db");
    c.start_with(&[] as &[(&str, &OsStr)]);
    c.until(&["channels"], |all| all.as_array().unwrap().len() == 4);
    seen.note();
    c.ask(&["send", "--from", "alice", "--to", "hook", "nobody is there"]);
    seen.until_above("mfp_dead_lettered_total", 0.0);
    seen.until_above("mfp_trace_spans_dropped_total{reason=\"collector\"}", 0.0);
    if disk.is_some() {
        let filled = fs::write(c.file("disk/more"), vec![0; 32 << 20]);
        assert!(filled.is_err(), "the disk is not full");
        let _ = c.run(&["send", "--from", "alice", "--to", "sink", &"x".repeat(100_000)]);
        seen.until_above("mfp_store_failures_total", 0.0);
        fs::remove_file(c.file("disk/more")).unwrap();
    }
    let send = || c.run(&["send", "--from", "alice", "--to", "sink", "x"]).status.success();
    until("the rate is used up", || !send());
    seen.until_above("mfp_messages_refused_total{reason=\"rate\"}", 0.0);
    c.stop();
    disk.is_some()
}

#[test]
fn every_metric_moves() {
    let mut seen = [Watched::new(), Watched::new()];
    let ([mut a, mut b], proxy, _collector) = pair(&seen);
    good_days(&a, &b, &mut seen);
    bad_days(&a, &b, &mut seen, &proxy);
    a.stop();
    b.stop();
    let mut third = Watched::new();
    let filled = alone(&mut third);
    let [first, second] = seen;
    let all = [first, second, third];

    let documented = documented();
    let mut still = Vec::new();
    let table: BTreeMap<_, _> = MOVES.iter().map(|(name, seen)| (*name, seen)).collect();
    assert_eq!(table.len(), MOVES.len(), "a metric is there twice");
    assert_eq!(table.keys().collect::<Vec<_>>(), documented.keys().collect::<Vec<_>>(), "each needs a cause");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, seen) in table {
        match seen {
            By(cause) if *name == *"store_failures_total" && !filled => {
                eprintln!("SKIPPED: no disk can be mounted here, so that {name} is not moved by {cause}");
            }
            By(cause) => {
                let moved = all.iter().any(|watched| watched.has_moved(name, documented[name]));
                still.extend((!moved).then(|| format!("mfp_{name} is not moved by {cause}")));
            }
            Fixed(value) => {
                let is = |page: &BTreeMap<String, f64>| {
                    let of_it = |sample: &str| sample.split('{').next() == Some(&format!("mfp_{name}"));
                    page.iter().any(|(sample, figure)| of_it(sample) && figure.to_bits() == value.to_bits())
                };
                still.extend((!all[0].pages.iter().all(is)).then(|| format!("mfp_{name} is not {value}")));
            }
            At(file, test) => {
                let text = fs::read_to_string(workspace.join(file)).unwrap();
                assert!(text.contains(&format!("fn {test}(")), "there is no test `{test}` in {file}");
            }
        }
    }
    assert!(still.is_empty(), "{still:#?}");
}
