extern crate std;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::crypto::aead::{RustCrypto, Suite};
use crate::crypto::hash::HmacKey;
use crate::frame::Depth;
use crate::id::{AgentId, ChannelId};

const PIPELINE: Pipeline =
    Pipeline { aead: &RustCrypto, suite: Suite::ChaCha20Poly1305, max_payload: 1_024, quarantine_after: 3 };
const SG: [u8; 32] = [3; 32];

fn channel(depth: u8) -> Channel {
    let boot = HmacKey::new(&[1; 32]);
    let ids = (AgentId::from_bytes([1; 32]), AgentId::from_bytes([2; 32]));
    Channel::new(&boot, ChannelId::from_bytes([9; 16]), &ids.0, &ids.1, Depth::new(depth).unwrap())
}

/// A sealed message at the channel's present step, with the step.
fn sealed(channel: &Channel, payload: &[u8]) -> (Step, Vec<u8>) {
    let step = channel.frame(&PIPELINE, &SG, |jitter| jitter.fill(7));
    let mut message = vec![0; channel.message_len(payload.len())];
    let start = channel.depth().frame_len();
    message[start..start + payload.len()].copy_from_slice(payload);
    step.seal(&PIPELINE, &mut message).unwrap();
    (step, message)
}

#[test]
fn the_payload_comes_back_and_the_state_moves() {
    for depth in [2, 4, 32] {
        let mut channel = channel(depth);
        let before = channel.clone();
        let (step, mut message) = sealed(&channel, b"hello");
        assert!(!message.windows(5).any(|window| window == b"hello"));
        let payload = channel.open(&PIPELINE, &step, &mut message).unwrap();
        assert_eq!(&message[payload], b"hello");
        assert_eq!(channel.t(), 1);
        assert_ne!(channel.state(), before.state());
        assert_eq!(channel.open(&PIPELINE, &step, &mut message), Err(StageError::StaleStep));
    }
}

#[test]
fn every_flipped_bit_is_refused_and_nothing_moves() {
    let pipeline = Pipeline { quarantine_after: 0, ..PIPELINE };
    let mut channel = channel(2);
    let (step, message) = sealed(&channel, b"payload");
    let before = channel.clone();
    for bit in 0..message.len() * 8 {
        let mut bad = message.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..32 => StageError::FrameOpen,
            32..55 => StageError::Aead,
            _ => StageError::FrameClose,
        };
        assert_eq!(channel.open(&pipeline, &step, &mut bad), Err(expected), "bit {bit}");
        assert_eq!((channel.state(), channel.t()), (before.state(), before.t()));
    }
    let mut good = message.clone();
    assert!(channel.open(&pipeline, &step, &mut good).is_ok());
    assert_eq!(channel.failures(), 0, "success ends the row of failures");
}

#[test]
fn failures_in_a_row_quarantine_and_restore_forgets_them() {
    let mut channel = channel(4);
    let (step, message) = sealed(&channel, b"payload");
    for failure in 1..=3 {
        assert!(channel.freeze().is_open());
        let mut bad = message.clone();
        bad[64] ^= 1;
        assert_eq!(channel.open(&PIPELINE, &step, &mut bad), Err(StageError::Aead));
        assert_eq!(channel.failures(), failure);
    }
    assert_eq!(channel.accept(&PIPELINE, 1), Err(StageError::Frozen));
    channel.freeze_for(Freeze::FIRST_AGENT);
    channel.thaw(Freeze::QUARANTINED);
    assert_eq!(channel.accept(&PIPELINE, 1), Err(StageError::Frozen), "each cause is lifted by itself");
    channel.thaw(Freeze::FIRST_AGENT);
    assert_eq!(channel.accept(&PIPELINE, 1), Ok(()));
    assert_eq!(channel.failures(), 0);
}

#[test]
fn bad_lengths_are_refused_at_every_stage() {
    let mut channel = channel(4);
    assert_eq!(channel.accept(&PIPELINE, 1_025), Err(StageError::TooLarge { max: 1_024 }));
    let step = channel.frame(&PIPELINE, &SG, |_| {});
    for len in 0..channel.message_len(0) {
        let mut short = vec![0; len];
        assert_eq!(step.seal(&PIPELINE, &mut short), Err(StageError::BufferLength));
        assert_eq!(channel.transfer(&PIPELINE, &SG, |_| {}, &mut short), Err(StageError::BufferLength));
        assert!(channel.open(&PIPELINE, &step, &mut short).is_err());
    }
    assert_eq!(channel.t(), 0);
}

#[test]
fn a_suite_that_the_back_end_lacks_is_an_error() {
    if PIPELINE.aead.supports(Suite::Aes256Gcm) {
        return;
    }
    let pipeline = Pipeline { suite: Suite::Aes256Gcm, ..PIPELINE };
    let mut channel = channel(4);
    let mut message = vec![0; channel.message_len(3)];
    assert_eq!(channel.transfer(&pipeline, &SG, |_| {}, &mut message), Err(StageError::Seal));
    assert_eq!(channel.t(), 0);
}

#[test]
fn each_cause_is_lifted_by_itself() {
    let causes = [Freeze::QUARANTINED, Freeze::FIRST_AGENT, Freeze::SECOND_AGENT];
    let all = causes.into_iter().fold(Freeze::OPEN, Freeze::with);
    assert!(Freeze::OPEN.is_open() && !all.is_open());
    for cause in causes {
        // A cause that is there already stays.
        assert!(all.with(cause) == all && all.contains(cause) && !Freeze::OPEN.contains(cause));
        let rest = all.without(cause);
        assert!(!rest.contains(cause) && !rest.is_open() && rest.without(cause) == rest && rest.with(cause) == all);
        assert!(causes.into_iter().filter(|other| *other != cause).all(|other| rest.contains(other)));
    }
}
