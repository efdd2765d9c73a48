//! Cells: what is written of a record, sealed or, where the store has no key, as it is.

use std::fmt;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, Ring, Suite, TAG_LEN};
use mfp_proto::crypto::hash::{HmacKey, hmac};
use mfp_proto::crypto::rng::Rng;

use crate::table::Table;
use crate::{CommitError, StoreError};

/// Random bytes before each sealed cell.
const NONCE_LEN: usize = 24;

/// The random name of a database, made once: cells of one never open in another, even under the same master key.
pub(crate) type DatabaseId = [u8; 16];

/// Where a cell is. It is sealed in, so that a cell opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) table: Table,
    pub(crate) row: i64,
}

impl Place {
    pub(crate) const fn altered(self) -> StoreError {
        StoreError::Altered { table: self.table.name(), row: self.row }
    }
}

/// Seals and opens the cells of one database.
///
/// `sealed = nonce(24) ‖ ChaCha20-Poly1305(key = HMAC(K, nonce), nonce = 0, aad, cell)` with
/// `K = HMAC(master, "mfp-store-cells" ‖ database id)` and `aad = "mfp-store" ‖ database id ‖ u8 table ‖ u64 row`.
/// Each cell has a key of its own, from 192 random bits, so the constant nonce meets no key twice.
pub(crate) struct Sealer {
    database: DatabaseId,
    keys: Option<(HmacKey, Rng)>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.keys.is_some() { "Sealer(sealed)" } else { "Sealer(unencrypted)" })
    }
}

impl Sealer {
    pub(crate) fn new(master: Option<&Secret>, database: DatabaseId) -> Result<Self, StoreError> {
        let keys = match master {
            None => None,
            Some(master) => {
                let key = hmac(master.expose_secret(), &[b"mfp-store-cells", &database]);
                Some((HmacKey::new(key.expose_secret()), Rng::new(random()?)))
            }
        };
        Ok(Self { database, keys })
    }

    pub(crate) const fn database(&self) -> DatabaseId {
        self.database
    }

    pub(crate) const fn is_sealed(&self) -> bool {
        self.keys.is_some()
    }

    fn aad(&self, place: Place) -> [u8; 34] {
        let mut aad = [0; 34];
        let (name, rest) = aad.split_at_mut(9);
        name.copy_from_slice(b"mfp-store");
        let (database, rest) = rest.split_at_mut(16);
        database.copy_from_slice(&self.database);
        if let [table, row @ ..] = rest {
            *table = place.table as u8;
            row.copy_from_slice(&place.row.to_be_bytes());
        }
        aad
    }

    /// Writes a cell into `out`, in place of what is there. It fails beyond 256 GiB.
    pub(crate) fn seal(
        &mut self,
        place: Place,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), CommitError> {
        out.clear();
        let aad = self.aad(place);
        let Some((keys, rng)) = &mut self.keys else {
            write(out);
            return Ok(());
        };
        let nonce: [u8; NONCE_LEN] = rng.array();
        out.extend_from_slice(&nonce);
        write(out);
        let cell = out.get_mut(NONCE_LEN..).unwrap_or_default();
        let tag = Ring
            .seal_in_place(Suite::ChaCha20Poly1305, &keys.mac(&[&nonce]), &[0; 12], &aad, cell)
            .map_err(|_| CommitError::Sqlite(rusqlite::ffi::SQLITE_TOOBIG))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens a cell into `scratch`, in place of what is there. The caller erases that in the end.
    pub(crate) fn open<'s>(&self, place: Place, cell: &[u8], scratch: &'s mut Vec<u8>) -> Result<&'s [u8], StoreError> {
        scratch.clear();
        let Some((keys, _)) = &self.keys else {
            scratch.extend_from_slice(cell);
            return Ok(scratch);
        };
        let (nonce, rest) = cell.split_first_chunk::<NONCE_LEN>().ok_or(place.altered())?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(place.altered())?;
        scratch.extend_from_slice(sealed);
        let key = keys.mac(&[nonce]);
        Ring.open_in_place(Suite::ChaCha20Poly1305, &key, &[0; 12], &self.aad(place), scratch, tag)
            .map_err(|_| place.altered())?;
        Ok(scratch)
    }
}

/// Fresh entropy.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::System(error.into()))?;
    Ok(bytes)
}
