//! Channels between two runtimes: opening, delivery, and closing.

use core::time::Duration;
use std::vec::Vec;

use super::super::*;
use super::net::{Net, durable, name, volatile};
use crate::wire::item::Code;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn messages_go_both_ways() {
    for change in [durable as fn(usize, &mut PeerConfig), volatile] {
        let mut net = Net::new(2, change);
        let (alice, bob) = (net.bind(0, "alice"), net.bind(1, "bob"));
        let channel = net.open((0, alice), (1, "bob"));
        let ticket = net.send(0, alice, channel, b"hello");
        net.wait(SECOND);
        assert_eq!(net.payloads(1), [b"hello"]);
        let told = &net.nodes[0].told;
        let accepted = told.iter().position(|effect| matches!(effect, Effect::Accepted(of, _) if *of == ticket));
        let acked = told.iter().position(|effect| matches!(effect, Effect::Acked(of) if *of == ticket));
        assert!(accepted.unwrap() < acked.unwrap());
        net.send(1, bob, channel, b"and back");
        net.wait(SECOND);
        assert_eq!(net.payloads(0), [b"and back"]);
        for at in 0..2 {
            let peer = net.nodes[at].rt.peers().next().unwrap();
            assert_eq!((peer.queued, peer.queued_bytes, peer.channels), (0, 0, 1));
        }
    }
}

#[test]
fn what_is_sent_before_the_answer_waits_for_it() {
    let mut net = Net::new(2, durable);
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let peer = net.id(1);
    let channel =
        net.nodes[0].rt.open_channel(net.now, &alice, &peer, &name("bob"), ChannelOptions::default()).unwrap();
    for text in [b"one", b"two"] {
        net.send(0, alice, channel, text);
    }
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"one", b"two"]);
}

#[test]
fn a_peer_is_refused_by_default() {
    let mut net = Net::new(2, |at, config| {
        if at == 1 {
            config.accept = AcceptPolicy::default();
        }
    });
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let (peer, own) = (net.id(1), net.id(0));
    let channel =
        net.nodes[0].rt.open_channel(net.now, &alice, &peer, &name("bob"), ChannelOptions::default()).unwrap();
    let ticket = net.send(0, alice, channel, b"lost");
    net.wait(SECOND);
    assert!(net.events(0).contains(&&Event::RemoteChannelRejected {
        channel,
        peer,
        agent: alice,
        code: Code::Refused
    }));
    let (from, to) = (name("alice"), name("bob"));
    assert!(net.events(1).contains(&&Event::ChannelRefused { peer: own, channel, from, to, code: Code::Refused }));
    let cause = LossCause::Rejected(Code::Refused);
    assert!(net.nodes[0].told.iter().any(|it| matches!(it, Effect::Failed(of, why) if *of == ticket && *why == cause)));
    assert_eq!(net.nodes[0].rt.stats().remote_channels, 0);
    assert!(net.nodes[1].seen.is_empty());
    // By name alone.
    let policy = AcceptPolicy::reject().allow(Some(name("alice")), Some(name("bob")));
    net.nodes[1].rt.set_accept_policy(net.now, &own, policy).unwrap();
    net.open((0, alice), (1, "bob"));
}

#[test]
fn a_channel_that_is_closed_leaves_nothing() {
    for change in [durable as fn(usize, &mut PeerConfig), volatile] {
        let mut net = Net::new(2, change);
        let (alice, bob) = (net.bind(0, "alice"), net.bind(1, "bob"));
        let channel = net.open((0, alice), (1, "bob"));
        for text in [b"one", b"two"] {
            net.send(0, alice, channel, text);
        }
        net.settle();
        net.nodes[0].rt.close_channel(net.now, &channel).unwrap();
        net.wait(SECOND);
        assert_eq!(net.payloads(1), [b"one", b"two"]);
        for at in 0..2 {
            assert_eq!(net.nodes[at].rt.stats().remote_channels, 0, "{at}");
            assert_eq!(net.nodes[at].rt.all_channels().count(), 0);
            let snapshot = crate::store::Store::load(&mut net.nodes[at].store).unwrap();
            assert!(snapshot.remote_channels.is_empty() && snapshot.outbox.is_empty() && snapshot.messages.is_empty());
        }
        let refused = net.nodes[1].rt.send(net.now, bob, channel, Message::new(b"late"));
        assert_eq!(refused, Err(SendError::Tool(crate::agents::ToolError::NoChannel)));
    }
}

