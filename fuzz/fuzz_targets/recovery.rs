//! See `mfp_fuzz::proto::recovery::verdicts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::recovery::verdicts(data));
