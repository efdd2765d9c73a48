//! Handshakes with keys that are stolen, or that are none.

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::dh::{PublicKey, StaticSecret};
use mfp_proto::error::CryptoError;
use mfp_proto::handshake::noise::{self, NoiseError};
use mfp_proto::handshake::{Admission, Ephemeral, HandshakeError, Initiator, Local, StaticKey};

use super::handshake::{BODY, reframe, refused1, refused2};
use super::low_order;
use crate::sides::{NOW, SOURCE, Side, X, plain_pair};

/// As `sides::pair`, and without a psk.
fn without_psk() -> (Side, Side) {
    let (a, b) = plain_pair();
    (a.but(|a| a.psk = None), b.but(|b| b.psk = None))
}

/// Has stolen `sk` and poses as the owner of `public`: it can exchange between these two, and only guess otherwise.
#[derive(Debug)]
struct Impostor {
    public: PublicKey,
    sk: StaticSecret,
}

impl StaticKey for Impostor {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        if *theirs == self.sk.public() {
            return self.sk.exchange(&self.public);
        }
        // What it would need here is the secret of `public`.
        self.sk.exchange(theirs)
    }
}

/// With the responder's static key anyone can make a message 1 in a peer's name: that is known of IK. Message 2 closes
/// it: the impostor cannot compute the keys of the answer, and the responder stays pending.
#[test]
fn impersonation_with_the_responders_key() {
    let (a, b) = without_psk();
    let impostor = Impostor { public: a.key.public(), sk: b.key.identity.secret().clone() };
    let local = Local { key: &impostor, ..a.local() };
    let (mut initiator, message1) =
        Initiator::start_with(NOW, &local, &a.peer(&b), Ephemeral::from_bytes([0xee; 32]), X).unwrap();
    let (message2, _) = b.respond(&a, &message1).unwrap();
    let before = initiator.clone();
    assert_eq!(initiator.finish(NOW, &local, &message2).unwrap_err(), HandshakeError::Noise2);
    assert!(initiator == before);
    // With the initiator's own key the same answer opens: what was missing is se.
    assert!(initiator.finish(NOW, &a.local(), &message2).is_ok());
}

/// With the initiator's static key nobody can pose as a responder to it: es is missing, so message 1 does not open.
#[test]
fn impersonation_with_the_initiators_key() {
    let (a, b) = without_psk();
    let (mut initiator, message1) = a.start(&b);
    let impostor = Impostor { public: b.key.public(), sk: a.key.identity.secret().clone() };
    let (local, peer) = (Local { key: &impostor, ..b.local() }, b.peer(&a));
    let mut admission = Admission::<1>::default();
    let admitted = admission.admit(NOW, SOURCE, 0, &local.frame_key, &message1).unwrap();
    assert_eq!(admitted.identify(&local, |_| Some(&peer)).unwrap_err(), HandshakeError::Noise1);
    // The best that is left is an answer out of another run of its own, in which it knows everything.
    let (_, own_message1) = a.but(|a| a.e = [0xee; 32]).start(&b);
    let (message2, _) = b.respond(&a, &own_message1).unwrap();
    refused2(&mut initiator, &a, &message2, HandshakeError::Noise2);
}

#[test]
fn low_order_keys() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    let (message2, _) = b.respond(&a, &message1).unwrap();
    for point in low_order() {
        // As an ephemeral of either side.
        let (mut bad1, mut bad2) = (message1, message2);
        bad1[BODY..BODY + 32].copy_from_slice(point.as_bytes());
        bad2[BODY..BODY + 32].copy_from_slice(point.as_bytes());
        assert_eq!(refused1(&b, &a, &reframe(&bad1, &b), HandshakeError::Dh), 1);
        refused2(&mut initiator, &a, &reframe(&bad2, &a), HandshakeError::Dh);
        // As a configured key.
        let mut peer = a.peer(&b);
        peer.public = point;
        let started = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X);
        assert_eq!(started.unwrap_err(), HandshakeError::Dh);
        // As a static key inside message 1, where es is good and ss is not.
        let shows = Impostor { public: point, sk: b.key.identity.secret().clone() };
        let mut message = [0; 96];
        let written = noise::Initiator::new(b.key.public(), Secret::from_bytes([0; 32]), b"").write_message1(
            &RustCrypto,
            &shows,
            Ephemeral::from_bytes(a.e),
            &[],
            &mut message,
        );
        assert_eq!(written.unwrap_err(), NoiseError::Dh);
        let (identified, sealed) =
            noise::Responder::new(&b.key.public(), b"").read_static(&RustCrypto, &b.key, &message).unwrap();
        assert_eq!(identified.remote_static(), &shows.public);
        let read = identified.read_payload1(&RustCrypto, &b.key, sealed, &mut []);
        assert_eq!(read.unwrap_err(), NoiseError::Dh);
    }
    assert!(initiator.finish(NOW, &a.local(), &message2).is_ok());
}
