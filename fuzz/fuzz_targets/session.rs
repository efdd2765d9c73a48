//! See `mfp_fuzz::proto::session::authentic_peer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::session::authentic_peer(data));
