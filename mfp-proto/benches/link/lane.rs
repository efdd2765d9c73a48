//! One message of a lane, sealed and opened, against the sum of its primitives, against Olm and against `snow`.

use std::hint::black_box;

use mfp_proto::crypto::aead::Aead;
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::{Secret, stream};
use snow::params::NoiseParams;
use snow::{Builder, TransportState};
use vodozemac::olm::{Account, OlmMessage, SessionConfig};

use super::handshake::ring_resolver;
use super::lanes::{BACK_END, Lanes, SUITE};
use super::measure::{Contender, Rounds, bar};

const DEPTH: usize = 4;
/// Bytes that Noise adds to a message.
const TAG: usize = 16;

/// The same primitives on inputs of the same lengths, in a straight line: of each side three HMAC keys and six messages
/// under them, two keystreams and one AEAD. Nothing is parsed, compared, copied or looked up.
struct Primitives {
    states: [[Secret; 3]; 2],
    buffer: Vec<u8>,
    t: u64,
}

impl Primitives {
    fn new(len: usize) -> Self {
        let states = || [1, 2, 3].map(|byte| Secret::from_bytes([byte; 32]));
        Self { states: [states(), states()], buffer: vec![0x5a; 13 + 9 + len], t: 0 }
    }

    fn message(&mut self) {
        self.t += 1;
        let (header, mut nonce) = ([0x11; 64], [0; 12]);
        nonce[4..].copy_from_slice(&self.t.to_be_bytes());
        let mut tag = None;
        for states in &mut self.states {
            let [local, ratchet, generator] = states.each_ref().map(|state| HmacKey::new(state.expose_secret()));
            let mut jitter = [0; DEPTH * 16 + 24];
            stream::xor_keystream(&generator.mac(&[&self.t.to_be_bytes()]), &mut jitter);
            let seed = local.mac(&[&self.t.to_be_bytes(), states[1].expose_secret(), &header]);
            let frame = &mut jitter[..DEPTH * 16];
            stream::xor_keystream(&seed, frame);
            let key = local.mac(&[b"mfp-encoding-key", SUITE.name().as_bytes()]);
            match tag {
                None => tag = Some(BACK_END.seal_in_place(SUITE, &key, &nonce, &header, &mut self.buffer).unwrap()),
                Some(tag) => BACK_END.open_in_place(SUITE, &key, &nonce, &header, &mut self.buffer, &tag).unwrap(),
            }
            *states = [local.mac(&[frame]), ratchet.mac(&[frame]), generator.mac(&[frame])];
        }
    }
}

/// An Olm session with messages in one direction, as vodozemac does them.
struct Olm {
    alice: vodozemac::olm::Session,
    bob: vodozemac::olm::Session,
    payload: Vec<u8>,
}

impl Olm {
    fn new(len: usize) -> Self {
        let (alice, mut bob) = (Account::new(), Account::new());
        bob.generate_one_time_keys(1);
        let key = *bob.one_time_keys().values().next().unwrap();
        let config = SessionConfig::version_1();
        let mut outbound = alice.create_outbound_session(config, bob.curve25519_key(), key).unwrap();
        let OlmMessage::PreKey(first) = outbound.encrypt("first").unwrap() else { unreachable!("it is the first") };
        let mut inbound = bob.create_inbound_session(config, alice.curve25519_key(), &first).unwrap().session;
        let answer = inbound.encrypt("answer").unwrap();
        outbound.decrypt(&answer).unwrap();
        Self { alice: outbound, bob: inbound, payload: vec![0x5a; len] }
    }

    fn message(&mut self) {
        let message = self.alice.encrypt(black_box(&self.payload)).unwrap();
        black_box(self.bob.decrypt(&message).unwrap());
    }
}

/// A Noise session with messages in one direction, as `snow` does them with `ring`: one AEAD, and no key that moves on.
struct Noise {
    alice: TransportState,
    bob: TransportState,
    payload: Vec<u8>,
    sealed: Vec<u8>,
    opened: Vec<u8>,
}

impl Noise {
    fn new(len: usize) -> Self {
        let params: NoiseParams = "Noise_NN_25519_ChaChaPoly_SHA256".parse().unwrap();
        let builder = || Builder::with_resolver(params.clone(), ring_resolver());
        let (mut alice, mut bob) = (builder().build_initiator().unwrap(), builder().build_responder().unwrap());
        let (mut message, mut read) = ([0; 128], [0; 128]);
        let written = alice.write_message(&[], &mut message).unwrap();
        bob.read_message(&message[..written], &mut read).unwrap();
        let written = bob.write_message(&[], &mut message).unwrap();
        alice.read_message(&message[..written], &mut read).unwrap();
        let [alice, bob] = [alice, bob].map(|state| state.into_transport_mode().unwrap());
        Self { alice, bob, payload: vec![0x5a; len], sealed: vec![0; len + TAG], opened: vec![0; len + TAG] }
    }

    fn message(&mut self) {
        let sealed = self.alice.write_message(black_box(&self.payload), &mut self.sealed).unwrap();
        black_box(self.bob.read_message(&self.sealed[..sealed], &mut self.opened).unwrap());
    }
}

/// J of one message: all of its work that could be done before the message exists.
fn ahead() -> impl FnMut() {
    let (mut generator, mut t) = (Secret::from_bytes([1; 32]), 0_u64);
    move || {
        t += 1;
        let mut jitter = [0; DEPTH * 16 + 24];
        let seed = HmacKey::new(generator.expose_secret()).mac(&[&t.to_be_bytes()]);
        stream::xor_keystream(&seed, black_box(&mut jitter));
        generator = seed;
    }
}

pub(crate) fn run() {
    println!("# seal and open of one message, k = {DEPTH}, {}, back end {}", SUITE.name(), BACK_END.name());
    for len in [64, 1 << 10, 16 << 10, 64 << 10] {
        let (mut lanes, mut primitives) = (Lanes::new(len), Primitives::new(len));
        let mut contenders = vec![
            Contender::new("lane", move || lanes.message()),
            Contender::new("its primitives", move || primitives.message()),
        ];
        // The longest message of Noise has 65,535 bytes.
        if len <= 16 << 10 {
            let (mut olm, mut noise) = (Olm::new(len), Noise::new(len));
            contenders.push(Contender::new("vodozemac's Olm", move || olm.message()));
            contenders.push(Contender::new("snow", move || noise.message()));
        }
        let against_olm = len <= 1 << 10;
        if against_olm {
            contenders.push(Contender::new("J of one side alone", ahead()));
        }
        let rounds = Rounds::measure(&format!("message of {len} bytes"), 16, contenders);
        bar(&format!("lane_over_primitives_{len}"), rounds.ratio(0, &[1]), 1.3);
        if against_olm {
            bar(&format!("lane_over_olm_{len}"), rounds.ratio(0, &[2]), 1.0);
        }
    }
}
