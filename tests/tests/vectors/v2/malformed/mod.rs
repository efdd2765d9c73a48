//! Bad messages: each is refused by the check that is recorded, changes nothing, and is counted once; then the good
//! message is accepted.

mod handshake;
mod transport;

use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.text("layer")? {
        "transport" => transport::check(case),
        "handshake" => handshake::check(case),
        _ => Err(case.field_failure("layer", "is unknown")),
    }
}

/// The name of a mutation and its bytes. What else is recorded about it is for the reader.
fn mutation<'a>(recorded: &Case<'a>) -> Result<(&'a str, Vec<u8>), Failure> {
    recorded.text("detail")?;
    Ok((recorded.text("name")?, recorded.bytes("wire")?))
}
