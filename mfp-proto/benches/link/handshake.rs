//! The whole handshake, both sides, against `snow`'s bare IKpsk2 with payloads and a prologue of the same length.
//!
//! Ours does more: admission, frames, payloads, agreement. `snow` is met at its fastest: with `ring` for hash and
//! cipher where that is faster, and with tables for fixed-base multiplication.

use std::hint::black_box;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, Ring, RustCrypto};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Admission, AdmissionConfig, Initiator, Local, Params, Peer, Source};
use mfp_proto::id::{Identity, StoreId};
use mfp_proto::policy::Rate;
use mfp_proto::time::Instant;
use mfp_proto::wire::item::Pos;
use snow::Builder;
use snow::params::NoiseParams;
use snow::resolvers::{BoxedCryptoResolver, DefaultResolver, FallbackResolver, RingResolver};

use super::measure::{Contender, Rounds, bar};

const LIMIT: f64 = 1.2;
const PSK: [u8; 32] = [7; 32];

pub(crate) fn run() {
    let rounds = Rounds::measure(
        "handshake of both sides",
        1,
        vec![
            Contender::new("mfp, back end rustcrypto", ours(&RustCrypto)),
            Contender::new("mfp, back end ring", ours(&Ring)),
            Contender::new("snow, default resolver", theirs(|| Box::new(DefaultResolver))),
            Contender::new("snow, ring-accelerated", theirs(ring_resolver)),
        ],
    );
    bar("handshake_over_snow", rounds.ratio(0, &[2, 3]), LIMIT);
    bar("handshake_ring_over_snow", rounds.ratio(1, &[2, 3]), LIMIT);
}

fn ours(aead: &'static dyn Aead) -> impl FnMut() {
    let identities = ["a", "b"].map(|name| Identity::new([name.as_bytes()[0]; 32], "bench", name).unwrap());
    let configured = |of: &Identity| Peer {
        public: *of.public(),
        id: of.id(),
        psk: Some(Secret::from_bytes(PSK)),
        store_id: StoreId::from_bytes([3; 16]),
        params: Params::default(),
    };
    let (peer_of_a, peer_of_b) = (configured(&identities[1]), configured(&identities[0]));
    // A rate that never refuses.
    let rate = Rate::new(1_000_000, core::time::Duration::from_secs(1), u32::MAX).unwrap();
    let mut admission = Box::new(Admission::<4096>::new(AdmissionConfig { rate, ..AdmissionConfig::default() }));
    let (mut rng, now) = (Rng::new([9; 32]), Instant::ZERO);
    move || {
        let [a, b] = identities.each_ref().map(|identity| Local::new(identity, aead));
        let (mut initiator, message1) = Initiator::start(now, &a, &peer_of_a, &mut rng).unwrap();
        let admitted = admission.admit(now, Source::Ipv4([127, 0, 0, 1]), 0, &b.frame_key, &message1).unwrap();
        let identified = admitted.identify(&b, |key| (peer_of_b.public == *key).then_some(&peer_of_b)).unwrap();
        let responder = identified.accept(now, &b, &mut rng).unwrap();
        let (message2, theirs) = responder.respond(now, &b, Pos::ZERO).unwrap();
        let ours = initiator.finish(now, &a, &message2).unwrap();
        black_box((ours, theirs));
    }
}

/// `snow` with `ring` where that is faster.
pub(crate) fn ring_resolver() -> BoxedCryptoResolver {
    Box::new(FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver)))
}

fn theirs(resolver: fn() -> BoxedCryptoResolver) -> impl FnMut() {
    let params: NoiseParams = "Noise_IKpsk2_25519_ChaChaPoly_SHA256".parse().unwrap();
    let pair = || Builder::with_resolver(params.clone(), resolver()).generate_keypair().unwrap();
    let (a, b) = (pair(), pair());
    let (prologue, payload) = ([5; 100], [6; 72]);
    let (mut message, mut read) = ([0; 256], [0; 256]);
    move || {
        let builder = |private| {
            let builder = Builder::with_resolver(params.clone(), resolver());
            builder.local_private_key(private).unwrap().prologue(&prologue).unwrap().psk(2, &PSK).unwrap()
        };
        let mut initiator = builder(&a.private).remote_public_key(&b.public).unwrap().build_initiator().unwrap();
        let mut responder = builder(&b.private).build_responder().unwrap();
        let length = initiator.write_message(&payload, &mut message).unwrap();
        responder.read_message(&message[..length], &mut read).unwrap();
        let length = responder.write_message(&payload, &mut message).unwrap();
        initiator.read_message(&message[..length], &mut read).unwrap();
        black_box((initiator.into_transport_mode().unwrap(), responder.into_transport_mode().unwrap()));
    }
}
