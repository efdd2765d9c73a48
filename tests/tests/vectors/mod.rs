//! The recorded vectors against the core. A case that differs is reported with its file, index and field.

use mfp_proto::frame::Depth;
use mfp_tests::vectors::{Case, Failure};

/// A test for each file, which runs the check on each of its cases; and one that no file is without.
///
/// `left_out` names the files that nothing here can check, with the reason.
macro_rules! files {
    ($version:ident { $($file:ident => $check:path,)+ } left_out { $($other:literal => $reason:literal,)* }) => {
        $(
            #[test]
            fn $file() -> Result<(), mfp_tests::vectors::Failure> {
                mfp_tests::vectors::Version::$version.run(stringify!($file), $check)
            }
        )+

        #[test]
        fn no_file_is_forgotten() -> Result<(), mfp_tests::vectors::Failure> {
            let left_out = [$(($other, $reason)),*];
            mfp_tests::vectors::Version::$version.no_file_is_forgotten(&[$(stringify!($file)),+], &left_out)
        }
    };
}

mod v1;
mod v2;

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
