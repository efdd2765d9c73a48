//! How version 1's public implementation seals cells of its database: to read what it has written.

use core::ops::Range;

use zeroize::Zeroize;

use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Suite, TAG_LEN};
use crate::crypto::hash::hmac;
use crate::error::{CryptoError, InvalidLabel};

/// Bytes of the nonce in front of a sealed cell.
pub const NONCE_LEN: usize = 12;
/// Bytes that sealing adds.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;
/// Bytes of associated data that a [`Cell`] has room for.
const AAD_LEN: usize = 128;

/// `HMAC(master, "mfp-storage-key" ‖ runtime)`. The master key may have any length.
pub fn storage_key(master: &[u8], runtime: &[u8]) -> Secret {
    hmac(master, &[b"mfp-storage-key", runtime])
}

/// A cell: its key, and the row and column that its content is bound to. (The table is in the key alone.)
#[derive(Debug)]
pub struct Cell {
    key: Secret,
    aad: heapless::Vec<u8, AAD_LEN>,
}

impl Cell {
    /// The cell at this place.
    ///
    /// # Errors
    /// [`InvalidLabel`] if the table's name is longer than 65,535 bytes, or row and column together are longer than 124.
    pub fn new(storage_key: &Secret, table: &[u8], column: &[u8], row: &[u8]) -> Result<Self, InvalidLabel> {
        let len = |bytes: &[u8]| u16::try_from(bytes.len()).map(u16::to_be_bytes).map_err(|_| InvalidLabel);
        let key = hmac(storage_key.expose_secret(), &[&len(table)?, table, &len(column)?, column, row]);
        let mut aad = heapless::Vec::new();
        for part in [&len(row)?, row, &len(column)?, column] {
            aad.extend_from_slice(part).map_err(|_| InvalidLabel)?;
        }
        Ok(Self { key, aad })
    }

    /// `HMAC(storage_key, u16|table| ‖ table ‖ u16|column| ‖ column ‖ row)`.
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// `u16|row| ‖ row ‖ u16|column| ‖ column`.
    pub fn aad(&self) -> &[u8] {
        &self.aad
    }

    /// Seals in place: `buf` holds the content at 12, and room for the tag behind it. On return it is
    /// `nonce ‖ E(content) ‖ tag`.
    ///
    /// # Errors
    /// [`CryptoError`] if `buf` is shorter than 28 bytes, or the back end cannot; `buf` is then all zero.
    pub fn seal(&self, aead: &dyn Aead, nonce: &[u8; NONCE_LEN], buf: &mut [u8]) -> Result<(), CryptoError> {
        let sealed = parts(buf).and_then(|(place, content, tag)| {
            *tag = aead.seal_in_place(Suite::Aes256Gcm, &self.key, nonce, &self.aad, content)?;
            *place = *nonce;
            Ok(())
        });
        if sealed.is_err() {
            buf.zeroize();
        }
        sealed
    }

    /// Opens in place, and returns where in `buf` the content is.
    ///
    /// # Errors
    /// [`CryptoError`] if it was not sealed for this cell; what `buf` then holds is unspecified, and never the content.
    pub fn open(&self, aead: &dyn Aead, buf: &mut [u8]) -> Result<Range<usize>, CryptoError> {
        let (nonce, content, tag) = parts(buf)?;
        aead.open_in_place(Suite::Aes256Gcm, &self.key, nonce, &self.aad, content, tag)?;
        let end = NONCE_LEN + content.len();
        Ok(NONCE_LEN..end)
    }
}

type Parts<'a> = (&'a mut [u8; NONCE_LEN], &'a mut [u8], &'a mut [u8; TAG_LEN]);

fn parts(buf: &mut [u8]) -> Result<Parts<'_>, CryptoError> {
    let (nonce, rest) = buf.split_first_chunk_mut().ok_or(CryptoError)?;
    let (content, tag) = rest.split_last_chunk_mut().ok_or(CryptoError)?;
    Ok((nonce, content, tag))
}
