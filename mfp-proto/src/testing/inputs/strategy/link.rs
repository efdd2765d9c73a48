use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{session_id, store_id};
use crate::crypto::Secret;
use crate::link::channel::Phase;
use crate::link::{Cursor, Diagnosis, LinkState, SessionRecord, Suspension};

/// Numbers of items: small ones, so that they meet, and any.
pub(super) fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..=8_u64, 1 => any::<u64>()]
}

fn history() -> impl Strategy<Value = Secret> {
    any::<[u8; 32]>().prop_map(Secret::from_bytes)
}

/// Every [`Phase`] of a channel to a peer.
pub fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        1 => Just(Phase::Opening),
        4 => any::<bool>().prop_map(|sends| Phase::Open { sends }),
        2 => any::<[bool; 3]>()
            .prop_map(|[unanswered, acked, theirs]| Phase::Closing { unanswered, acked, theirs }),
    ]
}

/// Any [`SessionRecord`], also one that ended before it began.
pub fn session_record() -> impl Strategy<Value = SessionRecord> {
    (session_id(), history(), number(), option::of(number())).prop_map(|(id, history, first_n, closed)| SessionRecord {
        id,
        history,
        first_n,
        closed,
    })
}

/// Any [`LinkState`], also one that contradicts itself.
pub fn link_state() -> impl Strategy<Value = LinkState> {
    use Diagnosis::{Corruption, LocalRollback, PeerReset, PeerRollback};
    let diagnosis = select(&[PeerReset, PeerRollback, LocalRollback, Corruption][..]);
    let cursor = (number(), session_id(), history()).prop_map(|(n, session, history)| Cursor { n, session, history });
    let suspended = (diagnosis, number()).prop_map(|(diagnosis, claimed)| Suspension { diagnosis, claimed });
    let accepting = number().prop_map(core::num::NonZeroU64::new);
    let rare = (option::weighted(0.2, suspended), prop_oneof![4 => Just(None), 1 => accepting]);
    (option::of(store_id()), any::<u16>(), number(), option::of(cursor), rare).prop_map(
        |(peer_store, chan_max, acked, cursor, (suspended, accepting))| LinkState {
            peer_store,
            chan_max,
            acked,
            cursor,
            suspended,
            accepting,
        },
    )
}
