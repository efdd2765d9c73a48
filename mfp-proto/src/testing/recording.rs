use std::boxed::Box;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use core::fmt;

use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Sealed, Suite, TAG_LEN};
use crate::error::CryptoError;

#[derive(Default)]
struct Record {
    used: BTreeSet<([u8; 32], [u8; 12])>,
    seals: usize,
    repeats: usize,
}

/// A back end that counts how often a key and nonce seal twice. It keeps the keys, so it belongs into tests alone.
pub struct RecordingAead {
    inner: &'static dyn Aead,
    record: Mutex<Record>,
}

impl RecordingAead {
    /// Records what `inner` seals. Lives as long as the process, since sessions hold a `&'static` back end.
    pub fn leak(inner: &'static dyn Aead) -> &'static Self {
        Box::leak(Box::new(Self { inner, record: Mutex::default() }))
    }

    /// Messages sealed so far.
    pub fn seals(&self) -> usize {
        self.record().seals
    }

    /// Those of them whose key and nonce had sealed one before.
    pub fn repeats(&self) -> usize {
        self.record().repeats
    }

    /// Forgets everything that it has recorded, for the next test.
    pub fn clear(&self) {
        *self.record() = Record::default();
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RecordingAead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingAead").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Sealed for RecordingAead {}

impl Aead for RecordingAead {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn supports(&self, suite: Suite) -> bool {
        self.inner.supports(suite)
    }

    fn seal_in_place(
        &self,
        suite: Suite,
        key: &Secret,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        let mut record = self.record();
        record.seals += 1;
        if !record.used.insert((*key.expose_secret(), *nonce)) {
            record.repeats += 1;
        }
        drop(record);
        self.inner.seal_in_place(suite, key, nonce, aad, buf)
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
        self.inner.open_in_place(suite, key, nonce, aad, buf, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aead::RustCrypto;

    #[test]
    fn a_repeat_is_seen() {
        let aead = RecordingAead::leak(&RustCrypto);
        for (key, nonce, repeats) in [(1, 1, 0), (1, 2, 0), (2, 1, 0), (1, 2, 1)] {
            aead.seal_in_place(Suite::default(), &Secret::from_bytes([key; 32]), &[nonce; 12], b"", &mut []).unwrap();
            assert_eq!(aead.repeats(), repeats);
        }
        assert_eq!(aead.seals(), 4);
    }
}
