use mfp_proto::wire::padding::padded_len;
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let max_body = if case.has("max_body") { case.integer("max_body")? } else { 1_usize << 32 };
    let padded = padded_len(case.integer("L")?, max_body);
    case.require(case.integer::<usize>("padded")? == padded, "padded", &format!("differs: found {padded}"))
}
