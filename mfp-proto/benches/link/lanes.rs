//! One message of a lane, sealed and opened.

use std::hint::black_box;
use std::num::NonZeroU64;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Ring, Suite};
use mfp_proto::frame::Depth;
use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::link::session::Terms;
use mfp_proto::link::{GrowingChannels, Role, Session, SessionKeys};
use mfp_proto::wire::Item;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Data, Meta, Pos};

pub(crate) const BACK_END: &Ring = &Ring;
pub(crate) const SUITE: Suite = Suite::ChaCha20Poly1305;
const CHANNEL: ChannelId = ChannelId::from_bytes([7; 16]);

/// Both ends of a session with 101 channels.
pub(crate) struct Lanes {
    initiator: Session<GrowingChannels>,
    responder: Session<GrowingChannels>,
    payload: Vec<u8>,
    buffer: Vec<u8>,
    n: u64,
}

impl Lanes {
    pub(crate) fn new(len: usize) -> Self {
        let end = |role, local, peer| {
            let keys = SessionKeys::derive(Secret::from_bytes([1; 32]), Secret::from_bytes([2; 32]), &[3; 32]);
            let (local, peer) = (RuntimeId::from_bytes([local; 32]), RuntimeId::from_bytes([peer; 32]));
            let depth = Depth::default();
            let terms = Terms { role, local, peer, depth, max_body: 1 << 20, suite: SUITE, aead: BACK_END };
            let mut session = Session::new(keys, &terms).unwrap();
            for channel in 0..100 {
                session.bind(ChannelId::from_bytes([channel + 100; 16]), [channel; 32]).unwrap();
            }
            session.bind(CHANNEL, [9; 32]).unwrap();
            session
        };
        let (initiator, responder) = (end(Role::Initiator, 1, 2), end(Role::Responder, 2, 1));
        let mut lanes = Self { initiator, responder, payload: vec![0x5a; len], buffer: vec![0; len + 1_000], n: 0 };
        lanes.carry(&CONTROL, 0, &Item::Negotiate(Pos::ZERO));
        lanes
    }

    fn carry(&mut self, channel: &ChannelId, n: u64, item: &Item<'_>) {
        let len = self.initiator.seal(channel, 0, n, item, None, &mut self.buffer).unwrap();
        let wire = &mut self.buffer[..len];
        let opening = self.responder.judge_head(wire).unwrap().unwrap();
        black_box(self.responder.open(opening, wire).unwrap());
    }

    pub(crate) fn message(&mut self) {
        self.n += 1;
        let payload = std::mem::take(&mut self.payload);
        let data =
            Data { q: NonZeroU64::new(self.n).unwrap(), meta: Meta::parse(&[]).unwrap(), payload: black_box(&payload) };
        self.carry(&CHANNEL, self.n, &Item::Data(data));
        self.payload = payload;
    }
}
