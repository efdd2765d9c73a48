//! `Noise_IKpsk2_25519_ChaChaPoly_SHA256`, verbatim (section 5): two messages with payloads of any length.
//!
//! ```text
//! <- s
//! ...
//! -> e, es, s, ss     (payload 1)
//! <- e, ee, se, psk   (payload 2)
//! ```
//!
//! Each side is a chain of types, one for each state. Reading borrows the state that it starts from and gives
//! the next one, so a message that is refused has changed nothing.
//!
//! | step | scalar multiplications |
//! |---|---|
//! | [`Ephemeral::draw`] | 1 |
//! | [`Initiator::write_message1`] | 2: es, ss |
//! | [`Responder::read_static`] | 1: es |
//! | [`ResponderIdentified::read_payload1`] | 1: ss |
//! | [`ResponderReceived::write_message2`] | 2: ee, se |
//! | [`InitiatorSent::read_message2`] | 2: ee, se |

use core::fmt;

use zeroize::Zeroize;

use super::symmetric::Symmetric;
use crate::crypto::Secret;
use crate::crypto::aead::{Aead, TAG_LEN};
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::crypto::rng::Rng;
use crate::error::CryptoError;
use crate::id::Identity;

/// What message 1 adds to its payload, in bytes: e (32), s (48) and a tag (16).
pub const MESSAGE1_OVERHEAD: usize = 96;
/// What message 2 adds to its payload, in bytes: e (32) and a tag (16).
pub const MESSAGE2_OVERHEAD: usize = 48;
/// The longest message of Noise, in bytes.
pub const MAX_MESSAGE_LEN: usize = 65_535;

/// Bytes of a public key.
const DH_LEN: usize = 32;

/// A static key pair that can exchange: an [`Identity`], or something that keeps its secret to itself, such as a
/// secure element, or that counts.
pub trait StaticKey: fmt::Debug {
    /// The public key. Must cost no scalar multiplication.
    fn public(&self) -> PublicKey;

    /// X25519 with the public key `theirs`.
    ///
    /// # Errors
    /// [`CryptoError`] if the output is all zero. An implementation must make this check (section 5).
    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError>;
}

impl StaticKey for Identity {
    fn public(&self) -> PublicKey {
        *Self::public(self)
    }

    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        self.secret().exchange(theirs)
    }
}

/// Why a step of Noise failed. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoiseError {
    /// The message, or the buffer for it or its payload, has the wrong length. Noise's messages end at 65,535 bytes.
    Length,
    /// The output of an exchange is all zero: the peer's key is of low order.
    Dh,
    /// A tag is wrong.
    Aead,
}

impl fmt::Display for NoiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "length of a handshake message or of its buffer is wrong",
            Self::Dh => "output of the key exchange is all zero",
            Self::Aead => "handshake message does not authenticate",
        })
    }
}

impl core::error::Error for NoiseError {}

impl From<CryptoError> for NoiseError {
    /// Of an exchange.
    fn from(_: CryptoError) -> Self {
        Self::Dh
    }
}

/// What a handshake ends with (section 6). The keys are zeroized on drop.
pub struct Split {
    /// K of the lane from initiator to responder.
    pub k_ir: Secret,
    /// K of the lane from responder to initiator.
    pub k_ri: Secret,
    /// The handshake hash: it binds both messages, both prologues and all keys.
    pub h: [u8; 32],
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Split(redacted)")
    }
}

/// An ephemeral key pair, for one handshake. The secret is zeroized on drop.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
pub struct Ephemeral {
    secret: StaticSecret,
    public: PublicKey,
}

/// For tests: the same secret, in constant time.
#[cfg(any(test, feature = "testing"))]
impl PartialEq for Ephemeral {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.secret, &other.secret).into()
    }
}

impl Ephemeral {
    /// A fresh pair from the caller's generator, with one scalar multiplication.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut bytes = rng.array();
        let pair = Self::from_bytes(bytes);
        bytes.zeroize();
        pair
    }

    /// The pair with this secret, for test vectors: whoever uses a secret twice gives away that it is the same.
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from_bytes(secret);
        let public = secret.public();
        Self { secret, public }
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// The initiator before message 1.
#[derive(Debug)]
pub struct Initiator {
    symmetric: Symmetric,
    rs: PublicKey,
    psk: Secret,
}

