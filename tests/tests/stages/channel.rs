//! The channel alone: arbitrary changes of a message, of its length and of the step it is opened with.

use mfp_proto::crypto::aead::{RustCrypto, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::local::{Channel, Freeze, Pipeline, StageError, Step};
use mfp_proto::testing::{FaultyAead, strategy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::property;

const PIPELINE: Pipeline =
    Pipeline { aead: &RustCrypto, suite: Suite::ChaCha20Poly1305, max_payload: 512, quarantine_after: 0 };
const SG: [u8; 32] = [3; 32];

fn channel(boot: u8, id: u8, depth: Depth) -> Channel {
    let agents = [AgentId::from_bytes([1; 32]), AgentId::from_bytes([2; 32])];
    Channel::new(&HmacKey::new(&[boot; 32]), ChannelId::from_bytes([id; 16]), &agents[0], &agents[1], depth)
}

fn framed(channel: &Channel, sg: [u8; 32], jitter: u8) -> Step {
    channel.frame(&PIPELINE, &sg, |out| Rng::new([jitter; 32]).fill(out))
}

fn sealed(channel: &Channel, step: &Step, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; channel.message_len(payload.len())];
    let start = channel.depth().frame_len();
    message[start..start + payload.len()].copy_from_slice(payload);
    step.seal(&PIPELINE, &mut message).unwrap();
    message
}

/// `before` messages go through, so that the channel is somewhere in its life.
fn aged(mut channel: Channel, before: u8) -> Channel {
    for age in 0..before {
        let mut message = vec![0; channel.message_len(1)];
        channel.transfer(&PIPELINE, &SG, |out| out.fill(age), &mut message).unwrap();
    }
    channel
}

/// What is done to a sealed message.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Vec<(Index, u8)>),
    Truncate(Index),
    Extend(Vec<u8>),
    Insert(Index, u8),
    Remove(Index),
    /// The frames are right afterwards, and the text is not.
    Reverse,
    /// Another message of the same channel and step.
    Other(Vec<u8>),
    Any(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => vec((any::<Index>(), 1..=u8::MAX), 1..4).prop_map(Damage::Flip),
        1 => any::<Index>().prop_map(Damage::Truncate),
        1 => vec(any::<u8>(), 1..80).prop_map(Damage::Extend),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => Just(Damage::Reverse),
        1 => vec(any::<u8>(), 0..300).prop_map(Damage::Other),
        1 => vec(any::<u8>(), 0..600).prop_map(Damage::Any),
    ]
}

impl Damage {
    fn apply(&self, channel: &Channel, message: &mut Vec<u8>) {
        match self {
            Self::Flip(flips) => flips.iter().for_each(|(at, mask)| *at.get_mut(message) ^= mask),
            Self::Truncate(at) => message.truncate(at.index(message.len())),
            Self::Extend(bytes) => message.extend(bytes),
            Self::Insert(at, byte) => message.insert(at.index(message.len() + 1), *byte),
            Self::Remove(at) => drop(message.remove(at.index(message.len()))),
            Self::Reverse => message.reverse(),
            Self::Other(payload) => *message = sealed(channel, &framed(channel, SG, 9), payload),
            Self::Any(bytes) => message.clone_from(bytes),
        }
    }
}

/// What the message is opened with.
#[derive(Clone, Copy, Debug)]
enum With {
    /// The step that it was sealed with.
    Itself,
    OtherJitter,
    OtherState,
    /// The step of an earlier message.
    Stale,
    OtherChannel,
}

impl With {
    fn step(self, channel: &Channel, earlier: &Channel) -> Step {
        match self {
            Self::Itself => framed(channel, SG, 7),
            Self::OtherJitter => framed(channel, SG, 8),
            Self::OtherState => framed(channel, [4; 32], 7),
            Self::Stale => framed(earlier, SG, 7),
            Self::OtherChannel => framed(&self::channel(1, 200, channel.depth()), SG, 7),
        }
    }
}

fn with() -> impl Strategy<Value = With> {
    prop_oneof![
        4 => Just(With::Itself),
        1 => Just(With::OtherJitter),
        1 => Just(With::OtherState),
        1 => Just(With::Stale),
        1 => Just(With::OtherChannel),
    ]
}

/// A channel without what it counts of failures.
fn uncounted(channel: &Channel) -> Channel {
    let mut channel = channel.clone();
    channel.thaw(Freeze::QUARANTINED);
    channel
}

proptest! {
    #![proptest_config(property!(1_024, "stages"))]

    #[test]
    fn what_does_not_open_changes_nothing(
        depth in strategy::depth(),
        age in 1..4_u8,
        payload in vec(any::<u8>(), 0..200),
        damage in damage(),
        with in with(),
        threshold in 0..3_u16,
    ) {
        let pipeline = Pipeline { quarantine_after: threshold, ..PIPELINE };
        let earlier = aged(channel(1, 1, depth), age - 1);
        let mut channel = aged(earlier.clone(), 1);
        let original = sealed(&channel, &framed(&channel, SG, 7), &payload);
        let mut damaged = original.clone();
        damage.apply(&channel, &mut damaged);
        prop_assume!(damaged != original || !matches!(with, With::Itself));
        let before = channel.clone();
        let error = channel.open(&pipeline, &with.step(&channel, &earlier), &mut damaged.clone()).unwrap_err();
        prop_assert_eq!(uncounted(&channel), uncounted(&before), "every byte of the state is as it was");
        prop_assert_eq!(channel.failures(), before.failures() + u16::from(error.is_validation_failure()));
        let quarantined = threshold == 1 && error.is_validation_failure();
        prop_assert_eq!(channel.freeze() == Freeze::QUARANTINED, quarantined);
        match with {
            With::Stale | With::OtherChannel => prop_assert_eq!(error, StageError::StaleStep),
            _ if damaged.len() < channel.message_len(0) => prop_assert_eq!(error, StageError::BufferLength),
            _ => prop_assert!(error.is_validation_failure()),
        }
        // What was damaged on the way arrives unharmed when it comes again, and ends the row of failures.
        let mut again = original;
        let range = channel.open(&pipeline, &framed(&before, SG, 7), &mut again).unwrap();
        prop_assert_eq!(&again[range], &payload);
        prop_assert_eq!((channel.t(), channel.failures()), (before.t() + 1, 0));
    }

    #[test]
    fn what_is_refused_before_it_is_framed_leaves_no_trace(
        depth in strategy::depth(),
        len in 0..1_400_usize,
        freeze in strategy::freeze(),
        fail in any::<bool>(),
    ) {
        let aead = FaultyAead::leak(&RustCrypto);
        aead.fail_seals(u32::from(fail));
        let pipeline = Pipeline { aead, ..PIPELINE };
        let mut channel = channel(1, 1, depth);
        channel.freeze_for(freeze);
        let before = channel.clone();
        let sent = channel.transfer(&pipeline, &SG, |_| {}, &mut vec![0; len]);
        let payload = len.checked_sub(before.message_len(0));
        let expected = match payload {
            None => Some(StageError::BufferLength),
            Some(_) if !freeze.is_open() => Some(StageError::Frozen),
            Some(513..) => Some(StageError::TooLarge { max: 512 }),
            Some(_) if fail => Some(StageError::Seal),
            Some(_) => None,
        };
        prop_assert_eq!(sent.as_ref().err().copied(), expected);
        prop_assert_eq!(channel == before, expected.is_some());
        if let Ok(range) = sent {
            prop_assert_eq!((range.start, range.len()), (depth.frame_len(), payload.unwrap()));
        }
    }
}
