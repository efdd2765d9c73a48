use core::fmt;

use super::noise::{NoiseError, Split};
use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Suite, TAG_LEN};
use crate::crypto::dh::PublicKey;
use crate::crypto::hash::{self, HmacKey};

/// The name of the protocol, which is hashed before all else.
const NAME: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_SHA256";

/// Noise's nonce is `0^4` and then n as a little-endian u64. In this pattern a `MixKey` comes before every
/// encryption and sets n to 0, so no key seals twice and n is never anything else.
const NONCE: [u8; 12] = [0; 12];

/// Noise's `SymmetricState`, with the key of its `CipherState`. Zeroized on drop.
#[derive(Clone)]
#[cfg_attr(any(test, feature = "testing"), derive(PartialEq, Hash))]
pub(super) struct Symmetric {
    pub(super) ck: Secret,
    /// Set by the first `mix_key`, and not used before it.
    k: Secret,
    pub(super) h: [u8; 32],
}

impl Symmetric {
    /// `InitializeSymmetric`, the prologue, and the pre-message `<- s`.
    pub(super) fn new(prologue: &[u8], responder: &PublicKey) -> Self {
        let h = hash::sha256(&[NAME]);
        let mut state = Self { ck: Secret::from_bytes(h), k: Secret::from_bytes([0; 32]), h };
        state.mix_hash(prologue);
        state.mix_hash(responder.as_bytes());
        state
    }

    /// `MixHash`.
    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.h = hash::sha256(&[&self.h, data]);
    }

    /// `MixKey`.
    pub(super) fn mix_key(&mut self, input: &[u8]) {
        (self.ck, self.k, _) = self.hkdf(input);
    }

    /// `MixKeyAndHash`, the token `psk`.
    pub(super) fn mix_key_and_hash(&mut self, psk: &Secret) {
        let (ck, hashed, temp) = self.hkdf(psk.expose_secret());
        self.k = temp.mac(&[hashed.expose_secret(), &[3]]);
        self.ck = ck;
        self.mix_hash(hashed.expose_secret());
    }

    /// The token `e` of a pattern with a psk.
    pub(super) fn mix_ephemeral(&mut self, e: &PublicKey) {
        self.mix_hash(e.as_bytes());
        self.mix_key(e.as_bytes());
    }

    /// `EncryptAndHash`: writes ciphertext and tag, 16 bytes more than `plaintext`, to all of `out`.
    pub(super) fn encrypt_and_hash(
        &mut self,
        aead: &dyn Aead,
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<(), NoiseError> {
        let (text, tag) = out.split_at_mut_checked(plaintext.len()).ok_or(NoiseError::Length)?;
        if tag.len() != TAG_LEN {
            return Err(NoiseError::Length);
        }
        text.copy_from_slice(plaintext);
        let sealed = aead.seal_in_place(Suite::ChaCha20Poly1305, &self.k, &NONCE, &self.h, text);
        tag.copy_from_slice(&sealed.map_err(|_| NoiseError::Aead)?);
        self.mix_hash(out);
        Ok(())
    }

    /// `DecryptAndHash`: writes the plaintext, 16 bytes fewer than `sealed`, to all of `out`. After an error `out`
    /// is zero.
    pub(super) fn decrypt_and_hash(
        &mut self,
        aead: &dyn Aead,
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), NoiseError> {
        let (text, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(NoiseError::Length)?;
        if text.len() != out.len() {
            return Err(NoiseError::Length);
        }
        out.copy_from_slice(text);
        if aead.open_in_place(Suite::ChaCha20Poly1305, &self.k, &NONCE, &self.h, out, tag).is_err() {
            out.fill(0);
            return Err(NoiseError::Aead);
        }
        self.mix_hash(sealed);
        Ok(())
    }

    /// `Split`, and the handshake hash.
    pub(super) fn split(&self) -> Split {
        let (k_ir, k_ri, _) = self.hkdf(&[]);
        Split { k_ir, k_ri, h: self.h }
    }

    /// The first two outputs of Noise's `HKDF`, and the key with which the third is made of the second.
    fn hkdf(&self, input: &[u8]) -> (Secret, Secret, HmacKey) {
        let temp = HmacKey::new(hash::hmac(self.ck.expose_secret(), &[input]).expose_secret());
        let first = temp.mac(&[&[1]]);
        let second = temp.mac(&[first.expose_secret(), &[2]]);
        (first, second, temp)
    }
}

impl fmt::Debug for Symmetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Symmetric(redacted)")
    }
}