impl Initiator {
    /// An initiator to the responder with the static key `rs`. Both sides must have the same `prologue` and psk
    /// (`0^32` where there is none).
    pub fn new(rs: PublicKey, psk: Secret, prologue: &[u8]) -> Self {
        Self { symmetric: Symmetric::new(prologue, &rs), rs, psk }
    }

    /// Writes message 1, [`MESSAGE1_OVERHEAD`] bytes longer than `payload`, to all of `out`. `e` must be fresh.
    ///
    /// # Errors
    /// [`NoiseError::Length`] if `out` has another length or the message is too long; [`NoiseError::Dh`] if the
    /// responder's key is of low order.
    pub fn write_message1(
        self,
        aead: &dyn Aead,
        s: &dyn StaticKey,
        e: Ephemeral,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<InitiatorSent, NoiseError> {
        let Self { mut symmetric, rs, psk } = self;
        let (e_out, rest) = parts::<DH_LEN>(out)?;
        let (s_out, payload_out) = parts::<{ DH_LEN + TAG_LEN }>(rest)?;
        if payload_out.len() != payload.len() + TAG_LEN {
            return Err(NoiseError::Length);
        }
        *e_out = *e.public.as_bytes();
        symmetric.mix_ephemeral(&e.public);
        symmetric.mix_key(e.secret.exchange(&rs)?.expose_secret());
        symmetric.encrypt_and_hash(aead, s.public().as_bytes(), s_out)?;
        symmetric.mix_key(s.exchange(&rs)?.expose_secret());
        symmetric.encrypt_and_hash(aead, payload, payload_out)?;
        Ok(InitiatorSent { symmetric, e, psk })
    }
}

/// The initiator after message 1.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq))]
pub struct InitiatorSent {
    symmetric: Symmetric,
    e: Ephemeral,
    psk: Secret,
}

impl InitiatorSent {
    /// Its public ephemeral, `e_i`.
    pub fn ephemeral(&self) -> &PublicKey {
        &self.e.public
    }

    /// Reads message 2 and writes its payload to all of `payload`. Gives the result and the responder's public
    /// ephemeral, `e_r`.
    ///
    /// The same message gives the same keys again, so a state must not be used after a message was accepted.
    ///
    /// # Errors
    /// [`NoiseError`]; `payload` is then unchanged or zero.
    pub fn read_message2(
        &self,
        aead: &dyn Aead,
        s: &dyn StaticKey,
        message: &[u8],
        payload: &mut [u8],
    ) -> Result<(Split, PublicKey), NoiseError> {
        let (e, sealed) = read_ephemeral(message)?;
        let mut symmetric = self.symmetric.clone();
        symmetric.mix_ephemeral(&e);
        symmetric.mix_key(self.e.secret.exchange(&e)?.expose_secret());
        symmetric.mix_key(s.exchange(&e)?.expose_secret());
        symmetric.mix_key_and_hash(&self.psk);
        symmetric.decrypt_and_hash(aead, sealed, payload)?;
        Ok((symmetric.split(), e))
    }
}

/// The responder before message 1.
#[derive(Debug)]
pub struct Responder {
    symmetric: Symmetric,
}

impl Responder {
    /// A responder with the static public key `s`. Both sides must have the same `prologue`.
    pub fn new(s: &PublicKey, prologue: &[u8]) -> Self {
        Self { symmetric: Symmetric::new(prologue, s) }
    }