#[test]
fn a_restart_loses_nothing() {
    let mut net = Net::new(2, durable);
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    net.cut = true;
    net.restart(1, None);
    for at in 0..20_u8 {
        net.send(0, alice, channel, &[at]);
    }
    net.wait(SECOND);
    net.restart(0, None);
    net.bind(0, "alice");
    net.cut = false;
    net.wait(SECOND * 10);
    assert!(net.payloads(1).is_empty());
    net.bind(1, "bob");
    net.wait(SECOND);
    let want: Vec<_> = (0..20_u8).map(|at| [at]).collect();
    assert_eq!(net.payloads(1), want.iter().map(|it| &it[..]).collect::<Vec<_>>());
    assert_eq!(net.nodes[0].rt.peers().next().unwrap().queued, 0);
}

#[test]
fn a_failed_commit_is_like_a_restart() {
    let mut net = Net::new(2, durable);
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    net.nodes[0].commits = false;
    let ticket = net.send(0, alice, channel, b"perhaps");
    net.settle();
    net.fail_commit(0);
    net.nodes[0].commits = true;
    net.wait(SECOND * 2);
    assert!(net.nodes[0].told.iter().any(|it| matches!(it, Effect::Uncertain(of) if *of == ticket)));
    net.send(0, alice, channel, b"certainly");
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"certainly"]);
}

#[test]
fn a_slow_agent_stops_its_own_channel_alone() {
    let mut net = Net::new(2, |_, config| config.limits.chan_items = 4);
    let alice = net.bind(0, "alice");
    net.bind(1, "slow");
    net.bind(1, "fast");
    let slow = net.open((0, alice), (1, "slow"));
    let fast = net.open((0, alice), (1, "fast"));
    net.nodes[1].works = false;
    for at in 0..20 {
        net.send(0, alice, slow, &[at]);
    }
    net.wait(SECOND);
    net.nodes[1].works = true;
    for at in 0..20 {
        net.send(0, alice, fast, &[100 + at]);
    }
    net.wait(SECOND);
    let seen = net.payloads(1);
    assert_eq!(seen.len(), 21, "one of the slow one, all of the fast one");
    let channels = net.nodes[0].rt.channels(&alice).unwrap();
    let waiting = |id| channels.iter().find(|channel| channel.id == id).unwrap().outgoing;
    assert_eq!((waiting(slow), waiting(fast)), (16, 0));
}

#[test]
fn a_queue_has_its_bounds() {
    let mut net = Net::new(2, |_, config| config.queue_items = 3);
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    net.cut = true;
    net.restart(1, None);
    net.settle();
    for _ in 0..3 {
        net.send(0, alice, channel, b"x");
    }
    assert_eq!(net.nodes[0].rt.send(net.now, alice, channel, Message::new(b"x")), Err(SendError::Full));
    assert_eq!(net.nodes[0].rt.purge(net.now, &channel), Ok(3));
    net.settle();
    let purged = |effect: &&Effect| matches!(effect, Effect::Failed(_, LossCause::Purged));
    assert_eq!(net.nodes[0].told.iter().filter(purged).count(), 3);
    let late = net.nodes[0].rt.send(net.now, alice, channel, Message::new(b"x").ttl(SECOND)).unwrap();
    net.wait(SECOND * 2);
    let expired = |effect: &Effect| matches!(effect, Effect::Failed(of, LossCause::Expired) if *of == late);
    assert!(net.nodes[0].told.iter().any(expired));
    assert_eq!(net.nodes[0].rt.peers().next().unwrap().queued, 0);
}

