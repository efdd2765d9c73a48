//! The recorded vectors against the core. A case that differs is reported with its file, index and field.

mod v1;
mod v2;

use mfp_proto::frame::Depth;
use mfp_tests::vectors::{Case, Failure};

/// The frame depth that a field holds.
fn depth(case: &Case<'_>, field: &str) -> Result<Depth, Failure> {
    Depth::new(case.integer(field)?).map_err(|error| case.field_failure(field, &error.to_string()))
}

/// A frame (or jitter) that a field holds, of this depth.
fn frame(case: &Case<'_>, field: &str, depth: Depth) -> Result<Vec<u8>, Failure> {
    let frame = case.bytes(field)?;
    case.require(frame.len() == depth.frame_len(), field, "has not the length of a frame")?;
    Ok(frame)
}
