//! See `mfp_fuzz::proto::handshake::first::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::handshake::first::message(data));