#[test]
fn a_request_is_answered_by_the_peer() {
    let mut net = Net::new(2, durable);
    let (alice, bob) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    let question = Message::new(b"how are you?").answer_within(SECOND * 5);
    net.nodes[0].rt.send(net.now, alice, channel, question).unwrap();
    net.wait(SECOND);
    let (asked, _) = net.nodes[1].seen[0];
    net.nodes[1].rt.send(net.now, bob, channel, Message::new(b"fine").reply_to(asked)).unwrap();
    net.wait(SECOND * 10);
    assert_eq!(net.payloads(0), [b"fine"]);
    assert!(!net.nodes[0].told.iter().any(|it| matches!(it, Effect::Unanswered(_))));
}

#[test]
fn a_shutdown_takes_leave() {
    let mut net = Net::new(2, durable);
    let (alice, _) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    net.send(0, alice, channel, b"last");
    net.nodes[0].rt.shutdown(net.now);
    net.wait(SECOND);
    assert!(matches!(net.events(0).last(), Some(Event::Drained { .. })));
    assert_eq!(net.nodes[0].rt.stats().connections, 0);
    let bye = |event: &&Event| matches!(event, Event::LinkDown { cause: crate::link::DownCause::ByeReceived(_), .. });
    assert!(net.events(1).iter().any(bye));
    net.restart(0, None);
    net.wait(SECOND * 5);
    assert_eq!(net.payloads(1), [b"last"]);
}

#[test]
fn a_session_is_part_of_the_global_state() {
    let mut net = Net::new(2, durable);
    let empty = net.nodes[0].rt.global_state();
    net.wait(SECOND);
    let root = net.nodes[0].rt.global_state();
    assert_ne!(root, empty);
    // The peer is the only leaf: every search ends there.
    let channel = ChannelId::from_bytes([7; 16]);
    let proof = net.nodes[0].rt.prove(&channel).unwrap();
    let verdict = crate::merkle::verify(&root, &crate::merkle::LeafId::Channel(channel), &proof);
    assert_eq!(verdict, Ok(crate::merkle::Verdict::Excluded));
}

#[test]
fn only_so_many_sessions_of_strangers_are_pending() {
    let mut net = Net::new(2, durable);
    let (own, peer) = (super::net::identity(1), super::net::identity(2));
    let known = handshake::Peer {
        public: *own.public(),
        id: own.id(),
        psk: None,
        store_id: StoreId::from_bytes([3; 16]),
        params: handshake::Params::default(),
    };
    let (local, mut rng) = (handshake::Local::new(&peer, &crate::crypto::aead::RustCrypto), Rng::new([4; 32]));
    let rt = &mut net.nodes[0].rt;
    for at in 0..130_u8 {
        let (_, mut message) = handshake::Initiator::start(net.now, &local, &known, &mut rng).unwrap();
        let (conn, source) = (ConnId(1_000 + u64::from(at)), handshake::Source::Ipv4([at; 4]));
        rt.handle_connected(net.now, conn, Origin::Accepted(source));
        assert_eq!(rt.handle_input(net.now, conn, &mut message).consumed, message.len());
    }
    assert_eq!(rt.rejected_handshakes().too_many_pending, 2);
    assert_eq!(rt.stats().connections, 128);
}

