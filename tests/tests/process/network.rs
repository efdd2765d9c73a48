//! Bad networks: two network namespaces, and what the kernel can do to the link between them.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::node::{Nodes, permitted};

const SECOND: Duration = Duration::from_secs(1);

/// Two namespaces with a link between them.
struct Network {
    names: [String; 2],
}

impl Network {
    /// `None` where this is not permitted.
    fn new(case: &str) -> Option<Self> {
        let names = [1, 2].map(|side| format!("mfp-{}-{case}-{side}", std::process::id()));
        let network = Self { names };
        let [one, other] = &network.names;
        if !permitted(&format!("ip netns add {one}")) || !permitted(&format!("ip netns add {other}")) {
            return None;
        }
        if !permitted(&format!("ip -n {one} link add veth type veth peer name veth netns {other}")) {
            return None;
        }
        for (side, name) in (1..).zip(&network.names) {
            run(&format!("ip -n {name} addr add 10.77.0.{side}/24 dev veth"));
            run(&format!("ip -n {name} link set lo up"));
            run(&format!("ip -n {name} link set veth up"));
        }
        Some(network)
    }

    /// A node in each.
    fn nodes(&self, more: &[&str]) -> Nodes {
        let addresses = ["10.77.0.1:7001", "10.77.0.2:7001"].map(|address| address.parse().unwrap());
        let mut pair = Nodes::at(addresses, [more, more]);
        for (node, name) in pair.nodes.iter_mut().zip(&self.names) {
            node.before = ["ip", "netns", "exec", name].map(str::to_owned).to_vec();
        }
        for node in &mut pair.nodes {
            node.begin();
        }
        pair
    }

    /// What becomes of packets that leave either side. `false` where it cannot be.
    fn shape(&self, how: &str) -> bool {
        self.names.iter().all(|name| permitted(&format!("tc -n {name} qdisc replace dev veth root {how}")))
    }

    /// Three packets of ten that come are dropped, one of ten that leave is doubled. `false` where that cannot be.
    fn lose_and_double(&self) -> bool {
        self.names.iter().zip([2, 1]).all(|(name, other)| {
            let rules = [
                "add table ip bad".to_owned(),
                "add chain ip bad in { type filter hook input priority 0; }".to_owned(),
                "add rule ip bad in numgen random mod 100 < 30 drop".to_owned(),
                "add chain ip bad out { type filter hook output priority 0; }".to_owned(),
                format!("add rule ip bad out numgen random mod 100 < 10 dup to 10.77.0.{other} device veth"),
            ];
            rules.iter().all(|rule| permitted(&format!("ip netns exec {name} nft {rule}")))
        })
    }

    fn mend(&self) {
        for name in &self.names {
            run(&format!("ip netns exec {name} nft delete table ip bad"));
        }
    }

    /// TCP segments that had to be sent again, by both sides.
    fn sent_again(&self) -> u64 {
        let of = |name: &String| {
            let shown = Command::new("ip").args(["netns", "exec", name, "cat", "/proc/net/snmp"]).output().unwrap();
            let text = String::from_utf8(shown.stdout).unwrap();
            let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: ")).map(str::split_whitespace);
            let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
            names.zip(values).find(|(name, _)| *name == "RetransSegs").unwrap().1.parse::<u64>().unwrap()
        };
        self.names.iter().map(of).sum()
    }

    fn link(&self, state: &str) {
        run(&format!("ip -n {} link set veth {state}", self.names[0]));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.names {
            // One that there is not needs no deletion.
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

fn run(command: &str) {
    assert!(permitted(command));
}

#[test]
fn lost_and_doubled_packets() {
    let Some(network) = Network::new("loss") else { return };
    let pair = network.nodes(&["--pause", "1"]);
    sleep(SECOND);
    let (before, sent_again) = (pair.nodes[1].handled(), network.sent_again());
    if !network.lose_and_double() {
        return;
    }
    sleep(12 * SECOND);
    let handled = pair.nodes[1].handled() - before;
    let sent_again = network.sent_again() - sent_again;
    network.mend();
    let tally = pair.finish();
    println!("30 % loss: {handled} handled in 12 s, {sent_again} segments sent again, {tally:?}");
    assert!(handled > 0 && sent_again > 10, "{handled} {sent_again}");
}

#[test]
fn partition() {
    let Some(network) = Network::new("cut") else { return };
    let pair = network.nodes(&["--pause", "1"]);
    sleep(2 * SECOND);
    network.link("down");
    sleep(20 * SECOND);
    let in_it = pair.nodes[0].sent().0;
    network.link("up");
    sleep(SECOND);
    assert!(pair.nodes[0].sent().0 >= in_it);
    let tally = pair.finish();
    println!("a partition of 20 s: {tally:?}");
    assert!(tally.receipts > 1_000 && tally.failures == 0, "{tally:?}");
}

#[test]
fn a_peer_that_stops_reading() {
    let mut pair = Nodes::on_loopback([&["--size", "4000"]; 2]);
    for node in &mut pair.nodes {
        node.begin();
    }
    sleep(SECOND);
    pair.nodes[1].pause(true);
    sleep(2 * SECOND);
    let early = pair.nodes[0].resident();
    sleep(8 * SECOND);
    let late = pair.nodes[0].resident();
    pair.nodes[1].pause(false);
    let tally = pair.finish();
    println!(
        "a peer that reads nothing for 10 s: {} MiB resident after 2 s, {} after 10, {tally:?}",
        early >> 20,
        late >> 20
    );
    assert!(late < 256 << 20, "{late} bytes");
    assert_eq!(tally.failures, 0, "{tally:?}");
}

#[test]
fn a_slow_link_with_a_deep_queue() {
    let Some(network) = Network::new("slow") else { return };
    // Four seconds of traffic fit the queue.
    if !network.shape("tbf rate 1mbit burst 16kb latency 4s") {
        return;
    }
    let pair = network.nodes(&["--size", "1000", "--at-once", "64"]);
    sleep(10 * SECOND);
    let down: usize = pair.nodes.iter().map(|node| node.events("LinkDown")).sum();
    network.shape("pfifo");
    let tally = pair.finish();
    println!("1 Mbit/s and a queue of 4 s: {tally:?}");
    assert_eq!((down, tally.failures), (0, 0), "slowness is no failure");
}
