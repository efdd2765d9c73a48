use std::boxed::Box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Sealed, Suite, TAG_LEN};
use crate::error::CryptoError;

#[derive(Debug, Default)]
struct Faults {
    seals: u32,
    opens: u32,
    flip: Option<usize>,
}

/// A back end that fails when it is told to, and otherwise does what another one does.
///
/// Through [`Runtime::send`](crate::runtime::Runtime::send) nothing can be sealed that does not open again, so this is
/// the way to see what happens then.
///
/// ```
/// use mfp_proto::crypto::aead::RustCrypto;
/// use mfp_proto::config::Config;
/// use mfp_proto::testing::FaultyAead;
///
/// let aead = FaultyAead::leak(&RustCrypto);
/// let mut config = Config::default();
/// config.aead = aead;
/// aead.fail_opens(3); // and a runtime with this configuration finds three messages in a row forged
/// # assert!(config.validate().is_ok());
/// ```
#[derive(Debug)]
pub struct FaultyAead {
    inner: &'static dyn Aead,
    faults: Mutex<Faults>,
}

impl FaultyAead {
    /// Does what `inner` does until told otherwise. Lives as long as the process, since a back end is `&'static`.
    pub fn leak(inner: &'static dyn Aead) -> &'static Self {
        Box::leak(Box::new(Self { inner, faults: Mutex::default() }))
    }

    /// The next `n` calls that seal fail. Replaces what was left of an earlier number.
    pub fn fail_seals(&self, n: u32) {
        self.faults().seals = n;
    }

    /// The next `n` calls that open fail, before anything is decrypted. Replaces what was left of an earlier number.
    pub fn fail_opens(&self, n: u32) {
        self.faults().opens = n;
    }

    /// Flips a bit of what the next call seals: of ciphertext and tag together it is number `bit`, counted modulo
    /// their length.
    pub fn flip_bit(&self, bit: usize) {
        self.faults().flip = Some(bit);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one of `left` down; whether there was one.
fn take_one(left: &mut u32) -> bool {
    let due = *left > 0;
    *left = left.saturating_sub(1);
    due
}

fn flip(bit: usize, ciphertext: &mut [u8], tag: &mut [u8; TAG_LEN]) {
    let bit = bit % ((ciphertext.len() + TAG_LEN) * 8);
    if let Some(byte) = ciphertext.iter_mut().chain(tag).nth(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

impl Sealed for FaultyAead {}

impl Aead for FaultyAead {
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
        let mut faults = self.faults();
        if take_one(&mut faults.seals) {
            return Err(CryptoError);
        }
        let mut tag = self.inner.seal_in_place(suite, key, nonce, aad, buf)?;
        if let Some(bit) = faults.flip.take() {
            flip(bit, buf, &mut tag);
        }
        Ok(tag)
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
        if take_one(&mut self.faults().opens) {
            return Err(CryptoError);
        }
        self.inner.open_in_place(suite, key, nonce, aad, buf, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aead::RustCrypto;
    use crate::crypto::rng::Rng;

    /// Seals and opens 20 bytes; the error says which of the two failed.
    fn round(aead: &dyn Aead) -> Result<(), Box<str>> {
        let (suite, key, nonce) = (Suite::default(), Secret::from_bytes([1; 32]), [2; 12]);
        let mut text = [3; 20];
        let tag = aead.seal_in_place(suite, &key, &nonce, b"", &mut text).map_err(|CryptoError| "seal")?;
        aead.open_in_place(suite, &key, &nonce, b"", &mut text, &tag).map_err(|CryptoError| "open")?;
        assert_eq!(text, [3; 20]);
        Ok(())
    }

    #[test]
    fn faults_come_when_ordered_and_pass() {
        let aead = FaultyAead::leak(&RustCrypto);
        assert_eq!((aead.name(), aead.supports(Suite::ChaCha20Poly1305)), ("rustcrypto", true));
        assert_eq!(round(aead), Ok(()));
        aead.fail_seals(1);
        assert_eq!(round(aead), Err("seal".into()));
        aead.fail_opens(2);
        assert_eq!((round(aead), round(aead)), (Err("open".into()), Err("open".into())));
        assert_eq!(round(aead), Ok(()));
        let mut rng = Rng::new([4; 32]);
        for bit in (0..36 * 8).chain([usize::try_from(rng.below(1 << 30)).unwrap()]) {
            aead.flip_bit(bit);
            assert_eq!(round(aead), Err("open".into()), "bit {bit}");
            assert_eq!(round(aead), Ok(()));
        }
    }
}
