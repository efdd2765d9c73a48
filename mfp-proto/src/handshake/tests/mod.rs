extern crate std;

use core::cell::Cell;
use core::num::NonZeroU64;
use core::str::FromStr;
use std::string::String;
use std::vec::Vec;

use serde_json::Value;

use super::*;
use crate::crypto::aead::RustCrypto;
use crate::crypto::dh::StaticSecret;
use crate::error::CryptoError;
use crate::frame::Depth;
use crate::id::SessionId;
use crate::wire::item::Proof;

mod attacks;

mod interop;
mod malformed;
mod payloads;
mod session;
mod sources;
mod vectors;

/// The bytes of a field of a vector.
fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap_or_else(|| panic!("{field} is not text"))).unwrap()
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    bytes(case, field).try_into().unwrap_or_else(|_| panic!("{field} is not {N} bytes"))
}

fn number<T: TryFrom<u64>>(case: &Value, field: &str) -> T {
    let number = case[field].as_u64().unwrap_or_else(|| panic!("{field} is not a number"));
    T::try_from(number).unwrap_or_else(|_| panic!("{field} is too large"))
}

fn text(case: &Value, field: &str) -> String {
    String::from_str(case[field].as_str().unwrap()).unwrap()
}

/// A static key that counts its exchanges.
#[derive(Debug)]
struct Counting {
    identity: Identity,
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
#[derive(Debug)]
struct Side {
    key: Counting,
    e: [u8; 32],
    store_id: StoreId,
    params: Params,
    psk: Option<[u8; 32]>,
}

impl Side {
    fn new(identity: Identity, e: [u8; 32], store_id: StoreId, params: Params) -> Self {
        Self { key: Counting { identity, exchanges: Cell::new(0) }, e, store_id, params, psk: None }
    }

    fn from_vector(side: &Value) -> Self {
        let label = |field| String::from_utf8(bytes(side, field)).unwrap();
        let identity = Identity::new(array(side, "sk"), &label("dep"), &label("inst")).unwrap();
        assert_eq!(identity.id().as_bytes(), &array(side, "rid"));
        assert_eq!(identity.public().as_bytes(), &array(side, "pk"));
        assert_eq!(Ephemeral::from_bytes(array(side, "e")).public().as_bytes(), &array(side, "e_pub"));
        Self::new(identity, array(side, "e"), array(side, "store_id").into(), params(&side["params"]))
    }

    fn id(&self) -> RuntimeId {
        self.key.identity.id()
    }

    fn local(&self) -> Local<'_> {
        Local { key: &self.key, ..Local::new(&self.key.identity, &RustCrypto) }
    }

    /// How this side has `other` configured.
    fn peer(&self, other: &Self) -> Peer {
        Peer {
            public: *other.key.identity.public(),
            id: other.id(),
            psk: self.psk.map(Secret::from_bytes),
            store_id: self.store_id,
            params: self.params.clone(),
        }
    }

    fn exchanges(&self) -> u32 {
        self.key.exchanges.get()
    }
}

fn params(case: &Value) -> Params {
    let suites = case["suites"].as_array().unwrap().iter();
    let suites: Vec<u8> = suites.map(|it| it.as_u64().unwrap().try_into().unwrap()).collect();
    let limits = Limits {
        depth: Depth::new(number(case, "k")).unwrap(),
        max_body: number(case, "max_body"),
        win_items: number(case, "win_items"),
        win_bytes: number(case, "win_bytes"),
        chan_items: number(case, "chan_items"),
    };
    let mode = if number::<u8>(case, "mode") == 0 { Mode::Durable } else { Mode::Volatile };
    Params::new(limits, Suites::new(&suites).unwrap(), mode).unwrap()
}

/// Two sides that have each other configured, with a psk.
fn pair() -> (Side, Side) {
    let side = |seed: u8, name| {
        let identity = Identity::new([seed; 32], "dep", name).unwrap();
        Side::new(identity, [seed + 1; 32], [seed + 2; 16].into(), Params::default())
    };
    let (mut a, mut b) = (side(0x10, "a"), side(0x20, "b"));
    (a.psk, b.psk) = (Some([7; 32]), Some([7; 32]));
    (a, b)
}

const X: SessionId = SessionId::from_bytes([0x77; 16]);
const POS: Pos = Pos::new(NonZeroU64::MAX, SessionId::from_bytes([0x99; 16]), Proof::from_bytes([0x98; 16]));
const NOW: Instant = Instant::from_micros(1_000_000);

/// The initiator `a` calls `b`.
fn start(a: &Side, b: &Side) -> (Initiator, [u8; MESSAGE1_LEN]) {
    Initiator::start_with(NOW, &a.local(), &a.peer(b), Ephemeral::from_bytes(a.e), X).unwrap()
}

/// The responder `b`, which has only `a` configured, reads message 1 up to the point where it needs a POS.
fn accept(b: &Side, a: &Side, message1: &[u8]) -> Result<Responder, HandshakeError> {
    let mut admission = Admission::<2>::default();
    accept_through(&mut admission, b, a, message1)
}

fn accept_through(
    admission: &mut Admission<2>,
    b: &Side,
    a: &Side,
    message1: &[u8],
) -> Result<Responder, HandshakeError> {
    let (local, peer) = (b.local(), b.peer(a));
    let admitted = admission.admit(NOW, Source::Named([1; 16]), 0, &local.frame_key, message1)?;
    let identified = admitted.identify(&local, |key| (*key == peer.public).then_some(&peer))?;
    identified.accept_with(NOW, &local, Ephemeral::from_bytes(b.e))
}

/// The whole of the responder's side.
fn respond(b: &Side, a: &Side, message1: &[u8]) -> Result<([u8; MESSAGE2_LEN], Established), HandshakeError> {
    accept(b, a, message1)?.respond(NOW, &b.local(), POS)
}

/// A body and a header under the frame that the receiver expects: whoever knows its public key can make one.
fn reframe<const LEN: usize>(message: &[u8; LEN], receiver: &Side) -> [u8; LEN] {
    let (header, rest) = message.split_first_chunk::<64>().unwrap();
    frame::seal(&receiver.local().frame_key, header, &rest[32..rest.len() - 32])
}

fn flipped<const LEN: usize>(message: &[u8; LEN], bit: usize) -> [u8; LEN] {
    let mut message = *message;
    message[bit / 8] ^= 1 << (bit % 8);
    message
}

/// What of an initiator could change.
fn state(initiator: &Initiator) -> String {
    let pending = initiator.pending.as_ref().unwrap();
    std::format!("{:?} {:?} {pending:?}", pending.noise.symmetric.ck.expose_secret(), pending.noise.symmetric.h)
}

fn assert_same_keys(one: &Established, other: &Established) {
    assert_eq!(one.split.k_ir, other.split.k_ir);
    assert_eq!(one.split.k_ri, other.split.k_ri);
    assert_eq!(one.split.h, other.split.h);
    assert_ne!(one.split.k_ir, one.split.k_ri);
    assert_eq!((one.e_i, one.e_r, one.pos), (other.e_i, other.e_r, other.pos));
}
