//! What an idle link and an idle channel to a peer hold in memory.

use core::time::Duration;

use alloc_proof::held_by;
use mfp_proto::config::Config;
use mfp_proto::handshake::Source;
use mfp_proto::id::{AgentName, Identity};
use mfp_proto::link::ConnId;
use mfp_proto::runtime::{AcceptPolicy, ChannelOptions, Effect, Origin, PeerConfig, Runtime};
use mfp_proto::store::Snapshot;
use mfp_proto::time::Instant;

const LINKS: u16 = 256;
const CHANNELS: u32 = 100;

#[test]
fn what_is_idle_holds_little() {
    let (_first, _) = held_by(|| hub(1, 1));
    let (_alone, base) = held_by(|| hub(0, 0));
    let (_agents, agents) = held_by(|| hub_of_agents(LINKS));
    let (_unused, first) = held_by(|| hub_of_peers(LINKS));
    let (_links, linked) = held_by(|| hub(LINKS, 0));
    let (_all, full) = held_by(|| hub(LINKS, CHANNELS));
    let agent = (agents - base) / u64::from(LINKS);
    let link = (linked - agents) / u64::from(LINKS);
    let channel = (full - linked) / (u64::from(LINKS) * u64::from(CHANNELS));
    let unused = (first - base) / u64::from(LINKS);
    println!(
        "{agent} bytes an agent; {link} bytes a link with its configuration and its buffers, {unused} before its first use; {channel} \
         bytes a channel"
    );
    assert!(agent <= 400, "{agent} bytes an agent");
    // What is neither configuration nor buffer is at most 4,096 bytes of it, which the compiler checks.
    assert!(unused <= 5_000, "{unused} bytes a link that was never used");
    assert!(link <= 6_000, "{link} bytes a link");
    assert!(channel <= 400, "{channel} bytes a channel");
}

struct End {
    rt: Runtime,
    conn: ConnId,
    inbox: Vec<u8>,
}

fn identity(of: u16) -> Identity {
    let mut secret = [1; 32];
    secret[8..10].copy_from_slice(&of.to_be_bytes());
    Identity::new(secret, "proof", &of.to_string()).unwrap()
}

fn end(of: u16) -> End {
    let rt =
        Runtime::new(Config::default(), identity(of), [of.to_be_bytes()[1]; 32], Instant::ZERO, Snapshot::default())
            .unwrap();
    End { rt, conn: ConnId(u64::from(of)), inbox: Vec::new() }
}

/// Lets everything happen that needs no time. The connection has the name of the second at both ends; what is sent in
/// others is lost.
fn settle(now: Instant, hub: &mut End, peer: &mut End) {
    let ends = [hub, peer];
    let (conn, mut out, mut busy) = (ends[1].conn, vec![0; 1 << 16], true);
    while busy {
        busy = false;
        for at in 0..2 {
            while let Some(effect) = ends[at].rt.poll_effect() {
                busy = true;
                match effect {
                    Effect::Persist(batch) => ends[at].rt.handle_persisted(now, batch.id, Ok(())),
                    Effect::Connect(peer) => {
                        let origin = Origin::Accepted(Source::Ipv4([127, 0, 0, 1]));
                        ends[1 - at].rt.handle_connected(now, conn, origin);
                        ends[at].rt.handle_connected(now, conn, Origin::Dialed(peer));
                    }
                    Effect::Transmit(of) => {
                        while let Some(len) = ends[at].rt.poll_transmit(now, of, &mut out).unwrap() {
                            if of == conn {
                                ends[1 - at].inbox.extend_from_slice(&out[..len]);
                            }
                        }
                    }
                    _ => {}
                }
            }
            let mut bytes = std::mem::take(&mut ends[at].inbox);
            if !bytes.is_empty() {
                let progress = ends[at].rt.handle_input(now, conn, &mut bytes);
                busy |= progress.consumed > 0;
                bytes.drain(..progress.consumed);
                ends[at].inbox = bytes;
            }
        }
    }
}

/// A runtime with so many agents.
fn hub_of_agents(agents: u16) -> Runtime {
    let (mut hub, now) = (end(0), Instant::ZERO);
    let mut nobody = end(agents + 1);
    for agent in 1..=agents {
        hub.rt.bind(now, &AgentName::new(&format!("agent-{agent}")).unwrap()).unwrap();
        settle(now, &mut hub, &mut nobody);
    }
    hub.rt
}

/// A runtime with so many links that nobody has ever used.
fn hub_of_peers(links: u16) -> Runtime {
    let (mut hub, now) = (end(0), Instant::ZERO);
    let mut nobody = end(links + 1);
    for link in 1..=links {
        let of = identity(link);
        hub.rt.add_peer(now, PeerConfig::new(*of.public(), of.id())).unwrap();
        settle(now, &mut hub, &mut nobody);
    }
    hub.rt
}

/// A runtime with so many links, and so many channels on each. Its peers are gone, and it does not know that yet.
fn hub(links: u16, channels: u32) -> Runtime {
    let (mut hub, now) = (end(0), Instant::ZERO);
    for link in 1..=links {
        let mut peer = end(link);
        let (first, second) = (identity(0), identity(link));
        for (end, of, dial) in [(&mut hub, &second, true), (&mut peer, &first, false)] {
            let mut config = PeerConfig::new(*of.public(), of.id());
            (config.dial, config.accept) = (dial, AcceptPolicy::all());
            end.rt.add_peer(now, config).unwrap();
        }
        settle(now, &mut hub, &mut peer);
        hub.rt.redial(now, &second.id()).unwrap();
        settle(now, &mut hub, &mut peer);
        hub.rt.handle_timeout(now);
        settle(now, &mut hub, &mut peer);
        let name = AgentName::new(&format!("agent-{link}")).unwrap();
        let agent = hub.rt.bind(now, &name).unwrap();
        peer.rt.bind(now, &name).unwrap();
        settle(now, &mut hub, &mut peer);
        for _ in 0..channels {
            hub.rt.open_channel(now, &agent, &second.id(), &name, ChannelOptions::default()).unwrap();
        }
        settle(now, &mut hub, &mut peer);
        assert!(hub.rt.peer(&second.id()).unwrap().link.unwrap().session.is_some());
        assert_eq!(hub.rt.channels(&agent).unwrap_or_default().len(), channels as usize);
    }
    // They are idle once a keep-alive was due.
    hub.rt.handle_timeout(now + Duration::from_secs(16));
    let mut nobody = end(links + 1);
    settle(now, &mut hub, &mut nobody);
    hub.rt
}
