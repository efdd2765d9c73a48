//! Published vectors, and `snow` as the other side.

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::handshake::noise::{
    Ephemeral, Initiator, MESSAGE1_OVERHEAD, MESSAGE2_OVERHEAD, NoiseError, Responder, Split,
};
use mfp_proto::id::Identity;
use proptest::prelude::*;
use serde_json::Value;
use snow::Builder;
use snow::resolvers::{CryptoResolver, DefaultResolver, FallbackResolver, RingResolver};

use crate::properties::config;

const NAME: &str = "Noise_IKpsk2_25519_ChaChaPoly_SHA256";

/// The published vector of this protocol: cacophony's `vectors/cacophony.txt`, as the crate `snow` 0.10.0 ships it
/// in `tests/vectors/cacophony.txt`, entry `Noise_IKpsk2_25519_ChaChaPoly_SHA256`.
const PUBLISHED: &str = include_str!("ikpsk2_cacophony.json");

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap()).unwrap()
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    bytes(case, field).try_into().unwrap()
}

fn identity(secret: [u8; 32]) -> Identity {
    Identity::new(secret, "", "").unwrap()
}

/// Both of our sides with the given payloads. Gives the messages, the payloads read, and both results.
struct Run {
    messages: [Vec<u8>; 2],
    read: [Vec<u8>; 2],
    splits: [Split; 2],
}

fn run(prologue: &[u8], psk: [u8; 32], keys: [[u8; 32]; 4], payloads: [&[u8]; 2]) -> Run {
    let [s_i, e_i, s_r, e_r] = keys;
    let (i, r, psk) = (identity(s_i), identity(s_r), Secret::from_bytes(psk));
    let aead = &RustCrypto;
    let mut one = vec![0; payloads[0].len() + MESSAGE1_OVERHEAD];
    let sent = Initiator::new(*r.public(), psk.clone(), prologue)
        .write_message1(aead, &i, Ephemeral::from_bytes(e_i), payloads[0], &mut one)
        .unwrap();
    let responder = Responder::new(r.public(), prologue);
    let (identified, sealed) = responder.read_static(aead, &r, &one).unwrap();
    assert_eq!(identified.remote_static(), i.public());
    let mut read1 = vec![0; payloads[0].len()];
    let received = identified.read_payload1(aead, &r, sealed, &mut read1).unwrap();
    let mut two = vec![0; payloads[1].len() + MESSAGE2_OVERHEAD];
    let split_r = received.write_message2(aead, &Ephemeral::from_bytes(e_r), &psk, payloads[1], &mut two).unwrap();
    let mut read2 = vec![0; payloads[1].len()];
    let (split_i, e) = sent.read_message2(aead, &i, &two, &mut read2).unwrap();
    assert_eq!(&e, Ephemeral::from_bytes(e_r).public());
    Run { messages: [one, two], read: [read1, read2], splits: [split_i, split_r] }
}

#[test]
fn published_vectors() {
    let case: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert_eq!(case["protocol_name"], NAME);
    let psk = hex::decode(case["init_psks"][0].as_str().unwrap()).unwrap().try_into().unwrap();
    let keys = ["init_static", "init_ephemeral", "resp_static", "resp_ephemeral"].map(|field| array(&case, field));
    let messages = case["messages"].as_array().unwrap();
    let payloads: Vec<_> = messages.iter().map(|message| bytes(message, "payload")).collect();
    let run = run(&bytes(&case, "init_prologue"), psk, keys, [&payloads[0], &payloads[1]]);
    assert_eq!(identity(keys[2]).public().as_bytes(), &array(&case, "init_remote_static"));
    for (at, message) in messages.iter().take(2).enumerate() {
        assert_eq!(run.messages[at], bytes(message, "ciphertext"));
        assert_eq!(run.read[at], payloads[at]);
    }
    for split in &run.splits {
        assert_eq!(split.h, array(&case, "handshake_hash"));
        // Transport messages alternate, and each direction counts from 0.
        for (at, message) in messages.iter().enumerate().skip(2) {
            let key = if at % 2 == 0 { &split.k_ir } else { &split.k_ri };
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&u64::try_from(at / 2 - 1).unwrap().to_le_bytes());
            let mut text = payloads[at].clone();
            let tag = RustCrypto.seal_in_place(Suite::ChaCha20Poly1305, key, &nonce, &[], &mut text).unwrap();
            text.extend(tag);
            assert_eq!(text, bytes(message, "ciphertext"), "message {at}");
        }
    }
}

