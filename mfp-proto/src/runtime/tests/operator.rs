//! Rollbacks, resets and what an operator says to them (section 9); removing peers and replacing keys.

use core::time::Duration;

use super::super::*;
use super::net::{Net, durable, volatile};
use crate::link::Diagnosis;

const SECOND: Duration = Duration::from_secs(1);

fn pair(change: fn(usize, &mut PeerConfig)) -> (Net, AgentId, AgentId, ChannelId) {
    let mut net = Net::new(2, change);
    let (alice, bob) = (net.bind(0, "alice"), net.bind(1, "bob"));
    let channel = net.open((0, alice), (1, "bob"));
    (net, alice, bob, channel)
}

/// One of two runtimes goes back to between two messages, which both have been acked.
fn rolled_back(at: usize, agent: &str) -> (Net, AgentId, ChannelId) {
    let (mut net, alice, _, channel) = pair(durable);
    net.send(0, alice, channel, b"one");
    net.wait(SECOND);
    let before = net.nodes[at].store.clone();
    net.send(0, alice, channel, b"two");
    net.wait(SECOND);
    net.restart(at, Some(before));
    net.bind(at, agent);
    net.wait(SECOND * 10);
    (net, alice, channel)
}

#[test]
fn a_sender_that_went_back_is_told_so() {
    let (mut net, alice, _) = rolled_back(0, "alice");
    let peer = net.id(1);
    let suspension = net.link(0, 1).suspended.unwrap();
    assert_eq!(suspension.diagnosis, Diagnosis::LocalRollback);
    assert_eq!(net.nodes[0].rt.accept_gap(net.now, &peer), Err(AdminError::WrongDiagnosis(Diagnosis::LocalRollback)));
    assert!(net.events(0).contains(&&Event::PeerSuspended { peer, suspension }));
    net.nodes[0].rt.accept_local_loss(net.now, &peer).unwrap();
    // What the peer has acked this side may have forgotten too.
    net.wait(SECOND * 10);
    if net.link(1, 0).suspended.is_some() {
        let own = net.id(0);
        net.nodes[1].rt.accept_gap(net.now, &own).unwrap();
        net.wait(SECOND * 60);
    }
    for at in 0..2 {
        assert_eq!(net.nodes[at].rt.stats().remote_channels, 0, "{at}");
        assert_eq!(net.link(at, 1 - at).accepting, None);
    }
    let channel = net.open((0, alice), (1, "bob"));
    net.send(0, alice, channel, b"three");
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"one".as_slice(), b"two", b"three"]);
}

#[test]
fn a_receiver_that_went_back_loses_nothing_in_silence() {
    let (mut net, alice, channel) = rolled_back(1, "bob");
    let peer = net.id(1);
    assert_eq!(net.link(0, 1).suspended.unwrap().diagnosis, Diagnosis::PeerRollback);
    assert!(net.nodes[0].rt.accept_reset(net.now, &peer).is_err());
    let queued = net.send(0, alice, channel, b"three");
    net.settle();
    net.nodes[0].rt.accept_gap(net.now, &peer).unwrap();
    net.wait(SECOND * 60);
    assert!(net.nodes[0].told.iter().any(|it| matches!(it, Effect::Uncertain(of) if *of == queued)));
    let own = net.id(0);
    assert!(net.events(1).contains(&&Event::Gap { peer: own }));
    assert!(net.events(0).contains(&&Event::AcceptEnded { peer }));
    for at in 0..2 {
        assert_eq!(net.nodes[at].rt.stats().remote_channels, 0, "{at}");
    }
    net.open((0, alice), (1, "bob"));
}

#[test]
fn a_lost_store_is_a_reset() {
    let (mut net, alice, _, channel) = pair(durable);
    net.send(0, alice, channel, b"one");
    net.wait(SECOND);
    net.restart(1, Some(crate::store::MemoryStore::new()));
    net.bind(1, "bob");
    net.wait(SECOND * 10);
    let peer = net.id(1);
    assert_eq!(net.link(0, 1).suspended.unwrap().diagnosis, Diagnosis::PeerReset);
    net.nodes[0].rt.accept_reset(net.now, &peer).unwrap();
    net.wait(SECOND * 60);
    assert_eq!(net.nodes[0].rt.stats().remote_channels, 0);
    let channel = net.open((0, alice), (1, "bob"));
    net.send(0, alice, channel, b"two");
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"one", b"two"]);
}

