//! Keys are changed while messages flow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::runtime::Message;

use crate::node::{Node, Received};
use crate::world::{Pair, Side, end, take};

/// Messages that a side may be ahead of the other one.
const QUEUE: u32 = 256;
/// The last message.
const END: u32 = u32::MAX;

/// Sends numbers, as fast as the other side takes them, until that has been enough.
fn send_while(node: &dyn Node, agent: AgentId, channel: ChannelId, over: &AtomicBool) {
    let numbers = (0..END).take_while(|_| !over.load(Ordering::Relaxed));
    for number in numbers.chain([END]) {
        node.send(agent, channel, Message::new(&number.to_be_bytes())).unwrap();
    }
}

/// Takes numbers in order, up to the end.
fn take_all(inbox: &Receiver<Received>, taken: impl Fn(u32)) {
    for number in 0.. {
        match u32::from_be_bytes(take(inbox).try_into().unwrap()) {
            END => return,
            other => assert_eq!(other, number, "out of order"),
        }
        taken(number);
    }
}

/// Messages in both directions, at least so many in one of them, until that has been `enough`.
fn load(sides: &[Side; 2], at_least: u32, enough: impl Fn(u32) -> bool + Sync) {
    let [one, other] = sides;
    let (alice, to_alice) = one.node.bind("alice");
    let (bob, to_bob) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| send_while(&*one.node, alice, channel, &over));
        scope.spawn(|| send_while(&*other.node, bob, channel, &over));
        scope.spawn(move || take_all(&to_alice, |_| {}));
        take_all(&to_bob, |taken| {
            if taken >= at_least && enough(taken) {
                over.store(true, Ordering::Relaxed);
            }
        });
    });
}

pub(crate) fn rotation_under_load(pair: Pair) {
    let sides = pair.start_with(
        |_| {},
        |_, peer| {
            peer.link.rotation.messages = 16;
            peer.queue_items = QUEUE;
        },
    );
    let [one, other] = &sides;
    let rotations = |side: &Side, peer: &Side| side.node.peer(peer.id()).unwrap().stats.rotations;
    load(&sides, 500, |taken| {
        // And by the operator's word, unless one is under way.
        if taken.is_multiple_of(50) {
            one.node.rotate(other.id());
        }
        rotations(one, other) >= 5
    });
    assert!(rotations(other, one) >= 4, "each rotation is one of both sides");
    let sessions = [(one, other), (other, one)].map(|(side, peer)| side.node.peer(peer.id()).unwrap().stats.sessions);
    assert_eq!(sessions, [1, 1], "no session had to end for it");
    end(sides);
}

pub(crate) fn planned_handshake_under_load(pair: Pair) {
    let sides = pair.start_with(
        |_| {},
        |_, peer| {
            peer.queue_items = QUEUE;
            let age = &mut peer.link.age;
            (age.planned, age.spread, age.end) = (Duration::from_millis(300), Duration::ZERO, Duration::from_mins(1));
        },
    );
    let [one, other] = &sides;
    load(&sides, 100, |_| one.node.peer(other.id()).unwrap().stats.sessions >= 3);
    end(sides);
}
