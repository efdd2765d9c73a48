//! Runtimes that shake hands and hold sessions, for the suites. Everything is given and nothing drawn, so a run repeats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here is a bug of a test")]

use core::cell::Cell;
use core::num::NonZeroU64;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::error::CryptoError;
use mfp_proto::frame::Depth;
use mfp_proto::handshake::{
    Admission, Ephemeral, Established, HandshakeError, Initiator, Limits, Local, MESSAGE1_LEN, MESSAGE2_LEN, Mode,
    Params, Peer, Responder, Source, StaticKey, Suites,
};
use mfp_proto::id::{ChannelId, Identity, RuntimeId, SessionId, StoreId};
use mfp_proto::link::session::{OpenError, Received, Terms};
use mfp_proto::link::{FixedChannels, Role, Session, SessionKeys};
use mfp_proto::time::Instant;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Data, Meta, Pos, Proof};
use mfp_proto::wire::{Item, Malformed};

pub(crate) const X: SessionId = SessionId::from_bytes([0x77; 16]);
pub(crate) const POS: Pos = Pos::new(NonZeroU64::MAX, SessionId::from_bytes([0x99; 16]), Proof::from_bytes([0x98; 16]));
pub(crate) const NOW: Instant = Instant::from_micros(1_000_000);
pub(crate) const SOURCE: Source = Source::Named([1; 16]);
/// A channel that both ends of a test's session have bound.
pub(crate) const CHANNEL: ChannelId = ChannelId::from_bytes([0x77; 16]);

/// A static key that counts its exchanges.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    pub(crate) identity: Identity,
    exchanges: Cell<u32>,
}

impl StaticKey for Counting {
    fn public(&self) -> PublicKey {
        *self.identity.public()
    }

    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        self.exchanges.set(self.exchanges.get() + 1);
        self.identity.secret().exchange(theirs)
    }
}

/// One runtime: its key, its ephemeral for the next handshake, and what it brings to a link.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) key: Counting,
    pub(crate) e: [u8; 32],
    pub(crate) store_id: StoreId,
    pub(crate) params: Params,
    pub(crate) psk: Option<[u8; 32]>,
    pub(crate) aead: &'static dyn Aead,
}

impl Side {
    pub(crate) fn new(identity: Identity, e: [u8; 32], store_id: StoreId, params: Params) -> Self {
        let key = Counting { identity, exchanges: Cell::new(0) };
        Self { key, e, store_id, params, psk: None, aead: &RustCrypto }
    }

    /// The same side, changed.
    pub(crate) fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }

    pub(crate) fn id(&self) -> RuntimeId {
        self.key.identity.id()
    }

    pub(crate) fn local(&self) -> Local<'_> {
        Local { key: &self.key, ..Local::new(&self.key.identity, self.aead) }
    }

    /// How this side has `other` configured.
    pub(crate) fn peer(&self, other: &Self) -> Peer {
        Peer {
            public: other.key.public(),
            id: other.id(),
            psk: self.psk.map(Secret::from_bytes),
            store_id: self.store_id,
            params: self.params.clone(),
        }
    }

    /// Exchanges with its static key so far.
    pub(crate) fn exchanges(&self) -> u32 {
        self.key.exchanges.get()
    }

    /// Calls `other`.
    pub(crate) fn start(&self, other: &Self) -> (Initiator, [u8; MESSAGE1_LEN]) {
        Initiator::start_with(NOW, &self.local(), &self.peer(other), Ephemeral::from_bytes(self.e), X).unwrap()
    }

    /// Reads message 1 up to the point where it needs a POS, with `from` alone configured.
    pub(crate) fn accept(&self, from: &Self, message1: &[u8]) -> Result<Responder, HandshakeError> {
        self.accept_through(&mut Admission::default(), from, message1)
    }

    pub(crate) fn accept_through(
        &self,
        admission: &mut Admission<2>,
        from: &Self,
        message1: &[u8],
    ) -> Result<Responder, HandshakeError> {
        let (local, peer) = (self.local(), self.peer(from));
        let admitted = admission.admit(NOW, SOURCE, 0, &local.frame_key, message1)?;
        let identified = admitted.identify(&local, |key| (*key == peer.public).then_some(&peer))?;
        identified.accept_with(NOW, &local, Ephemeral::from_bytes(self.e))
    }

    /// Answers message 1.
    pub(crate) fn respond(
        &self,
        from: &Self,
        message1: &[u8],
    ) -> Result<([u8; MESSAGE2_LEN], Established), HandshakeError> {
        self.accept(from, message1)?.respond(NOW, &self.local(), POS)
    }

    /// The session that follows from a handshake with `other`.
    pub(crate) fn session(&self, role: Role, established: Established, other: &Self) -> TestSession {
        let Established { split, agreed, .. } = established;
        let keys = SessionKeys::derive(split.k_ir, split.k_ri, &split.h);
        let (local, peer) = (self.id(), other.id());
        let (depth, max_body, suite) = (agreed.depth, agreed.max_body, agreed.suite);
        let terms = Terms { role, local, peer, depth, max_body, suite, aead: self.aead };
        let mut session = Session::new(keys, &terms).unwrap();
        session.bind(CHANNEL, [0x42; 32]).unwrap();
        session
    }
}

