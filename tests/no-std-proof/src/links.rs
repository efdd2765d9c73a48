//! Two links, each with its owner: they meet, open a channel, and deliver messages both ways. Then the connection is lost, in
//! the middle of everything, and after the next one nothing is missing and nothing comes twice.

use core::hint::black_box;
use core::num::NonZeroU64;

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Admission, MESSAGE1_LEN, Source};
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity};
use mfp_proto::link::{ConnId, Context};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::AgentChannel;
use mfp_proto::wire::item::{Data, Meta, Open};

use crate::exercise::holds;
use crate::host::Host;

/// Two links from their first contact to messages in each direction, over connections that are lost.
pub fn links() -> Option<()> {
    let mut rng = Rng::new(black_box([8; 32]));
    let one = Identity::new(rng.array(), "proof", "one").ok()?;
    let other = Identity::new(rng.array(), "proof", "other").ok()?;
    let mut a = Host::new(&one, &other, true, 1);
    let mut b = Host::new(&other, &one, false, 2);
    let mut now = Instant::ZERO;
    for host in [&mut a, &mut b] {
        host.start(now)?;
    }
    let (mut admission, mut wire): (Admission<4>, _) = (Admission::default(), [0; 2_048]);
    connect(&mut now, &mut a, &mut b, &mut admission, &mut wire)?;

    let channel = AgentChannel::draw([5; 16], &one.id(), &other.id())?;
    let (from, to) = (AgentName::new("a").ok()?, AgentName::new("b").ok()?);
    let open = Open { channel, agent: AgentId::from_bytes([1; 32]), from, to, padding: false };
    a.queue(channel.id(), &Item::Open(open))?;
    a.link.open(channel.id(), 0, false).ok()?;
    exchange(now, &mut a, &mut b, &mut wire)?;
    queue(&mut a, channel.id(), 1, b"ping")?;
    exchange(now, &mut a, &mut b, &mut wire)?;
    queue(&mut b, channel.id(), 1, b"pong")?;
    exchange(now, &mut b, &mut a, &mut wire)?;
    holds(&a.got[..] == b"pong" && &b.got[..] == b"ping")?;

    // The connection is lost, and with it a message that was sent.
    queue(&mut a, channel.id(), 2, b", again")?;
    a.settle(now)?;
    let lost = a.send(now, &mut wire)?;
    holds(lost > 0)?;
    lose(now, &mut a, &mut b)?;
    connect(&mut now, &mut a, &mut b, &mut admission, &mut wire)?;
    holds(&b.got[..] == b"ping, again" && a.link.stats().items_resent == 1)?;

    // The same, but the message has arrived, and what is lost is that it has: it does not come twice.
    queue(&mut b, channel.id(), 2, b", again")?;
    b.settle(now)?;
    let arrived = b.send(now, &mut wire)?;
    a.receive(now, wire.get_mut(..arrived)?)?;
    lose(now, &mut a, &mut b)?;
    connect(&mut now, &mut a, &mut b, &mut admission, &mut wire)?;
    queue(&mut b, channel.id(), 3, b".")?;
    exchange(now, &mut b, &mut a, &mut wire)?;
    holds(&a.got[..] == b"pong, again." && &b.got[..] == b"ping, again")?;
    holds(a.link.status().session.is_some() && a.link.stats().sessions == 3)
}

/// `a` connects when its deadline has come, and both say what they have to say.
fn connect<'a>(
    now: &mut Instant,
    a: &mut Host<'a>,
    b: &mut Host<'a>,
    admission: &mut Admission<4>,
    wire: &mut [u8],
) -> Option<()> {
    for _ in 0..16 {
        if !a.dials {
            *now = a.link.poll_timeout()?.0.max(*now);
            a.timeout(*now)?;
            b.timeout(*now)?;
        }
    }
    holds(core::mem::take(&mut a.dials))?;
    a.conn = ConnId(a.conn.0 + 1);
    b.conn = a.conn;
    a.link.handle_connected(*now, a.conn);
    holds(a.send(*now, wire)? == MESSAGE1_LEN)?;
    let source = Source::Ipv4([127, 0, 0, 1]);
    let admitted = admission.admit(*now, source, 0, &b.local.frame_key, wire.get(..MESSAGE1_LEN)?).ok()?;
    let peer = b.link.peer().clone();
    let identified = admitted.identify(&b.local, |key| (*key == peer.public).then_some(&peer)).ok()?;
    let mut cx = Context { local: &b.local, aead: &RustCrypto, rng: &mut b.rng };
    b.link.handle_message1(*now, b.conn, identified, &mut cx).ok()?;
    exchange(*now, b, a, wire)?;
    holds(a.link.is_up() && b.link.is_up())
}

/// The connection is lost on both sides.
fn lose(now: Instant, a: &mut Host<'_>, b: &mut Host<'_>) -> Option<()> {
    a.lose(now)?;
    b.lose(now)?;
    holds(!a.link.is_up() && !b.link.is_up())
}

fn queue(from: &mut Host<'_>, channel: ChannelId, q: u64, payload: &[u8]) -> Option<()> {
    let data = Data { q: NonZeroU64::new(q)?, meta: Meta::EMPTY, payload: black_box(payload) };
    from.queue(channel, &Item::Data(data))
}

/// Until neither has anything to say.
fn exchange<'a>(now: Instant, one: &mut Host<'a>, other: &mut Host<'a>, wire: &mut [u8]) -> Option<()> {
    one.settle(now)?;
    for _ in 0..16 {
        let mut quiet = true;
        for turn in 0..2 {
            let (from, to) = if turn == 0 { (&mut *one, &mut *other) } else { (&mut *other, &mut *one) };
            if let Some(len) = from.send(now, wire) {
                quiet = false;
                to.receive(now, wire.get_mut(..len)?)?;
            }
        }
        if quiet {
            return Some(());
        }
    }
    None
}
