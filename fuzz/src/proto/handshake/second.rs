//! Message 2 at the initiator.

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::crypto::Secret;
use mfp_proto::handshake::{Admission, HandshakeError, Initiator, TIMEOUT, noise};
use mfp_proto::wire::item::Pos;

use super::first::same;
use super::{
    BODY, Counting, Edit, NOW, PAYLOAD, SOURCE, X, apply, be32, ephemeral, header, in_bounds, params, parties, reframe,
    whole,
};

/// Where a message 2 comes from before it is edited.
#[derive(Debug, Arbitrary)]
enum Origin {
    Honest,
    /// Authentic, with this payload: edits of the honest one.
    Payload(Vec<Edit>),
    /// The responder answered under another psk.
    OtherPsk,
    /// The answer to another message 1 of the same initiator.
    OtherAttempt,
    Any(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
struct Try {
    origin: Origin,
    edits: Vec<Edit>,
    reframed: bool,
    /// It comes after the attempt's time.
    late: bool,
}

#[derive(Debug, Arbitrary)]
struct Case {
    psk: bool,
    tries: Vec<Try>,
}

/// An initiator accepts the answer of its peer to this attempt, once and in time, and nothing else; a refusal changes
/// nothing, and costs at most two exchanges.
///
/// # Panics
/// If the property fails.
pub fn message(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let [a, b, _] = parties();
    let (mut initiator, message1) = start(case.psk, 0);
    let honest = answered(case.psk, &message1);
    for attempt in case.tries.iter().take(4) {
        if attempted(&case, attempt, &mut initiator, &message1, &honest) {
            // It has ended: the same message gives no second session.
            let again = initiator.finish(NOW, &a.local(), &honest);
            assert_eq!((again.unwrap_err(), a.exchanges()), (HandshakeError::Deadline, 0));
            return;
        }
    }
    let (_, theirs) = respond(case.psk, &message1);
    same(&initiator.finish(NOW, &a.local(), &honest).unwrap(), &theirs);
    assert_eq!((a.exchanges(), b.exchanges() > 0), (1, true));
}

fn start(psk: bool, attempt: usize) -> (Initiator, Vec<u8>) {
    let [a, b, _] = parties();
    let started = Initiator::start_with(NOW, &a.local(), &b.peer(psk), ephemeral(attempt), X).unwrap();
    a.exchanges();
    (started.0, started.1.to_vec())
}

fn respond(psk: bool, message1: &[u8]) -> (Vec<u8>, mfp_proto::handshake::Established) {
    let [a, b, _] = parties();
    let (local, peer) = (b.local(), a.peer(psk));
    let admitted = Admission::<8>::default().admit(NOW, SOURCE, 0, &local.frame_key, message1).unwrap();
    let identified = admitted.identify(&local, |_| Some(&peer)).unwrap();
    let responder = identified.accept_with(NOW, &local, ephemeral(1)).unwrap();
    let (message2, established) = responder.respond(NOW, &local, Pos::ZERO).unwrap();
    (message2.to_vec(), established)
}

fn answered(psk: bool, message1: &[u8]) -> Vec<u8> {
    respond(psk, message1).0
}

/// One try; whether it was accepted.
fn attempted(case: &Case, attempt: &Try, initiator: &mut Initiator, message1: &[u8], honest: &[u8]) -> bool {
    let [a, _, _] = parties();
    let (authentic, payload) = match &attempt.origin {
        Origin::Honest => (honest.to_vec(), Some(answer())),
        Origin::Payload(edits) => {
            let mut payload = answer().to_vec();
            apply(edits, &mut payload);
            payload.resize(PAYLOAD, 0);
            let payload = *payload.first_chunk().unwrap();
            (with_payload(case.psk, message1, &payload), Some(payload))
        }
        Origin::OtherPsk => (answered(!case.psk, message1), None),
        Origin::OtherAttempt => (answered(case.psk, &start(case.psk, 2).1), None),
        Origin::Any(bytes) => (bytes.iter().copied().take(1_024).collect(), None),
    };
    let mut sent = authentic.clone();
    apply(&attempt.edits, &mut sent);
    if attempt.reframed {
        reframe(&mut sent, &a.local().key.public());
    }
    let (before, now) = (initiator.clone(), if attempt.late { NOW + TIMEOUT } else { NOW });
    a.exchanges();
    let finished = initiator.finish(now, &a.local(), &sent);
    let exchanges = a.exchanges();
    let legal = payload.filter(|payload| sent == authentic && !attempt.late && is_legal(payload));
    match finished {
        Ok(established) => {
            let payload = legal.expect("accepted, and not what the peer has sent");
            assert_eq!(exchanges, 1);
            assert_eq!(established.pos.encode()[..], payload[32..]);
            let (agreed, params) = (established.agreed, params());
            assert_eq!(agreed.depth.blocks(), params.limits().depth.blocks().max(payload[16]));
            assert_eq!(agreed.max_body, params.limits().max_body.min(be32(&payload, 20)));
            true
        }
        Err(error) => {
            assert!(legal.is_none(), "{error}");
            assert!(*initiator == before, "{error}: the state has changed");
            let at_most = u32::from(error > HandshakeError::FrameClose);
            assert!(exchanges <= at_most, "{error}: {exchanges} exchanges");
            false
        }
    }
}

/// Payload 2 of section 5 as the responder writes it, with an empty POS.
fn answer() -> [u8; PAYLOAD] {
    let (params, mut payload) = (params(), [0; PAYLOAD]);
    let limits = params.limits();
    payload[..16].fill(9);
    payload[16] = limits.depth.blocks();
    payload[17] = 1;
    payload[18..20].copy_from_slice(&limits.chan_items.to_be_bytes());
    payload[20..24].copy_from_slice(&limits.max_body.to_be_bytes());
    payload[24..28].copy_from_slice(&limits.win_items.to_be_bytes());
    payload[28..32].copy_from_slice(&limits.win_bytes.to_be_bytes());
    payload
}

/// What the rules of section 5 say of an authentic payload of the responder. Suite 9 is offered, and nobody has it.
fn is_legal(payload: &[u8; PAYLOAD]) -> bool {
    let sizes = [be32(payload, 20), be32(payload, 24), be32(payload, 28)];
    let zero_pos = payload[32..].iter().all(|byte| *byte == 0);
    payload[17] == 1
        && in_bounds(payload[16], sizes, [payload[18], payload[19]])
        && (zero_pos || payload[32..40].iter().any(|byte| *byte != 0))
}

/// Message 2 with any payload, with the right keys.
fn with_payload(psk: bool, message1: &[u8], payload: &[u8; PAYLOAD]) -> Vec<u8> {
    let [a, b, _] = parties();
    let local = b.local();
    let header1: &[u8] = &message1[..64];
    let prologue = [b"MFP2", header1, local.id.as_bytes()].concat();
    let reading = noise::Responder::new(&local.key.public(), &prologue);
    let body1 = &message1[BODY..BODY + 168];
    let (identified, sealed) = reading.read_static(local.aead, local.key, body1).unwrap();
    let received = identified.read_payload1(local.aead, local.key, sealed, &mut [0; PAYLOAD]).unwrap();
    let (psk, mut body2) = (Secret::from_bytes([if psk { 7 } else { 0 }; 32]), [0; 120]);
    received.write_message2(local.aead, &ephemeral(1), &psk, payload, &mut body2).unwrap();
    whole(&header(2, 120), &body2, &Counting::local(a).key.public())
}
