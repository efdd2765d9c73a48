//! Links: who connects, who must not, and what keeps them up.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mfp_proto::id::Identity;
use mfp_proto::runtime::{Event, Message};

use crate::world::{Pair, Side, end, eventually, send_numbers, take, take_numbers, wait_for};

pub(crate) fn dialed_from_both_sides(pair: Pair) {
    const MESSAGES: u32 = 100;
    let [first, second] = pair.drivers;
    let mut sides = [Side::start(first, 1, pair.kept, |_| {}), Side::start(second, 2, pair.kept, |_| {})];
    let [one, other] = &mut sides;
    let (of_one, of_other) = (one.as_peer(pair.kept, true), other.as_peer(pair.kept, true));
    one.meet(of_other, other);
    other.meet(of_one, one);
    let (alice, to_alice) = one.node.bind("alice");
    let (bob, to_bob) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    let back = other.node.open(bob, one.id(), "alice").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| send_numbers(&*one.node, alice, channel, 0..MESSAGES));
        scope.spawn(|| send_numbers(&*other.node, bob, back, 0..MESSAGES));
        let inbox = scope.spawn(move || take_numbers(&to_alice, 0..MESSAGES));
        take_numbers(&to_bob, 0..MESSAGES);
        inbox.join().unwrap();
    });
    let session = |side: &Side, peer: &Side| side.node.peer(peer.id())?.link?.session.map(|session| session.id);
    eventually("one connection, and one session on both sides", || {
        let (here, there) = (session(one, other), session(other, one));
        let connections = [one.node.stats().connections, other.node.stats().connections];
        here.is_some() && here == there && connections == [1, 1]
    });
    end(sides);
}

pub(crate) fn wrong_key(pair: Pair) {
    let [first, second] = pair.drivers;
    let (mut one, mut other) = (Side::start(first, 1, pair.kept, |_| {}), Side::start(second, 2, pair.kept, |_| {}));
    let impostor = Identity::new([3; 32], "conformance", "runtime-2").unwrap();
    let mut of_other = other.as_peer(pair.kept, true);
    of_other.public = *impostor.public();
    other.meet(one.as_peer(pair.kept, false), &one);
    let events = one.node.events();
    one.meet(of_other, &other);
    let (alice, _) = one.node.bind("alice");
    let _bob = other.node.bind("bob");
    wait_for(&events, |event| matches!(event, Event::ConnectFailed { .. }));
    let (node, peer) = (Arc::clone(&one.node), other.id());
    let asking = thread::spawn(move || node.open(alice, peer, "bob"));
    one.node.redial(other.id());
    wait_for(&events, |event| matches!(event, Event::ConnectFailed { .. }));
    for (side, peer) in [(&one, &other), (&other, &one)] {
        let status = side.node.peer(peer.id()).unwrap();
        assert_eq!((status.stats.sessions, status.link.unwrap().session), (0, None));
    }
    assert_eq!(other.node.stats().remote_channels, 0);
    one.node.shutdown();
    other.node.shutdown();
    asking.join().unwrap().expect_err("there can be no channel");
}

pub(crate) fn idle_beyond_every_timer(pair: Pair) {
    const DEAD: Duration = Duration::from_millis(1_500);
    let sides = pair.start_with(
        |_| {},
        |_, peer| {
            let link = &mut peer.link;
            (link.keep_alive, link.dead) = (Duration::from_millis(150), DEAD);
            (link.ack_timeout, link.message_idle, link.handshake) = (DEAD, DEAD, DEAD);
            (link.rotation.interval, link.rotation.timeout) = (Duration::from_millis(500), DEAD);
        },
    );
    let [one, other] = &sides;
    let (alice, _) = one.node.bind("alice");
    let (_, inbox) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    one.node.send_acked(alice, channel, Message::new(b"before")).unwrap();
    assert_eq!(take(&inbox), b"before");
    let sent = |side: &Side, peer: &Side| side.node.peer(peer.id()).unwrap().stats;
    let before = [sent(one, other), sent(other, one)];
    // Each of these takes at least `keep_alive`; together they take longer than `dead`.
    eventually("keep-alives from both sides", || {
        let now = [sent(one, other), sent(other, one)];
        now.iter().zip(&before).all(|(now, before)| now.messages_sent >= before.messages_sent + 12)
    });
    one.node.send_acked(alice, channel, Message::new(b"after")).unwrap();
    assert_eq!(take(&inbox), b"after");
    assert_eq!([sent(one, other).sessions, sent(other, one).sessions], [1, 1], "the link was up all the time");
    end(sides);
}
