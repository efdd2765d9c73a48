//! Sealing and opening of whole messages with each back end.

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, Ring, RustCrypto, Suite};
use mfp_proto::error::CryptoError;

/// Every back end of the core.
pub const BACK_ENDS: [&dyn Aead; 2] = [&RustCrypto, &Ring];

/// Every suite of the protocol.
pub const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

/// What an AEAD takes beside the text.
#[derive(Clone, Debug)]
pub struct Context {
    /// The suite.
    pub suite: Suite,
    /// The key.
    pub key: Secret,
    /// The nonce.
    pub nonce: [u8; 12],
    /// The associated data.
    pub aad: Vec<u8>,
}

impl Context {
    /// `ciphertext ‖ tag` of `plaintext`.
    ///
    /// # Errors
    /// What the back end says.
    pub fn seal(&self, back_end: &dyn Aead, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut sealed = plaintext.to_vec();
        let tag = back_end.seal_in_place(self.suite, &self.key, &self.nonce, &self.aad, &mut sealed)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// The plaintext of `ciphertext ‖ tag`.
    ///
    /// # Errors
    /// [`CryptoError`] if it is too short for a tag, and what the back end says.
    pub fn open(&self, back_end: &dyn Aead, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (ciphertext, tag) = sealed.split_last_chunk().ok_or(CryptoError)?;
        let mut opened = ciphertext.to_vec();
        back_end.open_in_place(self.suite, &self.key, &self.nonce, &self.aad, &mut opened, tag)?;
        Ok(opened)
    }
}
