//! Nothing that is done for a message allocates: not the handshake, not sealing and opening, and not what a stranger
//! sends. And what is idle holds little.

use std::num::NonZeroU64;

use alloc_proof::{Counting, allocated_by};
use mfp_proto::crypto::aead::{Aead, Ring, RustCrypto, Suite};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::frame::Depth;
use mfp_proto::handshake::{
    Admission, Established, HandshakeError, Initiator, Limits, Local, Mode, Params, Peer, Source, Suites,
};
use mfp_proto::id::{ChannelId, Identity, StoreId};
use mfp_proto::link::session::Terms;
use mfp_proto::link::{FixedChannels, Role, Session, SessionKeys};
use mfp_proto::time::Instant;
use mfp_proto::wire::deframer::{Deframer, Expect, Progress};
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Data, Meta, Pos};
use mfp_proto::wire::{HEADER_LEN, Item, Malformed};

#[path = "bounds/idle.rs"]
mod idle;

#[global_allocator]
static COUNTING: Counting = Counting;

type TestSession = Session<FixedChannels<4>>;

const NOW: Instant = Instant::from_micros(1);
const SOURCE: Source = Source::Ipv4([127, 0, 0, 1]);
const CHANNEL: ChannelId = ChannelId::from_bytes([7; 16]);

/// Two runtimes that have each other configured.
struct Link {
    identities: [Identity; 2],
    peers: [Peer; 2],
    aead: &'static dyn Aead,
}

impl Link {
    fn new(aead: &'static dyn Aead, suite: Suite, depth: Depth) -> Self {
        let limits = Limits { depth, max_body: 4_096, ..Limits::default() };
        let params = Params::new(limits, Suites::from(suite), Mode::Durable).unwrap();
        let identities = [1, 2].map(|n| Identity::new([n; 32], "dep", if n == 1 { "a" } else { "b" }).unwrap());
        let peer = |of: &Identity| {
            let (public, id, store_id) = (*of.public(), of.id(), StoreId::from_bytes([3; 16]));
            Peer { public, id, psk: None, store_id, params: params.clone() }
        };
        let peers = [peer(&identities[1]), peer(&identities[0])];
        Self { identities, peers, aead }
    }

    fn start(&self, rng: &mut Rng) -> (Initiator, [u8; 296]) {
        let local = Local::new(&self.identities[0], self.aead);
        Initiator::start(NOW, &local, &self.peers[0], rng).unwrap()
    }

    fn shake_hands(&self, admission: &mut Admission<8>, rng: &mut Rng) -> [Established; 2] {
        let [a, b] = self.identities.each_ref().map(|identity| Local::new(identity, self.aead));
        let (mut initiator, message1) = self.start(rng);
        let admitted = admission.admit(NOW, SOURCE, 0, &b.frame_key, &message1).unwrap();
        let responder = admitted.identify(&b, |_| Some(&self.peers[1])).unwrap().accept(NOW, &b, rng).unwrap();
        let (message2, theirs) = responder.respond(NOW, &b, Pos::ZERO).unwrap();
        [initiator.finish(NOW, &a, &message2).unwrap(), theirs]
    }

    fn session(&self, role: Role, established: Established) -> TestSession {
        let Established { split, agreed, .. } = established;
        let own = usize::from(role == Role::Responder);
        let terms = Terms {
            role,
            local: self.identities[own].id(),
            peer: self.identities[1 - own].id(),
            depth: agreed.depth,
            max_body: agreed.max_body,
            suite: agreed.suite,
            aead: self.aead,
        };
        let mut session = Session::new(SessionKeys::derive(split.k_ir, split.k_ri, &split.h), &terms).unwrap();
        session.bind(CHANNEL, [9; 32]).unwrap();
        session
    }

    fn sessions(&self) -> [TestSession; 2] {
        let [ours, theirs] = self.shake_hands(&mut Admission::default(), &mut Rng::new([5; 32]));
        [self.session(Role::Initiator, ours), self.session(Role::Responder, theirs)]
    }
}

