use subtle::ConstantTimeEq;

use crate::id::SessionId;
use crate::wire::cursor::{put, take};

/// What proves a cursor (section 9): 16 bytes of an HMAC under the history key of a session. Compared in constant time.
#[derive(Clone, Copy, Debug)]
pub struct Proof([u8; Proof::LEN]);

impl Proof {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// The proof with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Proof {}

/// POS (section 9): `u64 n ‖ sid_n ‖ proof`. My cursor in the peer's lane, and the session in which n arrived.
///
/// Every value can be parsed; what it claims is judged by recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pos {
    /// The highest n that is durably stored here.
    pub n: u64,
    /// The session in which that item arrived.
    pub session: SessionId,
    /// What shows it.
    pub proof: Proof,
}

impl Pos {
    /// Length in bytes.
    pub const LEN: usize = 40;
    /// Nothing has arrived, or the peer's store is another than the one recorded.
    pub const ZERO: Self = Self { n: 0, session: SessionId::from_bytes([0; 16]), proof: Proof([0; Proof::LEN]) };

    /// The 40 bytes on the wire.
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        put::<0, _, _>(&mut out, self.n.to_be_bytes());
        put::<8, _, _>(&mut out, *self.session.as_bytes());
        put::<24, _, _>(&mut out, *self.proof.as_bytes());
        out
    }

    /// Reads 40 bytes.
    pub const fn parse(bytes: &[u8; Self::LEN]) -> Self {
        Self {
            n: u64::from_be_bytes(take::<0, _, _>(bytes)),
            session: SessionId::from_bytes(take::<8, _, _>(bytes)),
            proof: Proof(take::<24, _, _>(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_order() {
        let bytes: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let pos = Pos::parse(&bytes);
        assert_eq!(pos.n, 0x0001_0203_0405_0607);
        assert_eq!(pos.session.as_bytes()[..], bytes[8..24]);
        assert_eq!(pos.proof.as_bytes()[..], bytes[24..]);
        assert_eq!(pos.encode(), bytes);
        assert_eq!(Pos::ZERO.encode(), [0; 40]);
    }
}
