//! `handshake.json`: ck and h after each token, by the exchanges of both sides.

use std::path::Path;
use std::vec::Vec;
use std::{env, format, fs};

use serde_json::Value;

use super::super::symmetric::Symmetric;
use crate::crypto::Secret;
use crate::crypto::aead::RustCrypto;
use crate::crypto::dh::StaticSecret;
use crate::crypto::hash;

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap_or_else(|| panic!("{field} is not text"))).unwrap()
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    bytes(case, field).try_into().unwrap_or_else(|_| panic!("{field} is not {N} bytes"))
}

/// The cases of the recorded file, or of that in the folder `MFP_VECTORS_V2`.
fn cases() -> Vec<Value> {
    let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/v2");
    let folder = env::var_os("MFP_VECTORS_V2").map_or_else(committed, Into::into);
    let file: Value = serde_json::from_str(&fs::read_to_string(folder.join("handshake.json")).unwrap()).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn every_token() {
    let cases = cases();
    assert!(!cases.is_empty());
    cases.iter().for_each(tokens);
}

fn tokens(case: &Value) {
    let aead = &RustCrypto;
    let mut expected = case["noise"].as_array().unwrap().iter();
    let mut check = |token: &str, symmetric: Option<&Symmetric>, h: [u8; 32]| {
        let next = expected.next().unwrap();
        assert_eq!((next["after"].as_str(), array(next, "h")), (Some(token), h));
        if let Some(symmetric) = symmetric {
            assert_eq!(symmetric.ck.expose_secret(), &array(next, "ck"), "{token}");
        }
    };
    let secret = |side: &str, field| StaticSecret::from_bytes(array(&case[side], field));
    let (e_i, e_r) = (secret("initiator", "e"), secret("responder", "e"));
    let (s_i, s_r) = (secret("initiator", "sk"), secret("responder", "sk"));
    let dh = |secret: &StaticSecret, public: &StaticSecret| secret.exchange(&public.public()).unwrap();

    let prologue = bytes(case, "prologue");
    let name = hash::sha256(&[b"Noise_IKpsk2_25519_ChaChaPoly_SHA256"]);
    check("prologue", None, hash::sha256(&[&name, &prologue]));
    let mut state = Symmetric::new(&prologue, &s_r.public());
    check("pre_s", Some(&state), state.h);
    for (step, e) in [("", &e_i), ("2", &e_r)] {
        state.mix_hash(e.public().as_bytes());
        check(&format!("e_hash{step}"), Some(&state), state.h);
        state.mix_key(e.public().as_bytes());
        check(&format!("e_key{step}"), Some(&state), state.h);
        if step.is_empty() {
            state.mix_key(dh(&s_r, &e_i).expose_secret());
            check("es", Some(&state), state.h);
            state.encrypt_and_hash(aead, s_i.public().as_bytes(), &mut [0; 48]).unwrap();
            check("s", Some(&state), state.h);
            state.mix_key(dh(&s_i, &s_r).expose_secret());
            check("ss", Some(&state), state.h);
            state.encrypt_and_hash(aead, &bytes(case, "payload1"), &mut [0; 88]).unwrap();
            check("payload1", Some(&state), state.h);
        }
    }
    state.mix_key(dh(&e_i, &e_r).expose_secret());
    check("ee", Some(&state), state.h);
    state.mix_key(dh(&s_i, &e_r).expose_secret());
    check("se", Some(&state), state.h);
    state.mix_key_and_hash(&Secret::from_bytes(array(case, "psk")));
    check("psk", Some(&state), state.h);
    state.encrypt_and_hash(aead, &bytes(case, "payload2"), &mut [0; 88]).unwrap();
    check("payload2", Some(&state), state.h);
    assert!(expected.next().is_none());
}