/// Two sides that have each other configured, with a psk, short frames and short bodies.
pub(crate) fn pair(suite: Suite, aead: &'static dyn Aead) -> (Side, Side) {
    let limits = Limits { depth: Depth::MIN, max_body: 1_024, ..Limits::default() };
    let params = Params::new(limits, Suites::from(suite), Mode::Durable).unwrap();
    let side = |seed: u8, name| {
        let identity = Identity::new([seed; 32], "dep", name).unwrap();
        Side::new(identity, [seed + 1; 32], [seed + 2; 16].into(), params.clone()).but(|side| {
            side.psk = Some([7; 32]);
            side.aead = aead;
        })
    };
    (side(0x10, "a"), side(0x20, "b"))
}

pub(crate) fn plain_pair() -> (Side, Side) {
    pair(Suite::default(), &RustCrypto)
}

pub(crate) fn assert_same_keys(one: &Established, other: &Established) {
    assert_eq!(one.split.k_ir, other.split.k_ir);
    assert_eq!(one.split.k_ri, other.split.k_ri);
    assert_eq!(one.split.h, other.split.h);
    assert_ne!(one.split.k_ir, one.split.k_ri);
    assert_eq!((one.e_i, one.e_r, one.pos), (other.e_i, other.e_r, other.pos));
}

pub(crate) type TestSession = Session<FixedChannels<4>>;

/// The two ends of a session.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) initiator: TestSession,
    pub(crate) responder: TestSession,
}

impl Ends {
    /// By a whole handshake of `a` with `b`; NEGOTIATE is to be sent.
    pub(crate) fn fresh(a: &Side, b: &Side) -> Self {
        let (initiator, message1) = a.start(b);
        Self::answer(a, b, initiator, &message1)
    }

    /// The same, and NEGOTIATE has opened.
    pub(crate) fn connect(a: &Side, b: &Side) -> Self {
        let mut ends = Self::fresh(a, b);
        let mut negotiate = ends.negotiate();
        receive(&mut ends.responder, &mut negotiate).unwrap();
        ends
    }

    /// The rest of a handshake, after message 1.
    pub(crate) fn answer(a: &Side, b: &Side, mut initiator: Initiator, message1: &[u8]) -> Self {
        let (message2, theirs) = b.respond(a, message1).unwrap();
        let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();
        let (initiator, responder) = (a.session(Role::Initiator, ours, b), b.session(Role::Responder, theirs, a));
        Self { initiator, responder }
    }

    /// The first message of lane ir.
    pub(crate) fn negotiate(&mut self) -> Vec<u8> {
        let mut out = vec![0; 300];
        let len = self.initiator.seal(&CONTROL, 0, 0, &Item::Negotiate(Pos::ZERO), None, &mut out).unwrap();
        out.truncate(len);
        out
    }

    pub(crate) fn plain() -> Self {
        let (a, b) = plain_pair();
        Self::connect(&a, &b)
    }
}

/// A message of an agent.
pub(crate) fn data(n: u64, payload: &[u8]) -> (u64, Item<'_>) {
    (n, Item::Data(Data { q: NonZeroU64::new(n).unwrap(), meta: Meta::EMPTY, payload }))
}

pub(crate) fn send(session: &mut TestSession, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1_500];
    let (n, item) = data(1, payload);
    let len = session.seal(&CHANNEL, 5, n, &item, None, &mut out).unwrap();
    out.truncate(len);
    out
}

/// The item of the rotation that is due.
pub(crate) fn send_marker(session: &mut TestSession, entropy: [u8; 32]) -> Vec<u8> {
    let mut out = vec![0; 1_500];
    let len = session.seal_rotation(0, || entropy, &mut out).unwrap().expect("a marker is due");
    out.truncate(len);
    out
}

/// Judges and opens a whole message.
pub(crate) fn receive<'m>(session: &mut TestSession, wire: &'m mut [u8]) -> Result<Received<'m>, OpenError> {
    let opening = session.judge_head(wire).map_err(OpenError::Malformed)?.expect("the message is whole");
    session.open(opening, wire)
}

/// Feeds `wire`. If it is refused, no byte of state has changed and only the counter of the check has risen, by one.
pub(crate) fn refusal(session: &mut TestSession, wire: &[u8]) -> Option<Malformed> {
    let before = session.clone();
    match receive(session, &mut wire.to_vec()) {
        Ok(_) => None,
        Err(OpenError::Malformed(check)) => {
            assert!(session.same_state(&before), "the state has changed: {check}");
            let mut expected = *before.rejected();
            expected.count(check);
            assert_eq!(*session.rejected(), expected);
            Some(check)
        }
        Err(OpenError::Rotation(error)) => panic!("{error}"),
    }
}

/// `wire` is refused by `check`, as [`refusal`] says.
pub(crate) fn refused(session: &mut TestSession, wire: &[u8], check: Malformed) {
    assert_eq!(refusal(session, wire), Some(check));
}
