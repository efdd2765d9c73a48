//! The same through `Runtime::send`, with a back end that fails when it is told to.

use mfp_proto::config::Config;
use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::id::ChannelId;
use mfp_proto::local::{Stage, StageError};
use mfp_proto::merkle::Proof;
use mfp_proto::runtime::{AdminError, Event, Message, QuarantineCause, SendError};
use mfp_proto::store::Store;
use mfp_proto::testing::FaultyAead;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::property::property;
use crate::rig::{Rig, deliveries, events};

fn faulty(threshold: u16) -> (Config, &'static FaultyAead) {
    let aead = FaultyAead::leak(&RustCrypto);
    let mut config = Config::default();
    config.aead = aead;
    config.quarantine.validation_failures = threshold;
    (config, aead)
}

/// The ratchet state of a channel.
fn state(rig: &mut Rig, channel: &ChannelId) -> [u8; 32] {
    let Proof { leaf, .. } = &rig.rt.prove(channel).unwrap();
    leaf.unwrap().1
}

/// What becomes of a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// The tag is declared wrong.
    NotOpened,
    /// A bit of text or tag flips.
    Flipped(usize),
    NotSealed,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Arrives),
        2 => Just(Fate::NotOpened),
        2 => any::<usize>().prop_map(Fate::Flipped),
        1 => Just(Fate::NotSealed),
    ]
}

proptest! {
    #![proptest_config(property!(256, "stages"))]

    #[test]
    fn so_many_failures_in_a_row_quarantine(threshold in 0..5_u16, fates in vec(fate(), 1..30)) {
        let (config, aead) = faulty(threshold);
        let (mut rig, alice, _, channel) = Rig::pair(config);
        let (mut in_a_row, mut sent, mut failed) = (0, 0, 0);
        for fate in fates {
            match fate {
                Fate::Arrives => {}
                Fate::NotOpened => aead.fail_opens(1),
                Fate::Flipped(bit) => aead.flip_bit(bit),
                Fate::NotSealed => aead.fail_seals(1),
            }
            let before = (rig.rt.global_state(), state(&mut rig, &channel), rig.store.load().unwrap());
            let result = rig.rt.send(rig.now, alice, channel, Message::new(b"payload"));
            let effects = rig.settle();
            if fate == Fate::Arrives {
                sent += 1;
                in_a_row = 0;
                prop_assert!(result.is_ok());
                let delivery = deliveries(&effects);
                // One at a time; the rest waits in order.
                prop_assert_eq!(delivery.len(), usize::from(sent == 1));
                prop_assert_ne!(rig.rt.global_state(), before.0);
                prop_assert_eq!(rig.store.load().unwrap().channels[0].q, sent);
                if sent == 64 { break }
                continue;
            }
            let counted = fate != Fate::NotSealed;
            let error = if counted { StageError::Aead } else { StageError::Seal };
            prop_assert_eq!(result, Err(SendError::Stage(error)));
            (in_a_row, failed) = (in_a_row + u16::from(counted), failed + u64::from(counted));
            prop_assert_eq!((rig.rt.global_state(), state(&mut rig, &channel)), (before.0, before.1));
            prop_assert_eq!(rig.rt.stats().validation_failures, failed);
            let mut expected = Vec::new();
            if counted {
                expected.push(Event::ValidationFailed { channel, stage: Stage::Decode, in_a_row });
            }
            if counted && in_a_row == threshold {
                expected.push(Event::ChannelQuarantined { channel, cause: QuarantineCause::ValidationFailures });
                prop_assert_eq!(events(&effects), expected);
                prop_assert!(rig.store.load().unwrap().channels[0].quarantined);
                refused_until_restored(&mut rig, &channel)?;
                in_a_row = 0;
            } else {
                prop_assert_eq!(events(&effects), expected);
                prop_assert_eq!(rig.store.load().unwrap(), before.2, "nothing is durable of a failure");
            }
        }
    }
}

fn refused_until_restored(rig: &mut Rig, channel: &ChannelId) -> Result<(), TestCaseError> {
    let alice = rig.rt.all_channels().next().unwrap().1[0];
    let root = rig.rt.global_state();
    prop_assert_eq!(rig.rt.send(rig.now, alice, *channel, Message::new(b"x")), Err(SendError::ChannelFrozen));
    prop_assert_eq!(rig.rt.quarantine_channel(rig.now, channel), Err(AdminError::AlreadyQuarantined));
    prop_assert_eq!(rig.rt.restore_channel(rig.now, channel), Ok(()));
    prop_assert_eq!(events(&rig.settle()), [Event::ChannelRestored { channel: *channel }]);
    prop_assert_eq!(rig.rt.global_state(), root);
    prop_assert!(!rig.store.load().unwrap().channels[0].quarantined);
    Ok(())
}

#[test]
fn a_quarantine_outlives_the_process_and_the_count_does_not() {
    let (config, aead) = faulty(2);
    let (mut rig, alice, _, channel) = Rig::pair(config);
    let fail = |rig: &mut Rig| {
        aead.fail_opens(1);
        let result = rig.rt.send(rig.now, alice, channel, Message::new(b"x"));
        rig.settle();
        result
    };
    assert_eq!(fail(&mut rig), Err(SendError::Stage(StageError::Aead)));
    rig.restart();
    rig.bind("alice");
    for _ in 0..2 {
        assert_eq!(fail(&mut rig), Err(SendError::Stage(StageError::Aead)), "the count begins anew");
    }
    rig.restart();
    assert_eq!(fail(&mut rig), Err(SendError::ChannelFrozen));
    rig.rt.restore_channel(rig.now, &channel).unwrap();
    aead.fail_opens(0);
    assert!(rig.rt.send(rig.now, alice, channel, Message::new(b"x")).is_ok());
}
