//! Channels and what goes through them.

use std::thread;

use mfp_proto::id::AgentName;
use mfp_proto::runtime::{AcceptPolicy, CloseCause, Event, Message};
use mfp_proto::wire::item::Code;

use crate::node::Failure;
use crate::world::{PATIENCE, Pair, end, send_numbers, take, take_numbers, wait_for};

pub(crate) fn accepted_rejected_and_closed(pair: Pair) {
    let [alice, bob] = ["alice", "bob"].map(|name| Some(AgentName::new(name).unwrap()));
    let sides =
        pair.start_with(|_| {}, |_, peer| peer.accept = AcceptPolicy::reject().allow(alice.clone(), bob.clone()));
    let [one, other] = &sides;
    let (alice, _) = one.node.bind("alice");
    let (bob, inbox) = other.node.bind("bob");
    let _carol = other.node.bind("carol");
    let events = other.node.events();

    for name in ["carol", "nobody"] {
        assert!(matches!(one.node.open(alice, other.id(), name), Err(Failure::Refused(_))), "{name} may not be asked");
        wait_for(&events, |event| matches!(event, Event::ChannelRefused { .. }));
    }
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    let opened = |event: &Event| matches!(event, Event::RemoteChannelOpened { channel: of, agent, opener: false, .. } if (*of, *agent) == (channel, bob));
    wait_for(&events, opened);
    one.node.send_acked(alice, channel, Message::new(b"hello")).unwrap();
    assert_eq!(take(&inbox), b"hello");
    let (accepted, acked) = one.node.send_tracked(alice, channel, Message::new(b"again")).unwrap();
    assert_eq!(acked.unwrap(), accepted, "first it is here, and then it is there");
    assert_eq!(take(&inbox), b"again");

    one.node.close(channel);
    let closed = CloseCause::Peer(Code::Done);
    wait_for(
        &events,
        |event| matches!(event, Event::RemoteChannelClosed { channel: of, cause, .. } if (*of, *cause) == (channel, closed)),
    );
    for (node, agent) in [(&one.node, alice), (&other.node, bob)] {
        let sent = node.send(agent, channel, Message::new(b"too late"));
        assert!(matches!(sent, Err(Failure::Refused(_))), "{sent:?}");
    }
    end(sides);
}

pub(crate) fn both_directions_at_once(pair: Pair) {
    const MESSAGES: u32 = 500;
    let sides = pair.start();
    let [one, other] = &sides;
    let (alice, to_alice) = one.node.bind("alice");
    let (bob, to_bob) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| send_numbers(&*one.node, alice, channel, 0..MESSAGES));
        scope.spawn(|| send_numbers(&*other.node, bob, channel, 0..MESSAGES));
        let inbox = scope.spawn(move || take_numbers(&to_alice, 0..MESSAGES));
        take_numbers(&to_bob, 0..MESSAGES);
        inbox.join().unwrap();
    });
    end(sides);
}

pub(crate) fn answers_in_the_handler(pair: Pair) {
    let sides = pair.start();
    let [one, other] = &sides;
    other.node.handle("bob", |question| Some(question.iter().rev().copied().collect()));
    let askers = ["alice", "anne", "agnes"].map(|name| {
        let (agent, _) = one.node.bind(name);
        (agent, one.node.open(agent, other.id(), "bob").unwrap())
    });
    thread::scope(|scope| {
        for (agent, channel) in askers {
            scope.spawn(move || {
                for size in [1, 100, 10_000, 100_000, 900_000, 7, 70] {
                    let question: Vec<u8> = (0..=250).cycle().take(size).collect();
                    let answer = one.node.request(agent, channel, &question, PATIENCE).unwrap();
                    assert!(answer.iter().rev().eq(&question), "the answer to {size} bytes");
                }
            });
        }
    });
    end(sides);
}

pub(crate) fn slow_agent_beside_a_fast_one(pair: Pair) {
    const MESSAGES: u32 = 300;
    let sides = pair.start();
    let [one, other] = &sides;
    let (alice, _) = one.node.bind("alice");
    let (_, slow) = other.node.bind("slow");
    other.node.handle("fast", |question| Some(question.to_vec()));
    let to_slow = one.node.open(alice, other.id(), "slow").unwrap();
    let to_fast = one.node.open(alice, other.id(), "fast").unwrap();
    send_numbers(&*one.node, alice, to_slow, 0..MESSAGES);
    let held = slow.recv_timeout(PATIENCE).unwrap();
    for _ in 0..50 {
        assert_eq!(one.node.request(alice, to_fast, b"quick", PATIENCE).unwrap(), b"quick");
    }
    assert_eq!(held.done(), 0_u32.to_be_bytes());
    take_numbers(&slow, 1..MESSAGES);
    end(sides);
}

pub(crate) fn full_queue(pair: Pair) {
    const MESSAGES: u32 = 300;
    let sides = pair.start_with(|_| {}, |_, peer| peer.queue_items = 32);
    let [one, other] = &sides;
    let (alice, _) = one.node.bind("alice");
    let (_, inbox) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    // Nobody takes anything, so sooner or later there is no room.
    let mut sent = 0_u32;
    let full = loop {
        match one.node.try_send(alice, channel, Message::new(&sent.to_be_bytes())) {
            Ok(_) => sent += 1,
            Err(failure) => break failure,
        }
        assert!(sent < MESSAGES, "there is room without end");
    };
    assert_eq!(full, Failure::Full);
    thread::scope(|scope| {
        scope.spawn(|| send_numbers(&*one.node, alice, channel, sent..MESSAGES));
        take_numbers(&inbox, 0..MESSAGES);
    });
    end(sides);
}
