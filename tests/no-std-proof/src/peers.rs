//! What happens between two runtimes: the handshake, and a session of both.

use core::hint::black_box;
use core::num::NonZeroU64;

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Admission, Established, Initiator, Local, Params, Peer, Source};
use mfp_proto::id::{ChannelId, Identity, StoreId};
use mfp_proto::link::session::Terms;
use mfp_proto::link::{FixedChannels, Role, Session, SessionKeys};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Data, Meta, Pos};

use crate::exercise::holds;

type Link = Session<FixedChannels<2>>;

const CHANNEL: ChannelId = ChannelId::from_bytes([7; 16]);

/// Both sides of a handshake, then messages both ways, before, during and after a rotation.
pub fn peers() -> Option<()> {
    let mut rng = Rng::new(black_box([7; 32]));
    let one = Identity::new(rng.array(), "proof", "one").ok()?;
    let other = Identity::new(rng.array(), "proof", "other").ok()?;
    let (ours, theirs) = shake_hands(&one, &other, &mut rng)?;
    let mut a = session(Role::Initiator, ours, &one, &other)?;
    let mut b = session(Role::Responder, theirs, &other, &one)?;
    holds(a.id() == b.id())?;

    carry(&mut a, &mut b, &CONTROL, &Item::Negotiate(Pos::ZERO))?;
    both_ways(&mut a, &mut b)?;
    a.request_rotation().ok()?;
    rotate(&mut a, &mut b, &mut rng)?;
    both_ways(&mut a, &mut b)?;
    rotate(&mut b, &mut a, &mut rng)?;
    both_ways(&mut a, &mut b)?;
    rotate(&mut a, &mut b, &mut rng)?;
    both_ways(&mut a, &mut b)?;
    holds(a.rotation().finished() == 1 && b.rotation().finished() == 1)
}

fn shake_hands(one: &Identity, other: &Identity, rng: &mut Rng) -> Option<(Established, Established)> {
    let now = Instant::from_micros(black_box(1));
    let configured = |peer: &Identity| {
        let (public, id, store_id) = (*peer.public(), peer.id(), StoreId::from_bytes([3; 16]));
        Peer { public, id, psk: None, store_id, params: Params::default() }
    };
    let (a, b) = (Local::new(one, &RustCrypto), Local::new(other, &RustCrypto));
    let (peer_of_a, peer_of_b) = (configured(other), configured(one));
    let mut admission: Admission<4> = Admission::default();
    let (mut initiator, message1) = Initiator::start(now, &a, &peer_of_a, rng).ok()?;
    let mut forged = message1;
    *forged.last_mut()? ^= 1;
    let source = Source::Ipv4([127, 0, 0, 1]);
    holds(admission.admit(now, source, 0, &b.frame_key, &forged).is_err())?;
    let admitted = admission.admit(now, source, 0, &b.frame_key, &message1).ok()?;
    let identified = admitted.identify(&b, |key| (*key == peer_of_b.public).then_some(&peer_of_b)).ok()?;
    let responder = identified.accept(now, &b, rng).ok()?;
    let (message2, theirs) = responder.respond(now, &b, Pos::ZERO).ok()?;
    Some((initiator.finish(now, &a, &message2).ok()?, theirs))
}

fn session(role: Role, established: Established, local: &Identity, peer: &Identity) -> Option<Link> {
    let Established { split, agreed, .. } = established;
    let keys = SessionKeys::derive(split.k_ir, split.k_ri, &split.h);
    let (depth, max_body, suite) = (agreed.depth, agreed.max_body, agreed.suite);
    let (local, peer) = (local.id(), peer.id());
    let terms = Terms { role, local, peer, depth, max_body, suite, aead: &RustCrypto };
    let mut session = Link::new(keys, &terms).ok()?;
    session.bind(CHANNEL, [9; 32]).ok()?;
    Some(session)
}

fn both_ways(a: &mut Link, b: &mut Link) -> Option<()> {
    let item = Item::Data(Data { q: NonZeroU64::MIN, meta: Meta::EMPTY, payload: b"there and back" });
    carry(a, b, &CHANNEL, &item)?;
    carry(b, a, &CHANNEL, &item)?;
    carry(b, a, &CONTROL, &Item::Ack)
}

/// Seals an item, shows that the same with a bit wrong changes nothing, and opens it.
fn carry(from: &mut Link, to: &mut Link, channel: &ChannelId, item: &Item<'_>) -> Option<()> {
    let mut buffer = [0; 400];
    let n = u64::from(item.kind().is_numbered());
    let len = from.seal(channel, 6, n, item, None, &mut buffer).ok()?;
    let wire = buffer.get_mut(..len)?;
    *wire.get_mut(64)? ^= 1;
    holds(to.judge_head(wire).is_err())?;
    *wire.get_mut(64)? ^= 1;
    let opening = to.judge_head(wire).ok()??;
    let received = to.open(opening, wire).ok()?;
    holds(received.item == *item && (received.ack, received.n) == (6, n))
}

/// The next item of the rotation.
fn rotate(from: &mut Link, to: &mut Link, rng: &mut Rng) -> Option<()> {
    let mut buffer = [0; 400];
    let len = from.seal_rotation(0, || rng.array(), &mut buffer).ok()??;
    let wire = buffer.get_mut(..len)?;
    let opening = to.judge_head(wire).ok()??;
    to.open(opening, wire).map(|_| ()).ok()
}