#[test]
fn a_volatile_peer_that_restarts_needs_no_operator() {
    let (mut net, alice, _, channel) = pair(volatile);
    net.send(0, alice, channel, b"one");
    net.wait(SECOND);
    net.restart(1, None);
    net.bind(1, "bob");
    net.wait(SECOND * 10);
    assert!(net.events(0).iter().any(|event| matches!(event, Event::PeerReset { .. })));
    let channel = net.open((0, alice), (1, "bob"));
    net.send(0, alice, channel, b"two");
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"one", b"two"]);
}

#[test]
fn an_operator_may_reset_a_link_in_any_state() {
    let (mut net, alice, _, channel) = pair(durable);
    net.cut = true;
    net.restart(1, None);
    net.bind(1, "bob");
    let lost = net.send(0, alice, channel, b"lost");
    net.settle();
    let (peer, own) = (net.id(1), net.id(0));
    net.nodes[0].rt.reset_peer(net.now, &peer).unwrap();
    net.cut = false;
    net.wait(SECOND * 60);
    assert!(net.nodes[0].told.iter().any(|it| matches!(it, Effect::Uncertain(of) if *of == lost)));
    assert_eq!(net.link(1, 0).suspended.unwrap().diagnosis, Diagnosis::PeerReset);
    net.nodes[1].rt.accept_reset(net.now, &own).unwrap();
    net.wait(SECOND * 60);
    net.open((0, alice), (1, "bob"));
}

#[test]
fn a_removed_peer_leaves_nothing() {
    let (mut net, alice, bob, channel) = pair(durable);
    net.nodes[1].works = false;
    net.send(0, alice, channel, b"unfinished");
    net.wait(SECOND);
    let own = net.id(0);
    net.nodes[1].rt.remove_peer(net.now, &own).unwrap();
    net.wait(SECOND);
    assert_eq!(net.nodes[1].rt.dead_letters().count(), 1);
    assert_eq!(net.nodes[1].rt.agent(&bob).unwrap().channels, 0);
    let snapshot = crate::store::Store::load(&mut net.nodes[1].store).unwrap();
    assert!(snapshot.peers.is_empty() && snapshot.remote_channels.is_empty() && snapshot.messages.is_empty());
    assert_eq!(net.nodes[1].rt.remove_peer(net.now, &own), Err(AdminError::UnknownPeer));
    // It is a stranger now.
    net.wait(SECOND * 30);
    assert!(net.nodes[1].rt.rejected_handshakes().unknown_peer > 0);
}

/// The procedure of the module's documentation.
#[test]
fn an_identity_key_can_be_replaced() {
    let (mut net, alice, _, channel) = pair(durable);
    net.send(0, alice, channel, b"one");
    net.wait(SECOND);
    // 1, 2: nothing is under way any more, and the runtime stops.
    net.nodes[0].rt.close_channel(net.now, &channel).unwrap();
    net.wait(SECOND);
    assert_eq!(net.nodes[0].rt.peers().next().unwrap().queued, 0);
    net.nodes[0].rt.shutdown(net.now);
    net.wait(SECOND);
    // 3: anew from the same store, under another key.
    let old = net.id(0);
    net.replace_identity(0, 9);
    let again = net.bind(0, "alice");
    assert_eq!(again, alice);
    // 4: the peer's operator does the same.
    net.nodes[1].rt.remove_peer(net.now, &old).unwrap();
    net.introduce(1, 9);
    net.wait(SECOND * 30);
    // 5
    let channel = net.open((0, alice), (1, "bob"));
    net.send(0, alice, channel, b"two");
    net.wait(SECOND);
    assert_eq!(net.payloads(1), [b"one", b"two"]);
}
