//! Message 1 at the responder.

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::handshake::{Admission, Established, HandshakeError, Initiator, MESSAGE1_LEN, Peer, Responder, noise};
use mfp_proto::wire::item::Pos;

use super::{
    BODY, Counting, Edit, NOW, PAYLOAD, SOURCE, X, apply, be32, ephemeral, header, in_bounds, params, parties, reframe,
    whole,
};
use mfp_proto::crypto::Secret;

/// The burst of a token bucket (section 5).
const BURST: usize = 10;
/// Pending responder sessions, at most (section 5).
const PENDING: usize = 128;

/// Where message 1 comes from before it is edited.
#[derive(Debug, Arbitrary)]
enum Origin {
    Honest,
    /// Authentic, with this payload: edits of the honest one.
    Payload(Vec<Edit>),
    /// Of somebody whom the responder does not know.
    Stranger,
    /// For another responder.
    Elsewhere,
    Any(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
struct Case {
    psk: bool,
    origin: Origin,
    edits: Vec<Edit>,
    /// Whether the frame is made good again.
    reframed: bool,
    pending: u8,
    /// How often it is sent at once.
    times: u8,
}

/// A responder accepts what the peer has sent for it, and nothing else: not before the checks that cost no exchange, and
/// with at most two exchanges of its static key.
///
/// # Panics
/// If the property fails.
pub fn message(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let [a, b, _] = parties();
    let (honest, payload) = origin(&case);
    let mut sent = honest.clone();
    apply(&case.edits, &mut sent);
    if case.reframed {
        reframe(&mut sent, &b.local().key.public());
    }
    let peer = a.peer(case.psk);
    let accepted = judge(&case, b, &peer, &sent);
    let Some(payload) = payload.filter(|_| sent == honest) else {
        assert!(accepted.is_none(), "accepted, and not what the peer has sent");
        return;
    };
    assert_eq!(accepted.is_some(), is_legal(&payload), "{payload:?}");
    if let Some(responder) = accepted {
        agreed(&responder, &payload);
        finish(&case, &sent, responder);
    }
}

/// Message 1, and its payload if it is authentic and of the peer.
fn origin(case: &Case) -> (Vec<u8>, Option<[u8; PAYLOAD]>) {
    let [a, b, stranger] = parties();
    let own = offer(a);
    match &case.origin {
        Origin::Honest => {
            let (_, message) = start(a, &b.peer(case.psk));
            (message.to_vec(), Some(own))
        }
        Origin::Payload(edits) => {
            let mut payload = own.to_vec();
            apply(edits, &mut payload);
            payload.resize(PAYLOAD, 0);
            let payload = *payload.first_chunk().unwrap();
            (authentic(a, b, case.psk, &payload), Some(payload))
        }
        Origin::Stranger => (authentic(stranger, b, case.psk, &offer(stranger)), None),
        Origin::Elsewhere => (start(a, &stranger.peer(case.psk)).1.to_vec(), None),
        Origin::Any(bytes) => (bytes.iter().copied().take(1_024).collect(), None),
    }
}

fn start(a: &Counting, peer: &Peer) -> (Initiator, [u8; MESSAGE1_LEN]) {
    Initiator::start_with(NOW, &a.local(), peer, ephemeral(0), X).unwrap()
}

/// Payload 1 of section 5, written by hand.
fn offer(of: &Counting) -> [u8; PAYLOAD] {
    let (params, mut payload) = (params(), [0; PAYLOAD]);
    let limits = params.limits();
    payload[..32].copy_from_slice(of.local().id.as_bytes());
    payload[32..48].fill(9);
    payload[48] = limits.depth.blocks();
    payload[49..52].copy_from_slice(&[2, 1, 9]);
    payload[56..60].copy_from_slice(&limits.max_body.to_be_bytes());
    payload[60..64].copy_from_slice(&limits.win_items.to_be_bytes());
    payload[64..68].copy_from_slice(&limits.win_bytes.to_be_bytes());
    payload[68..70].copy_from_slice(&limits.chan_items.to_be_bytes());
    payload
}

/// Message 1 from `from` to `to` with any payload, with the right keys.
fn authentic(from: &Counting, to: &Counting, psk: bool, payload: &[u8; PAYLOAD]) -> Vec<u8> {
    let (header, to_local) = (header(1, 168), to.local());
    let prologue = [b"MFP2", header.as_slice(), to_local.id.as_bytes()].concat();
    let psk = Secret::from_bytes([if psk { 7 } else { 0 }; 32]);
    let (public, mut body) = (to_local.key.public(), [0; 168]);
    noise::Initiator::new(public, psk, &prologue)
        .write_message1(to_local.aead, from, ephemeral(0), payload, &mut body)
        .unwrap();
    whole(&header, &body, &public)
}

/// What the rules of section 5 say of an authentic payload of the peer.
fn is_legal(payload: &[u8; PAYLOAD]) -> bool {
    let (count, suites) = (usize::from(payload[49]), &payload[50..56]);
    let sizes = [be32(payload, 56), be32(payload, 60), be32(payload, 64)];
    payload[..32] == *parties()[0].local().id.as_bytes()
        && (1..=6).contains(&count)
        && !suites[..count].contains(&0)
        && suites[count..].iter().all(|unused| *unused == 0)
        && suites[..count].contains(&1)
        && in_bounds(payload[48], sizes, [payload[68], payload[69]])
        && payload[70] == 0
        && payload[71] == 0
}

fn judge(case: &Case, b: &Counting, peer: &Peer, sent: &[u8]) -> Option<Responder> {
    let (mut admission, local, pending) = (Box::new(Admission::<8>::default()), b.local(), usize::from(case.pending));
    let mut accepted = None;
    b.exchanges();
    for time in 0..=usize::from(case.times % 16) {
        let before = admission.clone();
        let admitted = match admission.admit(NOW, SOURCE, pending, &local.frame_key, sent) {
            Ok(admitted) => admitted,
            Err(error) => {
                assert_eq!(b.exchanges(), 0, "{error}: before any exchange");
                match error {
                    HandshakeError::RateLimited => assert!(time >= BURST),
                    HandshakeError::TooManyPending => assert!(pending >= PENDING && time < BURST),
                    error => assert!(error <= HandshakeError::FrameClose && *admission == *before, "{error}"),
                }
                continue;
            }
        };
        assert!(time < BURST && pending < PENDING);
        assert_eq!(b.exchanges(), 0);
        let result = admitted.identify(&local, |key| (*key == peer.public).then_some(peer));
        assert_eq!(b.exchanges(), 1);
        let identified = match result {
            Ok(identified) => identified,
            Err(error) => {
                let known = [HandshakeError::Dh, HandshakeError::Noise1, HandshakeError::UnknownPeer];
                assert!(known.contains(&error), "{error}");
                continue;
            }
        };
        let result = identified.accept_with(NOW, &local, ephemeral(1));
        assert_eq!(b.exchanges(), 1);
        // A replay is accepted again: only NEGOTIATE shows that the initiator is there.
        accepted = result.ok().or(accepted);
    }
    assert!(admission.sources() <= 1);
    // Beyond what is tried above.
    if pending >= PENDING {
        let honest = start(&parties()[0], &b.peer(case.psk)).1;
        let mut fresh = Box::new(Admission::<8>::default());
        accepted = fresh
            .admit(NOW, SOURCE, 0, &local.frame_key, sent)
            .and_then(|admitted| admitted.identify(&local, |key| (*key == peer.public).then_some(peer)))
            .and_then(|identified| identified.accept_with(NOW, &local, ephemeral(1)))
            .ok();
        assert!(fresh.admit(NOW, SOURCE, PENDING, &local.frame_key, &honest).is_err());
    }
    accepted
}

/// Agreement: k the larger, `max_body` the smaller, windows each receiver's own (section 5).
fn agreed(responder: &Responder, payload: &[u8; PAYLOAD]) {
    let (agreed, params) = (responder.agreed(), params());
    let own = params.limits();
    assert_eq!(agreed.depth.blocks(), own.depth.blocks().max(payload[48]));
    assert_eq!(agreed.max_body, own.max_body.min(be32(payload, 56)));
    assert_eq!(agreed.own, *own);
    let peer = agreed.peer;
    assert_eq!((peer.win_items, peer.win_bytes), (be32(payload, 60), be32(payload, 64)));
    assert_eq!(peer.chan_items.to_be_bytes(), payload[68..70]);
    assert_eq!(responder.store_id().as_bytes()[..], payload[32..48]);
}

/// What is accepted can be answered, and an honest initiator then has the same keys.
fn finish(case: &Case, sent: &[u8], responder: Responder) {
    let [a, b, _] = parties();
    let (message2, theirs) = responder.respond(NOW, &b.local(), Pos::ZERO).unwrap();
    let (mut initiator, own) = start(a, &b.peer(case.psk));
    let finished = initiator.finish(NOW, &a.local(), &message2);
    if own == *sent {
        same(&finished.unwrap(), &theirs);
    } else {
        // It is another message under the same ephemeral: the keys differ, and so does the tag.
        assert_eq!(finished.unwrap_err(), HandshakeError::Noise2);
    }
    assert!(message2.len() > BODY);
}

/// Both sides have the same keys.
pub(super) fn same(one: &Established, other: &Established) {
    assert!(one.split.k_ir == other.split.k_ir && one.split.k_ri == other.split.k_ri && one.split.h == other.split.h);
    assert_eq!((one.e_i, one.e_r, one.pos), (other.e_i, other.e_r, other.pos));
}
