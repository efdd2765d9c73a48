use std::cell::RefCell;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::id::{RuntimeId, SessionId};
use mfp_proto::link::recovery::Context;
use mfp_proto::link::{Records, SessionRecord};
use mfp_proto::wire::item::Pos;
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("pos") => pos(case),
        Some("judge") => judge(case),
        _ => case.unknown_op(),
    }
}

fn context(case: &Case<'_>) -> Result<Context, Failure> {
    let (low, high) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let (e_i, e_r) = (PublicKey::from_bytes(case.array("e_i")?), PublicKey::from_bytes(case.array("e_r")?));
    let dir: u8 = case.integer("dir")?;
    case.require(dir < 2, "dir", "is not 0 or 1")?;
    Ok(if dir == 0 { Context::new(&low, &high, e_i, e_r) } else { Context::new(&high, &low, e_i, e_r) })
}

fn pos(case: &Case<'_>) -> Result<(), Failure> {
    let history = Secret::from_bytes(case.array("HS")?);
    let claim = context(case)?.claim(case.integer("n")?, SessionId::from_bytes(case.array("sid")?), &history);
    case.expect("pos", &claim.encode())
}

fn judge(case: &Case<'_>) -> Result<(), Failure> {
    case.text("why")?;
    let records = RefCell::new(Records::<8>::new());
    case.each("records", |record| {
        let stored = SessionRecord {
            id: SessionId::from_bytes(record.array("sid")?),
            history: Secret::from_bytes(record.array("HS")?),
            first_n: record.integer("first_n")?,
            closed: Some(record.integer("last")?),
        };
        let taken = records.borrow_mut().restore(stored, 0);
        taken.map(|_| ()).map_err(|error| record.failure(&error.to_string()))
    })?;
    let pos = Pos::parse(&case.array("pos")?).ok_or_else(|| case.field_failure("pos", "does not parse"))?;
    let changed = case.value("store_changed")?.as_bool();
    let changed = changed.ok_or_else(|| case.field_failure("store_changed", "is not a truth value"))?;
    let diagnosis = context(case)?.judge(&pos, changed, case.integer("acked")?, &records.borrow());
    case.expect_text("diagnosis", diagnosis.name())
}