/// Every back end, suite and three depths.
fn links() -> impl Iterator<Item = Link> {
    let back_ends: [&'static dyn Aead; 2] = [&RustCrypto, &Ring];
    back_ends.into_iter().flat_map(|aead| {
        [Suite::ChaCha20Poly1305, Suite::Aes256Gcm]
            .into_iter()
            .flat_map(move |suite| [2, 4, 32].into_iter().map(move |k| Link::new(aead, suite, Depth::new(k).unwrap())))
    })
}

fn data(payload: &[u8]) -> Item<'_> {
    Item::Data(Data { q: NonZeroU64::MIN, meta: Meta::EMPTY, payload })
}

fn carry(from: &mut TestSession, to: &mut TestSession, channel: &ChannelId, item: &Item<'_>, buffer: &mut [u8]) {
    let n = u64::from(item.kind().is_numbered());
    let len = from.seal(channel, 0, n, item, None, buffer).unwrap();
    deliver(to, &mut buffer[..len]);
}

fn deliver(to: &mut TestSession, wire: &mut [u8]) {
    let opening = to.judge_head(wire).unwrap().unwrap();
    to.open(opening, wire).unwrap();
}

fn marker(from: &mut TestSession, to: &mut TestSession, entropy: u8, buffer: &mut [u8]) {
    let len = from.seal_rotation(0, || [entropy; 32], buffer).unwrap().unwrap();
    deliver(to, &mut buffer[..len]);
}

#[test]
fn what_allocates_is_counted() {
    assert_eq!(allocated_by(|| drop(vec![0_u8; 1_000])).1, 1_000);
    assert_eq!(allocated_by(|| [0_u8; 1_000]).1, 0);
}

#[test]
fn a_handshake_allocates_nothing() {
    for link in links() {
        let mut rng = Rng::new([4; 32]);
        let (sessions, bytes) = allocated_by(|| {
            let mut admission = Admission::<8>::default();
            let [ours, theirs] = link.shake_hands(&mut admission, &mut rng);
            [link.session(Role::Initiator, ours), link.session(Role::Responder, theirs)]
        });
        assert_eq!(bytes, 0);
        assert_eq!(sessions[0].id(), sessions[1].id());
    }
}

#[test]
fn a_session_allocates_nothing() {
    for link in links() {
        let [mut a, mut b] = link.sessions();
        let mut buffer = [0; 8_192];
        let ((), bytes) = allocated_by(|| {
            carry(&mut a, &mut b, &CONTROL, &Item::Negotiate(Pos::ZERO), &mut buffer);
            for len in [0, 1, 64, 1_000, 4_000] {
                carry(&mut a, &mut b, &CHANNEL, &data(&[0x5a; 4_000][..len]), &mut buffer);
                carry(&mut b, &mut a, &CHANNEL, &data(&[0xa5; 4_000][..len]), &mut buffer);
                carry(&mut b, &mut a, &CONTROL, &Item::Ack, &mut buffer);
            }
            a.request_rotation().unwrap();
            marker(&mut a, &mut b, 1, &mut buffer);
            marker(&mut b, &mut a, 2, &mut buffer);
            marker(&mut a, &mut b, 0, &mut buffer);
            carry(&mut a, &mut b, &CHANNEL, &data(b"after"), &mut buffer);
            carry(&mut b, &mut a, &CHANNEL, &data(b"after"), &mut buffer);
        });
        assert_eq!((bytes, a.rotation().finished(), b.rotation().finished()), (0, 1, 1));
    }
}

