//! See `mfp_fuzz::proto::item::roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::item::roundtrip(data));