/// Short of room a runtime takes nothing new of its own agents and grants nothing; what has credit still comes, everything
/// that frees room goes on, and so does the session.
#[test]
fn without_room_channels_come_to_rest() {
    let mut net = Net::new(2, |_, config| config.limits.chan_items = 4);
    let (alice, bob) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    let rt = &mut net.nodes[1].rt;
    rt.handle_room(net.now, 25, 100);
    assert!(!rt.takes_messages() && rt.takes_input());
    assert_eq!(rt.send(net.now, bob, channel, Message::new(b"no")), Err(SendError::Full));
    for _ in 0..20 {
        net.send(0, alice, channel, b"message");
    }
    net.wait(SECOND);
    assert_eq!(net.payloads(1).len(), 4, "what had credit, and no more, though all of it is done");
    assert_eq!(net.nodes[0].rt.peers().next().unwrap().queued, 16, "and it is acked");
    let session = net.link(0, 1).session.unwrap().id;
    net.wait(SECOND * 600);
    let rt = &mut net.nodes[1].rt;
    rt.handle_room(net.now, 6, 100);
    assert!(!rt.takes_input());
    rt.handle_room(net.now, 26, 100);
    assert!(rt.takes_messages() && rt.takes_input());
    net.wait(SECOND);
    assert_eq!(net.payloads(1).len(), 20);
    assert_eq!(net.link(0, 1).session.unwrap().id, session);
    net.send(1, bob, channel, b"yes");
}

/// Whoever only takes up room keeps nobody out: the oldest stranger makes room.
#[test]
fn the_oldest_stranger_makes_room() {
    let mut net = Net::new(1, durable);
    let (now, rt) = (net.now, &mut net.nodes[0].rt);
    for conn in 0..1_030 {
        rt.handle_connected(now, ConnId(conn), Origin::Accepted(handshake::Source::Ipv4([127, 0, 0, 1])));
    }
    // One that is gone makes room too.
    rt.handle_disconnected(now, ConnId(1_000));
    rt.handle_connected(now, ConnId(2_000), Origin::Accepted(handshake::Source::Ipv4([127, 0, 0, 1])));
    let closed: Vec<_> = core::iter::from_fn(|| rt.poll_effect())
        .filter_map(|effect| if let Effect::Close(conn) = effect { Some(conn.0) } else { None })
        .collect();
    assert_eq!(closed, [0, 1, 2, 3, 4, 5]);
    assert_eq!((rt.stats().strangers_dropped, rt.stats().connections), (6, 1_024));
    rt.handle_timeout(now + handshake::TIMEOUT);
    assert_eq!(rt.stats().connections, 0);
}

/// A peer with another key than is configured hears nothing, and says nothing.
#[test]
fn a_wrong_key_is_told_to_who_connects() {
    let mut net = Net::new(2, |at, config| {
        if at == 0 {
            config.public = *super::net::identity(9).public();
        }
    });
    net.wait(SECOND);
    let peer = net.id(1);
    assert!(net.events(0).contains(&&Event::ConnectFailed { peer }), "{:?}", net.events(0));
    assert_eq!(net.link(0, 1).session, None);
    assert_eq!(net.link(1, 0).session, None);
}

/// One that takes the connection and never answers is told of too.
#[test]
fn silence_is_told_to_who_connects() {
    let mut net = Net::new(1, durable);
    let there = super::net::identity(2);
    let config = PeerConfig::new(*there.public(), there.id());
    let node = &mut net.nodes[0];
    node.rt.add_peer(net.now, config).unwrap();
    let mut deaf = false;
    for _ in 0..20 {
        while let Some(effect) = node.rt.poll_effect() {
            match effect {
                Effect::Connect(peer) => node.rt.handle_connected(net.now, ConnId(7), Origin::Dialed(peer)),
                Effect::Transmit(conn) => while node.rt.poll_transmit(net.now, conn, &mut [0; 4_096]) != Ok(None) {},
                Effect::Event(Event::ConnectFailed { .. }) => deaf = true,
                _ => {}
            }
        }
        if deaf {
            return;
        }
        net.now = node.rt.poll_timeout().unwrap().0;
        node.rt.handle_timeout(net.now);
    }
    panic!("nothing is told");
}
