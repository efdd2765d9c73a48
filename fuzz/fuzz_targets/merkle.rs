//! See `mfp_fuzz::proto::merkle::as_a_set`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::merkle::as_a_set(data));
