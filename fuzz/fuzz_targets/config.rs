//! See `mfp_fuzz::server::config::any_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::server::config::any_text(data));
