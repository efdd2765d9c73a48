//! See `mfp_fuzz::item::roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::item::roundtrip(data));
