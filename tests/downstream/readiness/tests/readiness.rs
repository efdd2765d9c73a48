//! Three runtimes on one thread, over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{self, Duration};

use mfp_downstream_readiness::Reactor;
use mfp_proto::config::Config;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity};
use mfp_proto::runtime::{
    AcceptPolicy, ChannelOptions, Effect, Event, Message, Outcome, PeerConfig, Runtime, SendError, Ticket,
};
use mfp_proto::store::{MemoryStore, Store};
use mfp_proto::time::Instant;
use mio::net::TcpListener;

/// Messages to each of the two that answer. Together they are more than the buffers of sockets hold.
const MESSAGES: u32 = 40;
const LEN: usize = 400_000;
/// Long enough for any machine: what is lost for good fails, and does not hang.
const LONG: Duration = Duration::from_mins(2);

/// Three runtimes. The first connects to the two others, which accept everything. Returns who they are.
fn start() -> (Reactor, Vec<Identity>) {
    let identity = |name: u8| Identity::new([name; 32], "test", &name.to_string()).unwrap();
    let identities: Vec<Identity> = (1..=3).map(identity).collect();
    let (mut nodes, mut addresses) = (Vec::new(), Vec::new());
    for (seed, identity) in (1..).zip(&identities) {
        let mut store = MemoryStore::new();
        let loaded = store.load().unwrap();
        let rt = Runtime::new(Config::default(), identity.clone(), [seed; 32], Instant::ZERO, loaded).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        addresses.push(listener.local_addr().unwrap());
        nodes.push((rt, store, Some(listener)));
    }
    let mut reactor = Reactor::new(nodes).unwrap();
    for number in 0..3 {
        let peers = if number == 0 { 1..3 } else { 0..1 };
        for (peer, address) in identities.iter().zip(&addresses).take(peers.end).skip(peers.start) {
            let mut config = PeerConfig::new(*peer.public(), peer.id());
            (config.dial, config.accept) = (number == 0, AcceptPolicy::all());
            reactor.locate(number, peer.id(), *address);
            reactor.with(number, |rt, now| rt.add_peer(now, config)).unwrap().unwrap();
        }
        let name = AgentName::new("agent").unwrap();
        reactor.with(number, |rt, now| rt.bind(now, &name)).unwrap().unwrap();
    }
    (reactor, identities)
}

fn agent(reactor: &mut Reactor, node: usize) -> AgentId {
    reactor.with(node, |rt, _| rt.agent_by_name(&AgentName::new("agent").unwrap())).unwrap().unwrap()
}

fn payload(number: u32) -> Vec<u8> {
    number.to_be_bytes().into_iter().cycle().take(LEN).collect()
}

/// What the three have told.
#[derive(Default)]
struct Seen {
    /// What arrived, in order, by node.
    arrived: BTreeMap<usize, Vec<u32>>,
    acked: BTreeSet<Ticket>,
    /// Sessions that node 0 has had.
    sessions: usize,
}

impl Seen {
    fn take(&mut self, reactor: &mut Reactor) {
        while let Some((node, effect)) = reactor.told() {
            match effect {
                Effect::Deliver(message) => {
                    let number = u32::from_be_bytes(*message.payload.first_chunk().unwrap());
                    assert_eq!(*message.payload, payload(number));
                    self.arrived.entry(node).or_default().push(number);
                    reactor.with(node, |rt, now| rt.handle_processed(now, message.id, Outcome::Done)).unwrap().unwrap();
                }
                Effect::Acked(ticket) => assert!(self.acked.insert(ticket)),
                Effect::Event(Event::LinkUp { .. }) if node == 0 => self.sessions += 1,
                Effect::Failed(..) | Effect::Uncertain(_) => panic!("{effect:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn messages_over_tcp_outlast_a_connection_that_is_cut() {
    let (mut reactor, identities) = start();
    let (sender, options, name) = (agent(&mut reactor, 0), ChannelOptions::default(), AgentName::new("agent").unwrap());
    let channels: Vec<ChannelId> = identities[1..]
        .iter()
        .map(|peer| {
            reactor.with(0, |rt, now| rt.open_channel(now, &sender, &peer.id(), &name, options)).unwrap().unwrap()
        })
        .collect();

    let (mut seen, mut sent, mut tickets, mut cut) = (Seen::default(), [0, 0], BTreeSet::new(), 0);
    let begin = time::Instant::now();
    while seen.acked.len() < 2 * MESSAGES as usize {
        assert!(begin.elapsed() < LONG, "{:?}, {} acked", seen.arrived, seen.acked.len());
        for (channel, next) in channels.iter().zip(&mut sent).filter(|(_, next)| **next < MESSAGES) {
            let payload = payload(*next);
            match reactor.with(0, |rt, now| rt.send(now, sender, *channel, Message::new(&payload))).unwrap() {
                Ok(ticket) => {
                    assert!(tickets.insert(ticket));
                    *next += 1;
                }
                Err(SendError::Full) => {}
                Err(error) => panic!("{error}"),
            }
        }
        reactor.turn(Duration::from_millis(20)).unwrap();
        seen.take(&mut reactor);
        // Twice, with both peers connected and messages under way.
        if cut < 2 && seen.acked.len() > 10 * (1 + cut) && seen.sessions == 2 * (1 + cut) {
            assert!(seen.acked.len() < tickets.len());
            reactor.sever(0);
            cut += 1;
        }
    }
    let whole: Vec<u32> = (0..MESSAGES).collect();
    assert_eq!(seen.arrived, BTreeMap::from([(1, whole.clone()), (2, whole)]));
    assert_eq!(seen.acked, tickets);
    assert_eq!((cut, seen.sessions), (2, 6), "two peers, each connected three times");
    assert!(reactor.blocked() > 0, "no write ever had to wait");
}
