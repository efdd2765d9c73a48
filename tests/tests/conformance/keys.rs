//! Keys are changed while messages flow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::runtime::Message;

use crate::node::Node;
use crate::world::{Pair, Side, end, take, take_numbers};

/// Sends from one side until that has been enough. Returns how many messages that were.
fn send_while(node: &dyn Node, agent: AgentId, channel: ChannelId, enough: &AtomicBool) -> u32 {
    let mut sent = 0_u32;
    while !enough.load(Ordering::Relaxed) {
        node.send(agent, channel, Message::new(&sent.to_be_bytes())).unwrap();
        sent += 1;
    }
    sent
}

/// Messages in both directions, each as fast as the other side takes them, until `enough`.
fn load(sides: &[Side; 2], at_least: u32, enough: impl Fn(u32) -> bool + Sync) {
    let [one, other] = sides;
    let (alice, to_alice) = one.node.bind("alice");
    let (bob, to_bob) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let from_one = scope.spawn(|| send_while(&*one.node, alice, channel, &over));
        let from_other = scope.spawn(|| send_while(&*other.node, bob, channel, &over));
        let back = scope.spawn(move || {
            take_numbers(&to_alice, 0..at_least);
            to_alice
        });
        let mut taken = 0;
        while taken < at_least || !enough(taken) {
            assert_eq!(take(&to_bob), taken.to_be_bytes());
            taken += 1;
        }
        let to_alice = back.join().unwrap();
        over.store(true, Ordering::Relaxed);
        let rest = scope.spawn(move || take_numbers(&to_bob, taken..from_one.join().unwrap()));
        take_numbers(&to_alice, at_least..from_other.join().unwrap());
        rest.join().unwrap();
    });
}

pub(crate) fn rotation_under_load(pair: Pair) {
    let sides = pair.start_with(|_| {}, |_, peer| peer.link.rotation.messages = 16);
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
            let age = &mut peer.link.age;
            (age.planned, age.spread, age.end) = (Duration::from_millis(300), Duration::ZERO, Duration::from_mins(1));
        },
    );
    let [one, other] = &sides;
    load(&sides, 100, |_| one.node.peer(other.id()).unwrap().stats.sessions >= 3);
    end(sides);
}
