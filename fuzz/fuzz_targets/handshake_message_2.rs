//! See `mfp_fuzz::proto::handshake::second::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mfp_fuzz::proto::handshake::second::message(data));
