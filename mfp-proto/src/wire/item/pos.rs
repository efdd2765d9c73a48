use core::num::NonZeroU64;

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
/// Representable-only: with n = 0 there is no session to name and nothing to prove, so that POS is [`Pos::ZERO`]
/// (section 7). What any other claims is judged by recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pos {
    n: u64,
    session: SessionId,
    proof: Proof,
}

impl Pos {
    /// Length in bytes.
    pub const LEN: usize = 40;
    /// Nothing has arrived, or the peer's store is another than the one recorded.
    pub const ZERO: Self = Self { n: 0, session: SessionId::from_bytes([0; 16]), proof: Proof([0; Proof::LEN]) };

    /// The claim that everything up to `n` is durably stored, and that `n` arrived in `session`.
    pub const fn new(n: NonZeroU64, session: SessionId, proof: Proof) -> Self {
        Self { n: n.get(), session, proof }
    }

    /// The highest n that is durably stored; 0 in [`Pos::ZERO`].
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The session in which that item arrived.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What shows it.
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// The 40 bytes on the wire.
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        put::<0, _, _>(&mut out, self.n.to_be_bytes());
        put::<8, _, _>(&mut out, *self.session.as_bytes());
        put::<24, _, _>(&mut out, *self.proof.as_bytes());
        out
    }

    /// Reads 40 bytes; `None` if n is 0 and the rest is not.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let n = u64::from_be_bytes(take::<0, _, _>(bytes));
        let (session, proof) = (SessionId::from_bytes(take::<8, _, _>(bytes)), Proof(take::<24, _, _>(bytes)));
        match NonZeroU64::new(n) {
            Some(n) => Some(Self::new(n, session, proof)),
            None => (*bytes == [0; Self::LEN]).then_some(Self::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_order() {
        let bytes: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let pos = Pos::parse(&bytes).unwrap();
        assert_eq!(pos.n(), 0x0001_0203_0405_0607);
        assert_eq!(pos.session().as_bytes()[..], bytes[8..24]);
        assert_eq!(pos.proof().as_bytes()[..], bytes[24..]);
        assert_eq!(pos.encode(), bytes);
        assert_eq!(Pos::ZERO.encode(), [0; 40]);
    }

    #[test]
    fn without_a_number_all_is_zero() {
        assert_eq!(Pos::parse(&[0; 40]), Some(Pos::ZERO));
        for bit in 0..40 * 8 {
            let mut bytes = [0; 40];
            bytes[bit / 8] = 1 << (bit % 8);
            assert_eq!(Pos::parse(&bytes).map(|pos| pos.encode()), (bit < 64).then_some(bytes), "bit {bit}");
        }
    }
}
