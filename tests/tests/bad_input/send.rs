//! Messages that are none.

use std::time::Duration;

use mfp_proto::agents::ToolError;
use mfp_proto::config::Config;
use mfp_proto::policy::Rate;
use mfp_proto::runtime::{Event, Message, QuarantineCause, SendError};
use mfp_proto::testing::strategy;
use proptest::prelude::*;

use super::{View, refused};
use crate::property::property;
use crate::rig::{Rig, delivery, events};

#[test]
fn payloads_and_content_types() {
    let mut config = Config::default();
    config.limits.payload = 100;
    let (mut rig, alice, _, channel) = Rig::pair(config);
    let huge = vec![0; 1 << 20];
    let mut send = |message| refused(&mut rig, |rt, now| rt.send(now, alice, channel, message));
    assert_eq!(send(Message::new(b"")), SendError::EmptyPayload);
    assert_eq!(send(Message::new(&[0; 101])), SendError::PayloadTooLarge { max: 100 });
    assert_eq!(send(Message::new(&huge)), SendError::PayloadTooLarge { max: 100 });
    for bad in ["", &"x".repeat(65), "naïve", "a\nb", "\0", "\x7f"] {
        assert_eq!(send(Message::new(b"x").content_type(bad)), SendError::InvalidContentType, "{bad:?}");
    }
    rig.send(alice, channel, Message::new(&[0; 100]).content_type(&"~".repeat(64)));
    assert_eq!(delivery(&rig.settle()).payload.len(), 100);
}

#[test]
fn members_only() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    let carol = rig.bind("carol");
    let send = |rig: &mut Rig| refused(rig, |rt, now| rt.send(now, carol, channel, Message::new(b"x")));
    assert_eq!(send(&mut rig), SendError::Tool(ToolError::NoChannel));
    assert_eq!(refused(&mut rig, |rt, _| rt.channels(&carol)), ToolError::NoChannel);
    rig.open(&alice, &carol);
    assert_eq!(send(&mut rig), SendError::NotAMember);
}

#[test]
fn too_fast() {
    let mut config = Config::default();
    config.quarantine.rate = Some(Rate::new(1, Duration::from_secs(1), 2).unwrap());
    config.quarantine.abuse = Some(Rate::new(1, Duration::from_mins(1), 3).unwrap());
    let (mut rig, alice, bob, channel) = Rig::pair(config);
    let send = |rt: &mut mfp_proto::runtime::Runtime, now| rt.send(now, alice, channel, Message::new(b"x"));
    // What is refused for another reason takes nothing of the rate.
    assert_eq!(refused(&mut rig, |rt, now| rt.send(now, alice, channel, Message::new(b""))), SendError::EmptyPayload);
    for _ in 0..2 {
        send(&mut rig.rt, rig.now).unwrap();
    }
    rig.settle();
    for refusals in 1..=3 {
        let retry_after = Duration::from_secs(1);
        assert_eq!(refused(&mut rig, send), SendError::RateLimited { retry_after });
        assert_eq!(rig.rt.stats().refused_rate, refusals);
    }
    // One more is abuse. The message was refused, the agent is quarantined, and the global state stays.
    let root = rig.rt.global_state();
    assert!(matches!(send(&mut rig.rt, rig.now), Err(SendError::RateLimited { .. })));
    assert_eq!(rig.rt.global_state(), root);
    let quarantined = Event::AgentQuarantined { agent: alice, cause: QuarantineCause::Abuse };
    assert_eq!(events(&rig.settle()), [quarantined]);
    assert_eq!(refused(&mut rig, send), SendError::Tool(ToolError::Quarantined));
    rig.rt.restore_agent(rig.now, &alice).unwrap();
    rig.wait(Duration::from_secs(1));
    assert!(send(&mut rig.rt, rig.now).is_ok());
    assert!(rig.rt.send(rig.now, bob, channel, Message::new(b"x")).is_ok(), "each agent has its own rate");
}

proptest! {
    #![proptest_config(property!(256, "bad_input"))]

    /// A message of any kind arrives as it was sent, or is refused and nothing has changed.
    #[test]
    fn any_message_arrives_or_is_refused(
        message in prop_oneof![strategy::message(0..300), any_message()],
        depth in strategy::depth(),
    ) {
        let mut config = Config::default();
        (config.limits.payload, config.depth) = (256, depth);
        let (mut rig, alice, bob, channel) = Rig::pair(config);
        let before = View::of(&mut rig);
        match rig.rt.send(rig.now, alice, channel, message.borrow()) {
            Ok(ticket) => {
                let effects = rig.settle();
                let delivery = delivery(&effects);
                prop_assert_eq!(crate::rig::receipt(&effects, ticket), delivery.message);
                prop_assert_eq!((delivery.to, delivery.from.agent), (bob, alice));
                prop_assert_eq!((&*delivery.payload, delivery.reply_to), (&*message.payload, message.reply_to));
                let meta = delivery.meta.map(|meta| *meta).unwrap_or_default();
                prop_assert_eq!((meta.content_type.as_deref(), meta.trace), (message.content_type.as_deref(), message.trace));
                let waits = rig.rt.poll_timeout().is_some_and(|(_, kind)| kind == mfp_proto::runtime::TimerKind::Answer);
                prop_assert!(waits || message.answer_within.is_none_or(|it| it > rig.rt.config().delivery.agent_timeout));
            }
            Err(error) => {
                let too_large = SendError::PayloadTooLarge { max: 256 };
                let expected = [SendError::EmptyPayload, too_large, SendError::InvalidContentType];
                prop_assert!(expected.contains(&error), "{error}");
                prop_assert_eq!(View::of(&mut rig), before);
                prop_assert!(rig.settle().is_empty());
            }
        }
    }
}

/// Also what has no form.
fn any_message() -> impl Strategy<Value = mfp_proto::testing::OwnedMessage> {
    (strategy::message(0..300), any::<Option<String>>()).prop_map(|(mut message, content_type)| {
        message.content_type = content_type;
        message
    })
}
