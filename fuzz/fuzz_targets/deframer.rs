//! See `mfp_fuzz::proto::deframer::any_split`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::deframer::any_split(data));
