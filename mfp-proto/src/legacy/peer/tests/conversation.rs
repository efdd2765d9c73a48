//! What two honest ends say to each other arrives.

use std::format;

use proptest::prelude::*;

use super::*;
use crate::legacy::Refused;
use crate::legacy::recovery::{Diagnosis, Position, diagnose};

/// Feeds a stream in pieces of these lengths, asks for no more than the machine does, and returns what was delivered.
fn stream(to: &mut TestPeer, wire: &[u8], pieces: &[usize]) -> Vec<(ChannelId, Vec<u8>)> {
    let (mut arrived, mut delivered) = (Vec::new(), Vec::new());
    let (mut rest, mut pieces) = (wire, pieces.iter().copied().cycle());
    loop {
        let progress = to.handle_input(&mut arrived).unwrap();
        match progress {
            Input::Message { len, delivery } => {
                delivered.push((delivery.channel, delivery.payload.to_vec()));
                arrived.drain(..len);
            }
            Input::Need(need) => {
                assert!(need > arrived.len() && need <= HEADER_LEN + 32 * 32 + 16 + MAX_PAYLOAD as usize);
                if rest.is_empty() {
                    assert!(arrived.is_empty(), "a message is left over");
                    return delivered;
                }
                let (now, later) = rest.split_at(pieces.next().unwrap().min(rest.len()));
                arrived.extend_from_slice(now);
                rest = later;
            }
        }
    }
}

/// A turn: who sends, and what on which channels.
fn any_turn() -> impl Strategy<Value = (usize, Vec<(usize, Vec<u8>)>)> {
    let message = (0..3_usize, prop::collection::vec(any::<u8>(), 0..MAX_PAYLOAD as usize));
    (0..2_usize, prop::collection::vec(message, 1..5))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn turns_over_several_channels_in_any_pieces(
        ceremony: bool,
        turns in prop::collection::vec(any_turn(), 1..8),
        pieces in prop::collection::vec(1..700_usize, 1..9),
    ) {
        let mut ends = pair_with(&RustCrypto, ceremony);
        let mut count = 0;
        for (from, messages) in turns {
            let [one, other] = &mut ends;
            let (sender, receiver) = if from == 0 { (one, other) } else { (other, one) };
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            for (channel, payload) in messages {
                wire.extend(sent(sender, &CHANNELS[channel], &payload));
                expected.push((CHANNELS[channel], payload));
                count += 1;
            }
            prop_assert_eq!(stream(receiver, &wire, &pieces), expected);
            prop_assert_eq!(sender.state(), receiver.state());
            prop_assert_eq!(sender.state().step, count);
        }
    }
}

#[test]
fn byte_by_byte_it_asks_for_no_more_than_header_and_frame_until_the_frame_is_there() {
    let [mut one, mut other] = pair();
    let wire = sent(&mut one, &CHANNELS[1], &[7; 1_500]);
    for end in 0..wire.len() {
        let need = match end {
            0..64 => 64,
            64..128 => 128,
            _ => wire.len(),
        };
        assert_eq!(other.handle_input(&mut wire[..end].to_vec()), Ok(Input::Need(need)), "{end}");
    }
    assert_eq!(taken(&mut other, wire), [7; 1_500]);
}

#[test]
fn a_kept_state_goes_on_and_positions_are_compared() {
    let [mut one, mut other] = pair();
    let wire = sent(&mut one, &CHANNELS[0], b"before");
    let at = |peer: &TestPeer| Position { step: peer.state().step, hash: peer.state().hash() };
    assert_eq!(diagnose(&at(&one), &at(&other), 5), Diagnosis::LocalAhead);
    taken(&mut other, wire);
    assert_eq!(diagnose(&at(&one), &at(&other), 5), Diagnosis::Spurious);

    let [_, config] = config(&RustCrypto);
    let mut again = TestPeer::insecure_v1(config, Bootstrap::Resume(other.state().clone())).unwrap();
    again.open_channel(CHANNELS[2], Depth::MAX).unwrap();
    assert_eq!(taken(&mut again, sent(&mut one, &CHANNELS[2], b"after")), b"after");
}

#[test]
fn both_at_once_is_the_end_of_both() {
    let [mut one, mut other] = pair();
    let (hers, his) = (sent(&mut one, &CHANNELS[0], b"hers"), sent(&mut other, &CHANNELS[0], b"his!"));
    // The flaw itself: one key and nonce for two messages, so their XOR is that of the payloads.
    let xor = |at: usize| hers[at] ^ his[at];
    assert_eq!([96, 97, 98, 99].map(xor), [b'h' ^ b'h', b'e' ^ b'i', b'r' ^ b's', b's' ^ b'!']);
    assert_eq!(other.handle_message(&mut hers.clone()), Err(Refused::Step));
    assert_eq!(one.handle_message(&mut his.clone()), Err(Refused::Step));
}

#[test]
fn whoever_knows_both_ids_reads_what_follows_a_deterministic_bootstrap() {
    let [mut one, _] = pair();
    let wire = sent(&mut one, &CHANNELS[0], b"nobody else, please");
    let [_, mut config] = config(&RustCrypto);
    config.max_payload = 100;
    let mut stranger = TestPeer::insecure_v1(config, Bootstrap::Deterministic).unwrap();
    stranger.open_channel(CHANNELS[0], Depth::MIN).unwrap();
    assert_eq!(taken(&mut stranger, wire), b"nobody else, please");
}

#[test]
fn debug_shows_no_secret_and_no_payload() {
    let [mut one, mut other] = pair();
    let mut wire = sent(&mut one, &CHANNELS[0], &[0xa5; 40]);
    one.request_rekey(StaticSecret::from_bytes([0xa5; 32]), 9).unwrap();
    let delivery = other.handle_message(&mut wire).unwrap();
    let printed = format!("{one:?} {:?} {delivery:?}", one.state());
    for bytes in [one.state().ratchet.expose_secret(), one.state().prng.expose_secret(), &[0xa5; 32]] {
        assert!(!printed.contains(&format!("{}, {}", bytes[0], bytes[1])), "{printed}");
    }
    assert!(printed.contains("redacted") && printed.contains("len: 40"), "{printed}");
    assert!(printed.len() < 700, "{printed}");
}
