//! The AEAD: suites, and the back ends that compute them.
//!
//! A back end is a value, handed to a constructor. All of them give the same bytes; they differ in speed.

use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};

use super::Secret;
use crate::error::CryptoError;

/// Bytes that sealing adds.
pub const TAG_LEN: usize = 16;

/// An AEAD suite, by its number on the wire (section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suite {
    /// ChaCha20-Poly1305. Every back end has it.
    #[default]
    ChaCha20Poly1305 = 1,
    /// AES-256-GCM. With the feature `aes-gcm`, or the back end `Ring`.
    Aes256Gcm = 2,
}

impl Suite {
    /// The suite with this number, if there is one.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::ChaCha20Poly1305),
            2 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in the derivation of keys (section 2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }
}

mod sealed {
    #[allow(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::RustCrypto {}
    #[cfg(feature = "ring")]
    impl Sealed for super::Ring {}
}
pub(crate) use sealed::Sealed;

/// A back end. Sealed: those of this crate are all there are.
pub trait Aead: Sealed + Send + Sync + fmt::Debug {
    /// A short name, for logs and benches.
    fn name(&self) -> &'static str;

    /// Whether it computes `suite` in this build.
    fn supports(&self, suite: Suite) -> bool;

    /// Encrypts `buf` in place and returns the tag.
    ///
    /// # Errors
    /// [`CryptoError`] if the suite is not supported or the buffer exceeds the suite's limit (about 64 GiB).
    fn seal_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError>;

    /// Verifies the tag and decrypts `buf` in place. After an error the content of `buf` is unspecified,
    /// and never the plaintext.
    ///
    /// # Errors
    /// [`CryptoError`] if the tag is wrong or the suite is not supported.
    fn open_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError>;
}

/// The back end that is always there: RustCrypto, in portable Rust, without an allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

fn seal_with<C: KeyInit + AeadInOut>(
    key: &Secret,
    nonce: &[u8; 12],
    aad: &[u8],
    buf: &mut [u8],
) -> Result<[u8; TAG_LEN], CryptoError> {
    let cipher = C::new_from_slice(key.expose_secret()).map_err(|_| CryptoError)?;
    let nonce = nonce.as_slice().try_into().map_err(|_| CryptoError)?;
    let tag = cipher.encrypt_inout_detached(nonce, aad, buf.into()).map_err(|_| CryptoError)?;
    tag.as_slice().try_into().map_err(|_| CryptoError)
}

fn open_with<C: KeyInit + AeadInOut>(
    key: &Secret,
    nonce: &[u8; 12],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), CryptoError> {
    let cipher = C::new_from_slice(key.expose_secret()).map_err(|_| CryptoError)?;
    let nonce = nonce.as_slice().try_into().map_err(|_| CryptoError)?;
    let tag = tag.as_slice().try_into().map_err(|_| CryptoError)?;
    cipher.decrypt_inout_detached(nonce, aad, buf.into(), tag).map_err(|_| CryptoError)
}

impl Aead for RustCrypto {
    fn name(&self) -> &'static str {
        "rustcrypto"
    }

    fn supports(&self, suite: Suite) -> bool {
        match suite {
            Suite::ChaCha20Poly1305 => true,
            Suite::Aes256Gcm => cfg!(feature = "aes-gcm"),
        }
    }

    fn seal_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        match suite {
            Suite::ChaCha20Poly1305 => seal_with::<chacha20poly1305::ChaCha20Poly1305>(key, nonce, aad, buf),
            #[cfg(feature = "aes-gcm")]
            Suite::Aes256Gcm => seal_with::<aes_gcm::Aes256Gcm>(key, nonce, aad, buf),
            #[cfg(not(feature = "aes-gcm"))]
            Suite::Aes256Gcm => Err(CryptoError),
        }
    }

    fn open_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        match suite {
            Suite::ChaCha20Poly1305 => open_with::<chacha20poly1305::ChaCha20Poly1305>(key, nonce, aad, buf, tag),
            #[cfg(feature = "aes-gcm")]
            Suite::Aes256Gcm => open_with::<aes_gcm::Aes256Gcm>(key, nonce, aad, buf, tag),
            #[cfg(not(feature = "aes-gcm"))]
            Suite::Aes256Gcm => Err(CryptoError),
        }
    }
}

/// The fast back end: `ring`'s assembly.
#[cfg(feature = "ring")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring;

#[cfg(feature = "ring")]
impl Ring {
    fn key(suite: Suite, key: &Secret) -> Result<ring::aead::LessSafeKey, CryptoError> {
        let algorithm = match suite {
            Suite::ChaCha20Poly1305 => &ring::aead::CHACHA20_POLY1305,
            Suite::Aes256Gcm => &ring::aead::AES_256_GCM,
        };
        let key = ring::aead::UnboundKey::new(algorithm, key.expose_secret()).map_err(|_| CryptoError)?;
        Ok(ring::aead::LessSafeKey::new(key))
    }
}

#[cfg(feature = "ring")]
impl Aead for Ring {
    fn name(&self) -> &'static str {
        "ring"
    }

    fn supports(&self, _: Suite) -> bool {
        true
    }

    fn seal_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        let nonce = ring::aead::Nonce::assume_unique_for_key(*nonce);
        let tag = Self::key(suite, key)?
            .seal_in_place_separate_tag(nonce, ring::aead::Aad::from(aad), buf)
            .map_err(|_| CryptoError)?;
        tag.as_ref().try_into().map_err(|_| CryptoError)
    }

    fn open_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        let nonce = ring::aead::Nonce::assume_unique_for_key(*nonce);
        Self::key(suite, key)?
            .open_in_place_separate_tag(nonce, ring::aead::Aad::from(aad), (*tag).into(), buf, 0..)
            .map(|_| ())
            .map_err(|_| CryptoError)
    }
}
