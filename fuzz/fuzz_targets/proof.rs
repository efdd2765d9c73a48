//! See `mfp_fuzz::proto::proof::shows_what_is_so`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::proof::shows_what_is_so(data));
