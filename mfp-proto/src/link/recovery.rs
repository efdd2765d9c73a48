//! Positions: how one side claims its cursor, and what the other makes of the claim (section 9).

use core::fmt;
use core::num::NonZeroU64;

use super::records::Records;
use crate::crypto::Secret;
use crate::crypto::dh::PublicKey;
use crate::crypto::hash::hmac;
use crate::id::{RuntimeId, SessionId};
use crate::wire::item::{Pos, Proof};

/// The handshake in which a claim is made: its proof is bound to both ephemerals, and to the direction of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// dir: 0 if the sender of the lane of which the claim speaks has the smaller id, else 1.
    dir: u8,
    e_i: PublicKey,
    e_r: PublicKey,
}

impl Context {
    /// Claims about the lane from `sender` to `receiver`, in the handshake with these ephemerals.
    pub fn new(sender: &RuntimeId, receiver: &RuntimeId, e_i: PublicKey, e_r: PublicKey) -> Self {
        Self { dir: u8::from(sender >= receiver), e_i, e_r }
    }

    /// The POS of a receiver whose cursor is `n`, where n arrived in the session `id` with this HS.
    ///
    /// [`Pos::ZERO`] for n = 0. That it is also zero for a peer whose store is not the one recorded is the caller's
    /// to see to.
    pub fn claim(&self, n: u64, id: SessionId, history: &Secret) -> Pos {
        let Some(number) = NonZeroU64::new(n) else { return Pos::ZERO };
        Pos::new(number, id, self.prove(history, n))
    }

    /// `HMAC(HS, "mfp2-negotiate" ‖ u8 dir ‖ u64 n ‖ e_i ‖ e_r)[0..16]`.
    fn prove(&self, history: &Secret, n: u64) -> Proof {
        let Self { dir, e_i, e_r } = self;
        let parts: [&[u8]; 5] = [b"mfp2-negotiate", &[*dir], &n.to_be_bytes(), e_i.as_bytes(), e_r.as_bytes()];
        let full = hmac(history.expose_secret(), &parts);
        Proof::from_bytes(full.expose_secret().first_chunk().copied().unwrap_or_default())
    }

    /// Judges the claim of the receiver of a lane, by what its sender knows: whether the receiver's store is another
    /// than the one recorded, the highest number acked, and the records. The conditions are tried in the order
    /// of section 9. It changes nothing.
    ///
    /// First contact is no change of store.
    pub fn judge<const MAX: usize>(
        &self,
        pos: &Pos,
        store_changed: bool,
        acked: u64,
        records: &Records<MAX>,
    ) -> Diagnosis {
        if store_changed {
            return Diagnosis::PeerReset;
        }
        if pos.n() == 0 && acked == 0 {
            return Diagnosis::Fresh;
        }
        if pos.n() < acked {
            return Diagnosis::PeerRollback;
        }
        let Some(record) = records.get(&pos.session()) else { return Diagnosis::LocalRollback };
        let last = records.last(&pos.session()).unwrap_or(0);
        if pos.n() < record.first_n || pos.n() > last {
            return Diagnosis::LocalRollback;
        }
        // In constant time: see `Proof`.
        if self.prove(&record.history, pos.n()) == pos.proof() { Diagnosis::Ok } else { Diagnosis::Corruption }
    }
}

/// What a claim shows, and what follows (section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Diagnosis {
    /// The peer's store is another: a volatile peer was restarted, a durable one has lost its state.
    PeerReset,
    /// Nothing has ever been delivered: send from 1.
    Fresh,
    /// The peer has forgotten items that it had acked.
    PeerRollback,
    /// The peer has items that this side does not know to have sent: this side has forgotten them.
    LocalRollback,
    /// The claim is in range, and its proof is wrong.
    Corruption,
    /// Go on after the claimed number.
    Ok,
}

impl Diagnosis {
    /// The name in section 9.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerReset => "PEER_RESET",
            Self::Fresh => "FRESH",
            Self::PeerRollback => "PEER_ROLLBACK",
            Self::LocalRollback => "LOCAL_ROLLBACK",
            Self::Corruption => "CORRUPTION",
            Self::Ok => "OK",
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: PublicKey = PublicKey::from_bytes([4; 32]);

    fn context() -> Context {
        let (low, high) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
        Context::new(&low, &high, KEY, PublicKey::from_bytes([5; 32]))
    }

    /// Sessions 1 and 2: items 1 to 6, and 5 to 9 again in the second.
    fn records() -> Records<3> {
        let mut records = Records::new();
        for (name, first_n, last) in [(1, 1, 6), (2, 5, 9)] {
            let id = SessionId::from_bytes([name; 16]);
            records.begin(id, &Secret::from_bytes([name; 32]), first_n).unwrap();
            records.handle_transmitted(&id, last);
        }
        records
    }

    #[test]
    fn a_claim_counts_for_one_lane_of_one_handshake() {
        let (low, high) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
        let pos = context().claim(6, SessionId::from_bytes([2; 16]), &Secret::from_bytes([2; 32]));
        let judge = |context: Context| context.judge(&pos, false, 5, &records());
        assert_eq!(judge(context()), Diagnosis::Ok);
        let (e_i, e_r) = (KEY, PublicKey::from_bytes([5; 32]));
        assert_eq!(judge(Context::new(&high, &low, e_i, e_r)), Diagnosis::Corruption);
        assert_eq!(judge(Context::new(&low, &high, e_r, e_i)), Diagnosis::Corruption);
        assert_eq!(judge(Context::new(&low, &high, e_i, e_i)), Diagnosis::Corruption);
    }

    proptest! {
        #[test]
        fn the_table_in_its_order(
            n in 0..12_u64, name in 1..4_u8, acked in 0..10_u64, changed: bool, flip in prop::option::of(0..128_usize),
        ) {
            let session = SessionId::from_bytes([name; 16]);
            let mut pos = context().claim(n, session, &Secret::from_bytes([name; 32]));
            if let (Some(bit), Some(number)) = (flip, NonZeroU64::new(n)) {
                let mut proof = *pos.proof().as_bytes();
                proof[bit / 8] ^= 1 << (bit % 8);
                pos = Pos::new(number, session, Proof::from_bytes(proof));
            }
            let known = match name { 1 => (1..=6).contains(&n), 2 => (5..=9).contains(&n), _ => false };
            let expected = match (changed, n, known) {
                (true, ..) => Diagnosis::PeerReset,
                (_, 0, _) if acked == 0 => Diagnosis::Fresh,
                _ if n < acked => Diagnosis::PeerRollback,
                (_, _, false) => Diagnosis::LocalRollback,
                _ if flip.is_some() => Diagnosis::Corruption,
                _ => Diagnosis::Ok,
            };
            prop_assert_eq!(context().judge(&pos, changed, acked, &records()), expected);
        }
    }
}