fn resolver(ring: bool) -> Box<dyn CryptoResolver + Send> {
    if ring {
        Box::new(FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver)))
    } else {
        Box::new(DefaultResolver)
    }
}

fn snow_builder(ring: bool) -> Builder<'static> {
    Builder::with_resolver(NAME.parse().unwrap(), resolver(ring))
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn snow_answers_us(
        prologue in prop::collection::vec(any::<u8>(), 0..200),
        payload1 in prop::collection::vec(any::<u8>(), 0..400),
        payload2 in prop::collection::vec(any::<u8>(), 0..400),
        keys: [[u8; 32]; 3],
        psk: [u8; 32],
        ring: bool,
    ) {
        let (i, r) = (identity(keys[0]), identity(keys[1]));
        let mut theirs = snow_builder(ring)
            .local_private_key(&keys[1]).unwrap()
            .prologue(&prologue).unwrap()
            .psk(2, &psk).unwrap()
            .build_responder().unwrap();
        let mut message = vec![0; payload1.len() + MESSAGE1_OVERHEAD];
        let sent = Initiator::new(*r.public(), Secret::from_bytes(psk), &prologue)
            .write_message1(&RustCrypto, &i, Ephemeral::from_bytes(keys[2]), &payload1, &mut message)
            .unwrap();
        let mut buffer = vec![0; 65_535];
        let read = theirs.read_message(&message, &mut buffer).unwrap();
        prop_assert_eq!(&buffer[..read], &payload1[..]);
        prop_assert_eq!(theirs.get_remote_static().unwrap(), i.public().as_bytes());
        let written = theirs.write_message(&payload2, &mut buffer).unwrap();
        let mut payload = vec![0; payload2.len()];
        let (split, _) = sent.read_message2(&RustCrypto, &i, &buffer[..written], &mut payload).unwrap();
        prop_assert_eq!(payload, payload2);
        prop_assert_eq!(&split.h, theirs.get_handshake_hash());
        let transport = theirs.into_transport_mode().unwrap();
        prop_assert!(talks(transport, &split.k_ri, &split.k_ir));
    }

    #[test]
    fn we_answer_snow(
        prologue in prop::collection::vec(any::<u8>(), 0..200),
        payload1 in prop::collection::vec(any::<u8>(), 0..400),
        payload2 in prop::collection::vec(any::<u8>(), 0..400),
        keys: [[u8; 32]; 3],
        psk: [u8; 32],
        ring: bool,
    ) {
        let (i, r) = (identity(keys[0]), identity(keys[1]));
        let mut theirs = snow_builder(ring)
            .local_private_key(&keys[0]).unwrap()
            .remote_public_key(r.public().as_bytes()).unwrap()
            .prologue(&prologue).unwrap()
            .psk(2, &psk).unwrap()
            .build_initiator().unwrap();
        let mut buffer = vec![0; 65_535];
        let written = theirs.write_message(&payload1, &mut buffer).unwrap();
        let responder = Responder::new(r.public(), &prologue);
        let (identified, sealed) = responder.read_static(&RustCrypto, &r, &buffer[..written]).unwrap();
        prop_assert_eq!(identified.remote_static(), i.public());
        let mut payload = vec![0; payload1.len()];
        let received = identified.read_payload1(&RustCrypto, &r, sealed, &mut payload).unwrap();
        prop_assert_eq!(payload, payload1);
        let mut message = vec![0; payload2.len() + MESSAGE2_OVERHEAD];
        let e = Ephemeral::from_bytes(keys[2]);
        let split =
            received.write_message2(&RustCrypto, &e, &Secret::from_bytes(psk), &payload2, &mut message).unwrap();
        let read = theirs.read_message(&message, &mut buffer).unwrap();
        prop_assert_eq!(&buffer[..read], &payload2[..]);
        prop_assert_eq!(&split.h, theirs.get_handshake_hash());
        let transport = theirs.into_transport_mode().unwrap();
        prop_assert!(talks(transport, &split.k_ir, &split.k_ri));
    }
}

