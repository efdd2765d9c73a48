//! Recovery: a claim is judged as the table of section 9 has it, and a history of sessions loses nothing in silence.

use std::num::NonZeroU64;

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::crypto::Secret;
use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::id::{RuntimeId, SessionId};
use mfp_proto::link::recovery::{Context, Diagnosis};
use mfp_proto::link::{Records, SessionRecord};
use mfp_proto::wire::item::{Pos, Proof};

use super::lane_history;

/// The first byte chooses between the two.
///
/// # Panics
/// If the property fails.
pub fn verdicts(data: &[u8]) {
    match data.split_first() {
        Some((0..=99, rest)) => one_claim(rest),
        Some((_, rest)) => lane_history::run(rest),
        None => {}
    }
}

/// The records of one session, and what was sent in it.
#[derive(Debug, Arbitrary)]
struct Was {
    name: u8,
    first_n: u64,
    sent: Vec<u64>,
    end: End,
}

#[derive(Debug, Arbitrary)]
enum End {
    /// It lasts.
    Not,
    /// It has ended; what was sent after that does not count.
    Ended { after: Vec<u64> },
    /// It comes from the store, closed or not; `given` is the highest number given.
    Loaded { closed: Option<u64>, given: u64 },
}

/// How a claim is proved.
#[derive(Debug, Arbitrary)]
enum Proved {
    /// With HS of the session that it names.
    Right,
    /// With HS of another.
    OtherHistory(u8),
    OtherNumber(u64),
    OtherDirection,
    OtherEphemeral {
        responder: bool,
        key: [u8; 32],
    },
    Flipped {
        bit: u8,
    },
    Any([u8; 16]),
}

#[derive(Debug, Arbitrary)]
struct Claim {
    records: Vec<Was>,
    acked: u64,
    changed: bool,
    n: u64,
    session: u8,
    proved: Proved,
}

fn session(name: u8) -> SessionId {
    SessionId::from_bytes([name; 16])
}

fn history(name: u8) -> Secret {
    Secret::from_bytes([name; 32])
}

const ENDS: [RuntimeId; 2] = [RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32])];
const KEYS: [PublicKey; 2] = [PublicKey::from_bytes([3; 32]), PublicKey::from_bytes([4; 32])];

fn one_claim(data: &[u8]) {
    let Ok(claim) = Claim::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut records = Records::<4>::new();
    let mut known: Vec<(u8, u64, u64)> = Vec::new();
    for was in &claim.records {
        if known.iter().any(|(name, ..)| *name == was.name) {
            continue;
        }
        match enter(&mut records, was) {
            Some(last) => known.push((was.name, was.first_n, last)),
            None => assert_eq!(known.len(), 4, "there is room"),
        }
    }
    let context = Context::new(&ENDS[0], &ENDS[1], KEYS[0], KEYS[1]);
    let (pos, right) = stated(&context, &claim);
    let before = records.clone();
    let verdict = context.judge(&pos, claim.changed, claim.acked, &records);
    assert_eq!(records, before, "a verdict changes nothing");
    let entry = known.iter().find(|(name, ..)| *name == claim.session);
    let expected = if claim.changed {
        Diagnosis::PeerReset
    } else if claim.n == 0 && claim.acked == 0 {
        Diagnosis::Fresh
    } else if claim.n < claim.acked {
        Diagnosis::PeerRollback
    } else if !entry.is_some_and(|(_, first, last)| (*first..=*last).contains(&claim.n)) {
        Diagnosis::LocalRollback
    } else if !right {
        Diagnosis::Corruption
    } else {
        Diagnosis::Ok
    };
    assert_eq!(verdict, expected, "{claim:?}");
    // Both directions of a link judge alike what is claimed of them alike.
    let mirrored = Context::new(&ENDS[1], &ENDS[0], KEYS[0], KEYS[1]);
    if matches!(claim.proved, Proved::Right) {
        let pos = mirrored.claim(claim.n, session(claim.session), &history(claim.session));
        assert_eq!(mirrored.judge(&pos, claim.changed, claim.acked, &records), expected);
    }
}

/// Enters a record; returns the last number that counts. `None` if there was no room.
fn enter(records: &mut Records<4>, was: &Was) -> Option<u64> {
    let (id, highest) = (session(was.name), was.sent.iter().copied().fold(was.first_n.saturating_sub(1), u64::max));
    if let End::Loaded { closed, given } = was.end {
        let record = SessionRecord { id, history: history(was.name), first_n: was.first_n, closed };
        assert_eq!(records.restore(record, given).ok()?, closed.is_none());
        return Some(closed.unwrap_or(given));
    }
    records.begin(id, &history(was.name), was.first_n).ok()?;
    for n in &was.sent {
        records.handle_transmitted(&id, *n);
    }
    if let End::Ended { after } = &was.end {
        assert_eq!(records.handle_ended(&id), Some(highest));
        assert_eq!(records.handle_ended(&id), None, "it is set once");
        for n in after {
            records.handle_transmitted(&id, *n);
        }
    }
    Some(highest)
}

/// What is claimed, and whether it is proved.
fn stated(context: &Context, claim: &Claim) -> (Pos, bool) {
    let (n, id, secret) = (claim.n, session(claim.session), history(claim.session));
    let right = context.claim(n, id, &secret);
    let proof = match claim.proved {
        Proved::Right => right.proof(),
        Proved::OtherHistory(name) => context.claim(n, id, &history(name)).proof(),
        Proved::OtherNumber(other) => context.claim(other, id, &secret).proof(),
        Proved::OtherDirection => Context::new(&ENDS[1], &ENDS[0], KEYS[0], KEYS[1]).claim(n, id, &secret).proof(),
        Proved::OtherEphemeral { responder, key } => {
            let key = PublicKey::from_bytes(key);
            let (e_i, e_r) = if responder { (KEYS[0], key) } else { (key, KEYS[1]) };
            Context::new(&ENDS[0], &ENDS[1], e_i, e_r).claim(n, id, &secret).proof()
        }
        Proved::Flipped { bit } => {
            let mut bytes = *right.proof().as_bytes();
            bytes[usize::from(bit % 128 / 8)] ^= 1 << (bit % 8);
            Proof::from_bytes(bytes)
        }
        Proved::Any(bytes) => Proof::from_bytes(bytes),
    };
    match NonZeroU64::new(n) {
        Some(number) => {
            let pos = Pos::new(number, id, proof);
            assert_eq!(Pos::parse(&pos.encode()), Some(pos));
            let says_the_same = match claim.proved {
                Proved::Right => true,
                Proved::OtherHistory(name) => name == claim.session,
                Proved::OtherNumber(other) => other == n,
                Proved::OtherEphemeral { responder, key } => PublicKey::from_bytes(key) == KEYS[usize::from(responder)],
                Proved::OtherDirection | Proved::Flipped { .. } => false,
                Proved::Any(bytes) => Proof::from_bytes(bytes) == right.proof(),
            };
            (pos, says_the_same)
        }
        None => (Pos::ZERO, false),
    }
}
