//! See `mfp_fuzz::store::as_in_memory`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::store::as_in_memory(data));
