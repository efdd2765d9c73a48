//! An end in the middle of everything.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;

use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::Message;

use crate::node::{Failure, Node, Received};
use crate::world::{Kept, PATIENCE, Pair, Side, eventually};

/// Agents on each side.
const AGENTS: [&str; 3] = ["ann", "ben", "cid"];

/// What an agent has seen: the ids of the messages, in order of their numbers.
type Seen = Vec<MessageId>;

/// Checks that a message is the next one, or one of before that comes again.
fn note(seen: &mut Seen, received: Received) {
    let message = received.message;
    let number = u32::from_be_bytes(received.done().try_into().unwrap()) as usize;
    if let Some(before) = seen.get(number) {
        assert_eq!(*before, message, "number {number} comes twice");
    } else {
        assert_eq!(number, seen.len(), "out of order");
        seen.push(message);
    }
}

/// Numbers, until there is no receipt any more. Returns how many there were.
fn send_all(node: &dyn Node, agent: AgentId, channel: ChannelId) -> usize {
    for number in 0_u32.. {
        match node.send(agent, channel, Message::new(&number.to_be_bytes())) {
            Ok(_) => {}
            Err(Failure::Refused(_) | Failure::Uncertain) => return number as usize,
            Err(failure) => panic!("{failure:?}"),
        }
    }
    usize::MAX
}

fn bind_all(side: &Side) -> Vec<(AgentId, Receiver<Received>)> {
    AGENTS.iter().map(|name| side.node.bind(name)).collect()
}

/// Both sides are shut down while all their agents send to each other, and started again: whatever had a receipt arrives,
/// once and in order. A volatile link must not be cut on both sides; there, only the one that connects ends.
pub(crate) fn shutdown_under_load(pair: Pair) {
    let mut sides = pair.start_with(|_| {}, |_, peer| peer.queue_items = 256);
    let ends = if pair.kept == Kept::Volatile { 1 } else { 2 };
    let agents = [bind_all(&sides[0]), bind_all(&sides[1])];
    let open = |(agent, name)| sides[0].node.open(agent, sides[1].id(), name).unwrap();
    let channels: Vec<_> = agents[0].iter().map(|(agent, _)| *agent).zip(AGENTS).map(open).collect();

    let taken = AtomicU32::new(0);
    let (receipts, seen): (Vec<usize>, Vec<Seen>) = thread::scope(|scope| {
        let (mut senders, mut takers) = (Vec::new(), Vec::new());
        for (at, agents) in agents.into_iter().enumerate() {
            for ((agent, inbox), channel) in agents.into_iter().zip(channels.clone()) {
                let (node, taken) = (&*sides[at].node, &taken);
                senders.push(scope.spawn(move || if at < ends { send_all(node, agent, channel) } else { 0 }));
                takers.push(scope.spawn(move || {
                    let mut seen = Seen::new();
                    while let Ok(received) = inbox.recv() {
                        note(&mut seen, received);
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    seen
                }));
            }
        }
        eventually("messages flow", || taken.load(Ordering::Relaxed) >= 300);
        thread::scope(|scope| {
            for side in &sides[..ends] {
                scope.spawn(|| side.node.shutdown());
            }
        });
        let receipts: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        if ends == 1 {
            let sent = receipts.iter().sum::<usize>();
            eventually("all arrives", || taken.load(Ordering::Relaxed) as usize >= sent);
            sides[1].node.shutdown();
        }
        (receipts, takers.into_iter().map(|taker| taker.join().unwrap()).collect())
    });
    // What one side's agents have sent, the other side's see.
    let (from_one, from_other) = receipts.split_at(AGENTS.len());
    let receipts = [from_other, from_one].concat();
    if ends == 1 {
        for (receipts, seen) in receipts.iter().zip(&seen) {
            assert!(seen.len() >= *receipts, "{} of {receipts}", seen.len());
        }
        return;
    }

    let [one, other] = &mut sides;
    other.restart(&[]);
    one.restart(&[other]);
    let inboxes = [bind_all(one), bind_all(other)].into_iter().flatten();
    for (((_, inbox), mut seen), receipts) in inboxes.zip(seen).zip(receipts) {
        while seen.len() < receipts {
            note(&mut seen, inbox.recv_timeout(PATIENCE).expect("what had a receipt"));
        }
    }
    one.node.shutdown();
    other.node.shutdown();
}
