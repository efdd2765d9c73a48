//! What nodes in processes of their own note of the messages that they send and handle, and whether it is as promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mfp_proto::crypto::Secret;
use mfp_proto::id::Identity;
use mfp_store::{Key, StoreOptions};

/// The identity of the node with this number, which is not zero.
///
/// # Panics
/// Never: the labels are valid.
pub fn identity(number: u8) -> Identity {
    #[allow(clippy::expect_used, reason = "two constants")]
    Identity::new([number; 32], "process", "node").expect("the labels are valid")
}

/// The options of a node's store.
pub fn store(path: &Path) -> StoreOptions {
    StoreOptions::new(path, Key::Bytes(Secret::from_bytes([7; 32])))
}

/// The `k`th message of an agent, of at least `size` bytes.
pub fn payload(own: u8, agent: u8, k: u64, size: usize) -> Vec<u8> {
    let mut text = format!("{own} {agent} {k} ");
    let missing = size.saturating_sub(text.len());
    text.extend(std::iter::repeat_n('.', missing));
    text.into_bytes()
}

/// What an agent has noted of the messages that it has sent.
#[derive(Debug, Default)]
pub struct Sent {
    tried: BTreeSet<u64>,
    /// The id of each that had a receipt.
    receipts: BTreeMap<u64, String>,
    /// Those of which the sender was told that they had none.
    failed: BTreeSet<u64>,
}

impl Sent {
    /// The note before a message is sent.
    pub fn tried(k: u64) -> String {
        format!("try {k}")
    }

    /// The note of a receipt.
    pub fn receipt(k: u64, message: &str) -> String {
        format!("ok {k} {message}")
    }

    /// The note of a message that had no receipt.
    pub fn failed(k: u64, why: &str) -> String {
        format!("failed {k} {why}")
    }

    /// What agent `number` of the node in `dir` has noted.
    pub fn read(dir: &Path, number: u8) -> Self {
        let mut sent = Self::default();
        let text = fs::read_to_string(dir.join(format!("sent-{number}"))).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (what, k, more) = (words.next(), words.next().and_then(|k| k.parse().ok()), words.next());
            match (what, k) {
                (Some("try"), Some(k)) => drop(sent.tried.insert(k)),
                (Some("ok"), Some(k)) => drop(sent.receipts.insert(k, more.unwrap_or_default().to_owned())),
                (Some("failed"), Some(k)) => drop(sent.failed.insert(k)),
                _ => {}
            }
        }
        sent
    }

    /// The number of the next message.
    pub fn next(dir: &Path, number: u8) -> u64 {
        Self::read(dir, number).tried.last().map_or(0, |k| k + 1)
    }

    /// Messages that had a receipt.
    pub fn receipts(&self) -> usize {
        self.receipts.len()
    }

    /// Messages whose sender was told that they are not known to be sent.
    pub fn failures(&self) -> usize {
        self.failed.len()
    }
}

/// What two nodes have to show for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that had a receipt.
    pub receipts: usize,
    /// Messages that were handled.
    pub handled: usize,
    /// How often one was handled again.
    pub repeats: usize,
    /// Messages that were tried and had no receipt.
    pub failures: usize,
}

/// A message that was handled: its id, sender, agent and number.
type Handled = (String, u8, u8, u64);

/// The notes of what was handled.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Log {
    /// The note of a message that is being handled.
    pub fn handled(message: &str, payload: &[u8]) -> String {
        format!("{message} {}", String::from_utf8_lossy(payload))
    }

    fn read(dir: &Path) -> Vec<Handled> {
        let text = fs::read_to_string(dir.join("handled")).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split(' ');
            let id = words.next()?.to_owned();
            Some((id, words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        };
        text.lines().filter_map(line).collect()
    }
}

/// What the node in `dir` has noted of its link and its store, a line each.
pub fn events(dir: &Path) -> Vec<String> {
    fs::read_to_string(dir.join("events")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Compares what each of two nodes has sent with what the other has handled: every message with a receipt once, all in
/// order, and again only under the same id; and no loss was suspected. The nodes are their numbers and directories.
///
/// # Errors
/// What is wrong, a line each.
pub fn check(nodes: [(u8, &Path); 2], agents: u8) -> Result<Tally, String> {
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for (from, to) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
        let handled = Log::read(to.1);
        let suspended = events(from.1).into_iter().filter(|event| event.starts_with("PeerSuspended"));
        wrong.extend(suspended.map(|event| format!("node {}: {event}", from.0)));
        for agent in 0..agents {
            let sent = Sent::read(from.1, agent);
            let who = format!("node {} agent {agent}", from.0);
            let mut seen: BTreeMap<u64, &str> = BTreeMap::new();
            for (id, _, _, k) in handled.iter().filter(|(_, node, of, _)| (*node, *of) == (from.0, agent)) {
                match seen.get(k) {
                    Some(first) if first == id => tally.repeats += 1,
                    Some(first) => wrong.push(format!("{who}: {k} was handled as {first} and as {id}")),
                    None => {
                        if let Some((last, _)) = seen.last_key_value().filter(|(last, _)| *last > k) {
                            wrong.push(format!("{who}: {k} was handled after {last}"));
                        }
                        if !sent.tried.contains(k) {
                            wrong.push(format!("{who}: {k} was handled and never sent"));
                        }
                        seen.insert(*k, id);
                    }
                }
            }
            for (k, id) in &sent.receipts {
                match seen.get(k) {
                    Some(as_id) if as_id == id => {}
                    Some(other) => wrong.push(format!("{who}: {k} has a receipt as {id} and was handled as {other}")),
                    None => wrong.push(format!("{who}: {k} has a receipt and was not handled")),
                }
            }
            tally.receipts += sent.receipts();
            tally.handled += seen.len();
            tally.failures += sent.tried.len() - sent.receipts();
        }
    }
    if wrong.is_empty() {
        return Ok(tally);
    }
    wrong.truncate(20);
    Err(wrong.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes, of which the first has sent and the second handled what the notes say.
    fn judge(sent: &[String], handled: &[String]) -> Result<Tally, String> {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        fs::write(dirs[0].path().join("sent-0"), sent.join("\n")).unwrap();
        fs::write(dirs[1].path().join("handled"), handled.join("\n")).unwrap();
        check([(1, dirs[0].path()), (2, dirs[1].path())], 1)
    }

    fn handled(id: &str, k: u64) -> String {
        Log::handled(id, &payload(1, 0, k, 30))
    }

    #[test]
    fn what_is_wrong_is_found() {
        let sent =
            [Sent::tried(0), Sent::tried(1), Sent::receipt(0, "a"), Sent::tried(2), Sent::receipt(2, "c")].map(|it| it);
        let good = judge(&sent, &[handled("a", 0), handled("a", 0), handled("b", 1), handled("c", 2)]).unwrap();
        assert_eq!(good, Tally { receipts: 2, handled: 3, repeats: 1, failures: 1 });
        for (bad, why) in [
            (vec![handled("a", 0)], "has a receipt and was not handled"),
            (vec![handled("c", 2), handled("a", 0)], "was handled after"),
            (vec![handled("a", 0), handled("d", 0), handled("c", 2)], "was handled as"),
            (vec![handled("a", 0), handled("d", 2)], "has a receipt as"),
            (vec![handled("a", 0), handled("c", 2), handled("d", 3)], "never sent"),
        ] {
            assert!(judge(&sent, &bad).unwrap_err().contains(why), "{why}");
        }
    }
}