    /// Reads message 1 up to the initiator's static key, with one exchange. Gives the rest of the message too:
    /// the sealed payload.
    ///
    /// # Errors
    /// [`NoiseError`].
    pub fn read_static<'m>(
        &self,
        aead: &dyn Aead,
        s: &dyn StaticKey,
        message: &'m [u8],
    ) -> Result<(ResponderIdentified, &'m [u8]), NoiseError> {
        let (e, rest) = read_ephemeral(message)?;
        let (sealed, payload) = rest.split_first_chunk::<{ DH_LEN + TAG_LEN }>().ok_or(NoiseError::Length)?;
        let mut symmetric = self.symmetric.clone();
        symmetric.mix_ephemeral(&e);
        symmetric.mix_key(s.exchange(&e)?.expose_secret());
        let mut rs = [0; DH_LEN];
        symmetric.decrypt_and_hash(aead, sealed, &mut rs)?;
        Ok((ResponderIdentified { symmetric, re: e, rs: PublicKey::from_bytes(rs) }, payload))
    }
}

/// The responder after the token `s`: it knows the key that the initiator shows, and has not yet seen that the
/// initiator has the secret that belongs to it.
#[derive(Debug)]
pub struct ResponderIdentified {
    symmetric: Symmetric,
    re: PublicKey,
    rs: PublicKey,
}

impl ResponderIdentified {
    /// The static key that the initiator shows.
    pub fn remote_static(&self) -> &PublicKey {
        &self.rs
    }

    /// Reads the sealed payload of message 1, with one exchange, and writes it to all of `payload`.
    ///
    /// # Errors
    /// [`NoiseError`]; `payload` is then unchanged or zero.
    pub fn read_payload1(
        &self,
        aead: &dyn Aead,
        s: &dyn StaticKey,
        sealed: &[u8],
        payload: &mut [u8],
    ) -> Result<ResponderReceived, NoiseError> {
        let mut symmetric = self.symmetric.clone();
        symmetric.mix_key(s.exchange(&self.rs)?.expose_secret());
        symmetric.decrypt_and_hash(aead, sealed, payload)?;
        Ok(ResponderReceived { symmetric, re: self.re, rs: self.rs })
    }
}

/// The responder after message 1. The message may be a replay: only a message under the split keys shows that the
/// initiator is there.
#[derive(Debug)]
pub struct ResponderReceived {
    symmetric: Symmetric,
    re: PublicKey,
    rs: PublicKey,
}

impl ResponderReceived {
    /// The initiator's public ephemeral, `e_i`.
    pub fn remote_ephemeral(&self) -> &PublicKey {
        &self.re
    }

    /// Writes message 2, [`MESSAGE2_OVERHEAD`] bytes longer than `payload`, to all of `out`. `e` must be fresh.
    ///
    /// # Errors
    /// [`NoiseError::Length`] if `out` has another length or the message is too long; [`NoiseError::Dh`] if the
    /// initiator's ephemeral is of low order.
    pub fn write_message2(
        self,
        aead: &dyn Aead,
        e: &Ephemeral,
        psk: &Secret,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<Split, NoiseError> {
        let Self { mut symmetric, re, rs } = self;
        let (e_out, payload_out) = parts::<DH_LEN>(out)?;
        if payload_out.len() != payload.len() + TAG_LEN {
            return Err(NoiseError::Length);
        }
        *e_out = *e.public.as_bytes();
        symmetric.mix_ephemeral(&e.public);
        symmetric.mix_key(e.secret.exchange(&re)?.expose_secret());
        symmetric.mix_key(e.secret.exchange(&rs)?.expose_secret());
        symmetric.mix_key_and_hash(psk);
        symmetric.encrypt_and_hash(aead, payload, payload_out)?;
        Ok(symmetric.split())
    }
}

/// The first `N` bytes of a message that is to be written, and the rest.
fn parts<const N: usize>(out: &mut [u8]) -> Result<(&mut [u8; N], &mut [u8]), NoiseError> {
    if out.len() > MAX_MESSAGE_LEN {
        return Err(NoiseError::Length);
    }
    out.split_first_chunk_mut().ok_or(NoiseError::Length)
}

/// The public ephemeral at the start of a message, and the rest.
fn read_ephemeral(message: &[u8]) -> Result<(PublicKey, &[u8]), NoiseError> {
    if message.len() > MAX_MESSAGE_LEN {
        return Err(NoiseError::Length);
    }
    let (e, rest) = message.split_first_chunk().ok_or(NoiseError::Length)?;
    Ok((PublicKey::from_bytes(*e), rest))
}
