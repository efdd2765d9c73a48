//! Handshake messages, honest, altered and made up. Two runtimes with fixed keys, of which `b` answers `a`.

pub mod first;
pub mod second;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use arbitrary::Arbitrary;
use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::crypto::hash::{hmac, sha256};
use mfp_proto::error::CryptoError;
use mfp_proto::frame::mirror_into;
use mfp_proto::handshake::{Ephemeral, Limits, Local, Mode, Params, Peer, Source, StaticKey, Suites};
use mfp_proto::id::{Identity, SessionId, StoreId};
use mfp_proto::time::Instant;

pub(super) const NOW: Instant = Instant::from_micros(1_000_000);
pub(super) const SOURCE: Source = Source::Ipv4([127, 0, 0, 1]);
pub(super) const X: SessionId = SessionId::from_bytes([0x77; 16]);
/// Offset of the body, and so of the ephemeral, in both messages.
const BODY: usize = 96;
/// Bytes of the payload in both messages.
const PAYLOAD: usize = 72;

/// A static key that counts its exchanges.
#[derive(Debug)]
pub(super) struct Counting {
    identity: Identity,
    exchanges: AtomicU32,
}

impl Counting {
    fn made(secret: u8, name: &str) -> Self {
        Self { identity: Identity::new([secret; 32], "fuzz", name).unwrap(), exchanges: AtomicU32::new(0) }
    }

    /// Exchanges since the last call.
    pub(super) fn exchanges(&self) -> u32 {
        self.exchanges.swap(0, Ordering::Relaxed)
    }

    pub(super) fn local(&self) -> Local<'_> {
        Local { key: self, ..Local::new(&self.identity, &RustCrypto) }
    }

    /// How others have it configured.
    pub(super) fn peer(&self, psk: bool) -> Peer {
        Peer {
            public: *self.identity.public(),
            id: self.identity.id(),
            psk: psk.then(|| Secret::from_bytes([7; 32])),
            store_id: StoreId::from_bytes([9; 16]),
            params: params(),
        }
    }
}

impl StaticKey for Counting {
    fn public(&self) -> PublicKey {
        *self.identity.public()
    }

    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.identity.secret().exchange(theirs)
    }
}

/// `a`, `b`, and one whom nobody has configured. Made once: the same in every run.
pub(super) fn parties() -> &'static [Counting; 3] {
    static PARTIES: OnceLock<[Counting; 3]> = OnceLock::new();
    PARTIES.get_or_init(|| [Counting::made(1, "a"), Counting::made(2, "b"), Counting::made(3, "stranger")])
}

fn params() -> Params {
    let limits = Limits { max_body: 4_096, win_bytes: 65_536, ..Limits::default() };
    Params::new(limits, Suites::new(&[1, 9]).unwrap(), Mode::Durable).unwrap()
}

/// The ephemerals of the initiator, the responder, and the initiator's other attempt. Made once, since that is costly.
pub(super) fn ephemeral(of: usize) -> Ephemeral {
    static MADE: OnceLock<[Ephemeral; 3]> = OnceLock::new();
    MADE.get_or_init(|| [4, 5, 6].map(|seed| Ephemeral::from_bytes([seed; 32])))[of].clone()
}

/// What is done to a message.
#[derive(Debug, Arbitrary)]
pub(super) enum Edit {
    Xor { at: u16, with: u8 },
    Set { at: u16, to: Vec<u8> },
    Cut { len: u16 },
    Add(Vec<u8>),
}

pub(super) fn apply(edits: &[Edit], message: &mut Vec<u8>) {
    for edit in edits.iter().take(16) {
        let len = message.len();
        let place = |at: u16| usize::from(at).checked_rem(len);
        match edit {
            Edit::Xor { at, with } => {
                if let Some(at) = place(*at) {
                    message[at] ^= with;
                }
            }
            Edit::Set { at, to } => {
                if let Some(at) = place(*at) {
                    message[at..].iter_mut().zip(to).for_each(|(old, new)| *old = *new);
                }
            }
            Edit::Cut { len } => message.truncate(usize::from(*len)),
            Edit::Add(bytes) => message.extend(bytes.iter().take(256)),
        }
    }
}

/// Writes the frame that the receiver expects around header and body: whoever knows its public key can.
pub(super) fn reframe(message: &mut [u8], receiver: &PublicKey) {
    if message.len() < BODY + 32 {
        return;
    }
    let close = message.len() - 32;
    let (front, close) = message.split_at_mut(close);
    let (head, body) = front.split_at_mut(BODY);
    let (header, open) = head.split_at_mut(64);
    let key = sha256(&[b"mfp2-hs-frame", receiver.as_bytes()]);
    open.copy_from_slice(hmac(&key, &[header, body]).expose_secret());
    mirror_into(open, close);
}

/// The header of either message under the session [`X`] (section 5).
fn header(step: u8, payload_len: u8) -> [u8; 64] {
    let mut header = [0; 64];
    header[..4].copy_from_slice(b"MFP1");
    header[5] = 2;
    header[7] = 4;
    header[11] = 2;
    header[15] = payload_len;
    header[39] = step;
    header[40..56].copy_from_slice(X.as_bytes());
    header
}

/// A whole message from its header and body.
fn whole(header: &[u8; 64], body: &[u8], receiver: &PublicKey) -> Vec<u8> {
    let mut message = [header.as_slice(), &[0; 32], body, &[0; 32]].concat();
    reframe(&mut message, receiver);
    message
}

fn be32(payload: &[u8; PAYLOAD], at: usize) -> u32 {
    u32::from_be_bytes(*payload[at..].first_chunk().unwrap())
}

/// The bounds of section 5 on k, `max_body`, `win_items`, `win_bytes` and `chan_items`.
fn in_bounds(k: u8, [max_body, win_items, win_bytes]: [u32; 3], chan_items: [u8; 2]) -> bool {
    (2..=32).contains(&k) && max_body >= 1_024 && win_items > 0 && win_bytes >= max_body && chan_items != [0, 0]
}