/// Whether what snow sends opens under `sends`, and what is sealed under `receives` opens there.
fn talks(mut snow: snow::TransportState, sends: &Secret, receives: &Secret) -> bool {
    let (mut sealed, mut opened) = ([0; 21], [0; 21]);
    snow.write_message(b"hello", &mut sealed).unwrap();
    let (text, tag) = sealed.split_last_chunk_mut::<16>().unwrap();
    RustCrypto.open_in_place(Suite::ChaCha20Poly1305, sends, &[0; 12], &[], text, tag).unwrap();
    let heard = text == b"hello";
    let mut reply = *b"reply";
    let tag = RustCrypto.seal_in_place(Suite::ChaCha20Poly1305, receives, &[0; 12], &[], &mut reply).unwrap();
    let reply = [&reply[..], &tag].concat();
    let length = snow.read_message(&reply, &mut opened).unwrap();
    heard && &opened[..length] == b"reply"
}

#[test]
fn lengths_are_exact_and_a_refused_message_changes_nothing() {
    let keys = [[1; 32], [2; 32], [3; 32], [4; 32]];
    let (i, r, psk) = (identity(keys[0]), identity(keys[2]), Secret::from_bytes([5; 32]));
    let initiator = || Initiator::new(*r.public(), psk.clone(), b"p");
    let write = |payload: &[u8], out: &mut [u8]| {
        initiator().write_message1(&RustCrypto, &i, Ephemeral::from_bytes(keys[1]), payload, out)
    };
    for length in [0, 31, 79, 95, 96, 98, 200] {
        assert_eq!(write(b"x", &mut vec![0; length]).unwrap_err(), NoiseError::Length, "{length}");
    }
    let longest = vec![0; 65_535 - MESSAGE1_OVERHEAD];
    assert!(write(&longest, &mut vec![0; 65_535]).is_ok());
    assert_eq!(write(&[&longest[..], &[0]].concat(), &mut vec![0; 65_536]).unwrap_err(), NoiseError::Length);

    let mut one = [0; 97];
    let sent = write(b"x", &mut one).unwrap();
    let responder = Responder::new(r.public(), b"p");
    for length in [0, 31, 32, 79] {
        assert_eq!(responder.read_static(&RustCrypto, &r, &one[..length]).unwrap_err(), NoiseError::Length);
    }
    assert_eq!(responder.read_static(&RustCrypto, &r, &vec![0; 65_536]).unwrap_err(), NoiseError::Length);
    assert_ne!(responder.read_static(&RustCrypto, &r, &vec![0; 65_535]).unwrap_err(), NoiseError::Length);
    let (identified, sealed) = responder.read_static(&RustCrypto, &r, &one).unwrap();
    let read = |sealed: &[u8], out: &mut [u8]| identified.read_payload1(&RustCrypto, &r, sealed, out);
    assert_eq!(read(sealed, &mut [0; 2]).unwrap_err(), NoiseError::Length);
    assert_eq!(read(&sealed[..15], &mut []).unwrap_err(), NoiseError::Length);
    assert_eq!(read(&sealed[1..], &mut []).unwrap_err(), NoiseError::Aead);
    let mut payload = [0xff; 1];
    let mut bad = <[u8; 17]>::try_from(sealed).unwrap();
    bad[16] ^= 1;
    assert_eq!(read(&bad, &mut payload).unwrap_err(), NoiseError::Aead);
    assert_eq!(payload, [0], "no unauthenticated plaintext is left");
    let received = read(sealed, &mut payload).unwrap();
    assert_eq!(&payload, b"x");

    let mut two = [0; 48];
    let e = Ephemeral::from_bytes(keys[3]);
    let split = received.write_message2(&RustCrypto, &e, &psk, &[], &mut two).unwrap();
    for length in 0..48 {
        let error = sent.read_message2(&RustCrypto, &i, &two[..length], &mut []).unwrap_err();
        assert_eq!(error, NoiseError::Length, "{length}");
    }
    let (again, _) = sent.read_message2(&RustCrypto, &i, &two, &mut []).unwrap();
    assert_eq!(split.k_ir, again.k_ir);
}