/// Feeds a session what has arrived, `step` bytes at a time. Gives the check that closes the connection, if one does, and the
/// most bytes that were asked for before that.
fn feed(session: &mut TestSession, wire: &[u8], step: usize) -> (Option<Malformed>, usize) {
    let (mut deframer, expect, mut most) = (Deframer::new(), session.expect(), 0);
    let mut len = 0;
    while len < wire.len() {
        len = wire.len().min(len + step);
        match deframer.poll(&wire[..len], &expect) {
            Err(check) => return (Some(check), most),
            Ok(Progress::Need(need)) => most = most.max(need),
            Ok(Progress::Head(_) | Progress::Whole { .. }) => match session.judge_head(&wire[..len]) {
                Err(check) => return (Some(check), most),
                Ok(opening) => assert!(opening.is_none(), "a hostile frame is accepted"),
            },
        }
    }
    (None, most)
}

/// A message in whose front fields are what a stranger likes; what it cannot know is wrong in one bit at least.
fn hostile(rng: &mut Rng, honest: &[u8], out: &mut [u8]) {
    const EXTREMES: [u32; 8] = [0, 1, 28, 33, 4_096, 1 << 31, u32::MAX - 1, u32::MAX];
    out.copy_from_slice(honest);
    let bit = 1 << rng.below(8);
    out[HEADER_LEN + usize::try_from(rng.below(32)).unwrap()] ^= bit;
    for field in [8, 12] {
        if rng.below(3) == 0 {
            let value = EXTREMES[usize::try_from(rng.below(8)).unwrap()];
            out[field..field + 4].copy_from_slice(&value.to_be_bytes());
        }
    }
    if rng.below(4) == 0 {
        let at = usize::try_from(rng.below(64)).unwrap();
        out[at] = rng.array::<1>()[0];
    }
}

#[test]
fn hostile_bytes_cost_a_header_and_a_frame() {
    for link in links() {
        let [mut a, mut b] = link.sessions();
        let mut buffer = [0; 8_192];
        carry(&mut a, &mut b, &CONTROL, &Item::Negotiate(Pos::ZERO), &mut buffer);
        let mut honest = [0; 2_048];
        let len = a.seal(&CHANNEL, 0, 1, &data(b"honest"), None, &mut honest).unwrap();
        let bound = b.head_len();
        let (mut rng, mut wire, mut closed) = (Rng::new([6; 32]), [0; 2_048], 0);
        let ((), bytes) = allocated_by(|| {
            for _ in 0..300 {
                hostile(&mut rng, &honest[..len], &mut wire[..len]);
                for step in [1, len] {
                    let (check, most) = feed(&mut b, &wire[..len], step);
                    assert!(most <= bound, "{most} bytes are asked for");
                    closed += u32::from(check.is_some());
                }
            }
        });
        assert_eq!((bytes, closed), (0, 600));
        deliver(&mut b, &mut honest[..len]);
    }
}

#[test]
fn a_hostile_message_1_costs_its_own_length() {
    let link = Link::new(&RustCrypto, Suite::ChaCha20Poly1305, Depth::default());
    let mut rng = Rng::new([8; 32]);
    let (_, honest) = link.start(&mut rng);
    let key = Local::new(&link.identities[1], link.aead).frame_key;
    let mut admission = Admission::<8>::default();
    let ((), bytes) = allocated_by(|| {
        for _ in 0..300 {
            let mut wire = honest;
            hostile(&mut rng, &honest, &mut wire);
            let mut deframer = Deframer::new();
            for len in 0..=wire.len() {
                match deframer.poll(&wire[..len], &Expect::Message1) {
                    Ok(Progress::Need(need)) => assert!(need <= wire.len()),
                    // The frame of a handshake covers the body, whose length is fixed.
                    Ok(Progress::Head(_)) => deframer.accept_frame(),
                    Ok(Progress::Whole { len }) => assert_eq!(len, wire.len()),
                    Err(_) => break,
                }
            }
            let refused = admission.admit(NOW, SOURCE, 0, &key, &wire).unwrap_err();
            assert!(refused <= HandshakeError::FrameClose, "{refused}");
        }
    });
    assert_eq!((bytes, admission.sources()), (0, 0));
}
