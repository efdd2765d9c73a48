//! See `mfp_fuzz::server::requests::any_lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::server::requests::any_lines(data));
