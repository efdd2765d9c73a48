//! `tests/vectors/v2/handshake.json` from both ends, and the ceremony of `identity.json`.

use super::*;
use crate::crypto::aead::Aead;
use crate::crypto::hash;
use crate::handshake::hello::{Answer, Offer, PAYLOAD_LEN};
use crate::handshake::symmetric::Symmetric;

fn cases(file: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn handshakes() -> Vec<(Value, Side, Side)> {
    let cases = cases(include_str!("../../../../tests/vectors/v2/handshake.json"));
    let sides = |case: Value| {
        let (mut i, mut r) = (Side::from_vector(&case["initiator"]), Side::from_vector(&case["responder"]));
        let psk = array(&case, "psk");
        // Where none is configured the vector has 0^32.
        i.psk = (psk != [0; 32]).then_some(psk);
        r.psk = i.psk;
        (case, i, r)
    };
    cases.into_iter().map(sides).collect()
}

#[test]
fn both_ends_of_every_handshake() {
    let mut run = 0;
    for (case, i, r) in handshakes() {
        let suite = crate::crypto::aead::Suite::from_number(number(&case, "suite")).unwrap();
        if !RustCrypto.supports(suite) {
            continue;
        }
        run += 1;
        let x = array::<16>(&case, "x").into();
        let ephemeral = Ephemeral::from_bytes(i.e);
        let (mut initiator, message1) = Initiator::start_with(NOW, &i.local(), &i.peer(&r), ephemeral, x).unwrap();
        assert_eq!(message1, array(&case, "message1"));

        let responder = accept(&r, &i, &message1).unwrap();
        assert_eq!(responder.e_i().as_bytes(), &array(&case["initiator"], "e_pub"));
        assert_eq!(responder.e_r().as_bytes(), &array(&case["responder"], "e_pub"));
        assert_eq!(responder.store_id().as_bytes(), &array(&case["initiator"], "store_id"));
        let pos = Pos::parse(&array(&case, "responder_pos")).unwrap();
        let (message2, theirs) = responder.respond(NOW, &r.local(), pos).unwrap();
        assert_eq!(message2, array(&case, "message2"));

        let ours = initiator.finish(NOW, &i.local(), &message2).unwrap();
        assert_eq!(ours.store_id.as_bytes(), &array(&case["responder"], "store_id"));
        assert_eq!(ours.pos, pos);
        assert_same_keys(&ours, &theirs);
        assert_eq!(ours.split.h, array(&case, "h"));
        assert_eq!(ours.split.k_ir.expose_secret(), &array(&case, "K_ir"));
        assert_eq!(ours.split.k_ri.expose_secret(), &array(&case, "K_ri"));
        for agreed in [ours.agreed, theirs.agreed] {
            assert_eq!(agreed.suite, suite);
            assert_eq!(agreed.depth.blocks(), number::<u8>(&case, "k"));
            assert_eq!(agreed.max_body, number::<u32>(&case, "max_body"));
            assert_eq!(agreed.mode, i.params.mode());
        }
        assert_eq!((ours.agreed.own, ours.agreed.peer), (*i.params.limits(), *r.params.limits()));
        assert_eq!((theirs.agreed.own, theirs.agreed.peer), (*r.params.limits(), *i.params.limits()));
    }
    assert!(run >= 3, "{run}");
}

#[test]
fn prologue_frame_keys_and_payloads() {
    for (case, i, r) in handshakes() {
        let header = frame::header1(array::<16>(&case, "x").into());
        assert_eq!(frame::prologue(&header, &r.id())[..], bytes(&case, "prologue"));
        assert_eq!(r.local().frame_key.expose_secret(), &array(&case, "frame_key1"));
        assert_eq!(i.local().frame_key.expose_secret(), &array(&case, "frame_key2"));

        let offer = Offer { id: i.id(), store_id: i.store_id, params: i.params.clone() };
        let payload1 = array::<PAYLOAD_LEN>(&case, "payload1");
        assert_eq!(offer.encode(), payload1);
        assert_eq!(Offer::parse(&payload1).unwrap(), offer);

        let payload2 = array::<PAYLOAD_LEN>(&case, "payload2");
        let answer = Answer::parse(&payload2, i.params.suites()).unwrap();
        assert_eq!(answer.encode(), payload2);
        assert_eq!((answer.store_id(), answer.pos().encode()), (r.store_id, array(&case, "responder_pos")));
    }
}

/// ck and h after each token, by the two sides' exchanges.
#[test]
fn every_token() {
    let aead = &RustCrypto;
    for (case, i, r) in handshakes() {
        let mut expected = case["noise"].as_array().unwrap().iter();
        let mut check = |token: &str, symmetric: Option<&Symmetric>, h: [u8; 32]| {
            let next = expected.next().unwrap();
            assert_eq!((text(next, "after").as_str(), array(next, "h")), (token, h));
            if let Some(symmetric) = symmetric {
                assert_eq!(symmetric.ck.expose_secret(), &array(next, "ck"), "{token}");
            }
        };
        let (e_i, e_r) = (StaticSecret::from_bytes(i.e), StaticSecret::from_bytes(r.e));
        let (s_i, s_r) = (i.key.identity.secret(), r.key.identity.secret());
        let dh = |secret: &StaticSecret, public: &StaticSecret| secret.exchange(&public.public()).unwrap();

        let prologue = bytes(&case, "prologue");
        let name = hash::sha256(&[b"Noise_IKpsk2_25519_ChaChaPoly_SHA256"]);
        check("prologue", None, hash::sha256(&[&name, &prologue]));
        let mut state = Symmetric::new(&prologue, &s_r.public());
        check("pre_s", Some(&state), state.h);
        for (step, e) in [("", &e_i), ("2", &e_r)] {
            state.mix_hash(e.public().as_bytes());
            check(&std::format!("e_hash{step}"), Some(&state), state.h);
            state.mix_key(e.public().as_bytes());
            check(&std::format!("e_key{step}"), Some(&state), state.h);
            if step.is_empty() {
                state.mix_key(dh(s_r, &e_i).expose_secret());
                check("es", Some(&state), state.h);
                state.encrypt_and_hash(aead, s_i.public().as_bytes(), &mut [0; 48]).unwrap();
                check("s", Some(&state), state.h);
                state.mix_key(dh(s_i, s_r).expose_secret());
                check("ss", Some(&state), state.h);
                state.encrypt_and_hash(aead, &bytes(&case, "payload1"), &mut [0; 88]).unwrap();
                check("payload1", Some(&state), state.h);
            }
        }
        state.mix_key(dh(&e_i, &e_r).expose_secret());
        check("ee", Some(&state), state.h);
        state.mix_key(dh(s_i, &e_r).expose_secret());
        check("se", Some(&state), state.h);
        state.mix_key_and_hash(&Secret::from_bytes(array(&case, "psk")));
        check("psk", Some(&state), state.h);
        state.encrypt_and_hash(aead, &bytes(&case, "payload2"), &mut [0; 88]).unwrap();
        check("payload2", Some(&state), state.h);
        assert!(expected.next().is_none());
    }
}

#[test]
fn ceremony() {
    let mut run = 0;
    for case in cases(include_str!("../../../../tests/vectors/v2/identity.json")) {
        if case["op"] == "ceremony_psk" {
            let ids = ["rid1", "rid2"].map(|field| RuntimeId::from_bytes(array(&case, field)));
            let expected = Secret::from_bytes(array(&case, "psk"));
            assert_eq!(psk::ceremony(&bytes(&case, "shared"), &ids[0], &ids[1]), expected);
            assert_eq!(psk::ceremony(&bytes(&case, "shared"), &ids[1], &ids[0]), expected);
            run += 1;
        }
    }
    assert!(run > 0);
    assert_eq!(psk::effective(None), Secret::from_bytes([0; 32]));
}
