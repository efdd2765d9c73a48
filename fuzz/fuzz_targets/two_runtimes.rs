//! See `mfp_fuzz::proto::two_runtimes::schedule`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::two_runtimes::schedule(data));
