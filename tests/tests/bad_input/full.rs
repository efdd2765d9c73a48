//! Every bound of `Limits`, reached and not passed.

use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::id::AgentName;
use mfp_proto::runtime::{AdminError, Event, Message, Outcome, SendError};
use mfp_proto::store::Store;

use super::refused;
use crate::rig::{Rig, delivery, events, name};

fn limited(limit: impl FnOnce(&mut mfp_proto::config::Limits)) -> Config {
    let mut config = Config::default();
    limit(&mut config.limits);
    config
}

fn numbered(number: u32) -> AgentName {
    name(&format!("agent-{number}"))
}

#[test]
fn agents() {
    let mut rig = Rig::new(limited(|limits| limits.agents = 3));
    let ids: Vec<_> = (0..3).map(|number| rig.rt.bind(rig.now, &numbered(number)).unwrap()).collect();
    rig.settle();
    let full = AdminError::TooManyAgents { max: 3 };
    assert_eq!(refused(&mut rig, |rt, now| rt.bind(now, &numbered(3))), full);
    rig.rt.detach(rig.now, &ids[0]).unwrap();
    assert_eq!(refused(&mut rig, |rt, now| rt.bind(now, &numbered(3))), full, "one that is detached has its place");
    assert_eq!(rig.rt.bind(rig.now, &numbered(0)), Ok(ids[0]), "and may come back to it");
    rig.settle();
    rig.rt.unbind(rig.now, &ids[1]).unwrap();
    assert!(rig.rt.bind(rig.now, &numbered(3)).is_ok());
}

#[test]
fn channels_of_an_agent() {
    let mut rig = Rig::new(limited(|limits| limits.channels_per_agent = 2));
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|text| rig.bind(text));
    rig.open(&alice, &bob);
    let channel = rig.open(&alice, &bob);
    let full = AdminError::TooManyChannels { max: 2 };
    for (one, other) in [(alice, bob), (alice, carol), (carol, alice)] {
        assert_eq!(refused(&mut rig, |rt, now| rt.establish_channel(now, &one, &other, None)), full);
    }
    rig.rt.close_channel(rig.now, &channel).unwrap();
    assert!(rig.rt.establish_channel(rig.now, &carol, &alice, None).is_ok());
}

#[test]
fn messages_of_a_direction() {
    let (mut rig, alice, bob, channel) = Rig::pair(limited(|limits| limits.channel_items = 3));
    let send = |rt: &mut mfp_proto::runtime::Runtime, now| rt.send(now, alice, channel, Message::new(b"x"));
    for count in 0..3 {
        assert!(send(&mut rig.rt, rig.now).is_ok(), "{count}");
    }
    let first = delivery(&rig.settle());
    assert_eq!(refused(&mut rig, send), SendError::Full);
    assert_eq!(rig.rt.stats().refused_full, 1);
    assert!(rig.rt.send(rig.now, bob, channel, Message::new(b"x")).is_ok(), "the other direction has its own");
    rig.processed(&first, Outcome::Done);
    assert!(send(&mut rig.rt, rig.now).is_ok());
    rig.settle();
    assert_eq!(refused(&mut rig, send), SendError::Full);
}

#[test]
fn bytes_of_an_inbox() {
    let config = limited(|limits| (limits.payload, limits.inbox_bytes) = (60, 100));
    let (mut rig, alice, bob, channel) = Rig::pair(config);
    let carol = rig.bind("carol");
    let other = rig.open(&carol, &bob);
    rig.send(alice, channel, Message::new(&[0; 60]));
    let first = delivery(&rig.settle());
    // All channels of the receiver together.
    assert_eq!(refused(&mut rig, |rt, now| rt.send(now, carol, other, Message::new(&[0; 41]))), SendError::Full);
    rig.send(carol, other, Message::new(&[0; 40]));
    rig.settle();
    assert_eq!(refused(&mut rig, |rt, now| rt.send(now, alice, channel, Message::new(&[0]))), SendError::Full);
    assert_eq!(rig.rt.agent(&bob).unwrap().inbox_bytes, 100);
    rig.processed(&first, Outcome::Done);
    rig.send(alice, channel, Message::new(&[0; 60]));
}

#[test]
fn requests() {
    let (mut rig, alice, bob, channel) = Rig::pair(limited(|limits| limits.requests = 2));
    let ask = |rt: &mut mfp_proto::runtime::Runtime, now| {
        rt.send(now, alice, channel, Message::new(b"?").answer_within(Duration::from_secs(1)))
    };
    for count in 0..2 {
        assert!(ask(&mut rig.rt, rig.now).is_ok(), "{count}");
    }
    let question = delivery(&rig.settle());
    assert_eq!(refused(&mut rig, ask), SendError::Full);
    rig.send(bob, channel, Message::new(b"!").reply_to(question.message));
    rig.settle();
    assert!(ask(&mut rig.rt, rig.now).is_ok(), "one is answered");
    rig.settle();
    assert_eq!(refused(&mut rig, ask), SendError::Full);
    rig.wait(Duration::from_secs(1));
    assert!(ask(&mut rig.rt, rig.now).is_ok(), "the others were not, in time");
}

#[test]
fn no_requests_at_all() {
    let (mut rig, alice, _, channel) = Rig::pair(limited(|limits| limits.requests = 0));
    let ask = Message::new(b"?").answer_within(Duration::from_secs(1));
    assert_eq!(refused(&mut rig, |rt, now| rt.send(now, alice, channel, ask)), SendError::Full);
    rig.send(alice, channel, Message::new(b"x"));
}

/// Sends a message and lets every attempt at it fail.
fn bury(rig: &mut Rig, from: mfp_proto::id::AgentId, channel: mfp_proto::id::ChannelId) -> Vec<Event> {
    rig.send(from, channel, Message::new(b"x"));
    let mut effects = rig.settle();
    for _ in 0..rig.rt.config().delivery.max_attempts.get() {
        while crate::rig::deliveries(&effects).is_empty() {
            effects = rig.wait_for_deadline().unwrap();
        }
        effects = rig.processed(&delivery(&effects), Outcome::Failed);
    }
    events(&effects).into_iter().filter(|event| !matches!(event, Event::HandlerFailed { .. })).collect()
}

#[test]
fn dead_letters() {
    for max in [0, 1, 2] {
        let (mut rig, alice, _, channel) = Rig::pair(limited(|limits| limits.dead_letters = max));
        let mut kept = std::collections::VecDeque::new();
        for _ in 0..4 {
            let told = bury(&mut rig, alice, channel);
            let Some(Event::DeadLettered { message, .. }) = told.first() else { panic!("{told:?}") };
            kept.push_back(*message);
            let dropped = if kept.len() > max as usize { kept.pop_front() } else { None };
            let expected: Vec<_> = dropped.map(|message| Event::DeadLetterDropped { message }).into_iter().collect();
            assert_eq!(told[1..], expected, "the oldest goes, and is told of");
            assert!(rig.rt.dead_letters().map(|letter| letter.message.id).eq(kept.iter().copied()));
            assert!(rig.rt.dead_letters().eq(&rig.store.load().unwrap().dead_letters));
        }
    }
}

#[test]
fn a_dead_letter_waits_for_room() {
    let (mut rig, alice, _, channel) = Rig::pair(limited(|limits| limits.channel_items = 1));
    bury(&mut rig, alice, channel);
    let letter = rig.rt.dead_letters().next().unwrap().message.id;
    rig.send(alice, channel, Message::new(b"x"));
    let other = delivery(&rig.settle());
    assert_eq!(refused(&mut rig, |rt, now| rt.retry_dead_letter(now, &letter)), AdminError::Full);
    rig.processed(&other, Outcome::Done);
    rig.rt.retry_dead_letter(rig.now, &letter).unwrap();
    let again = delivery(&rig.settle());
    assert_eq!((again.message, again.attempt()), (letter, 1), "with all its attempts");
    assert_eq!(rig.rt.dead_letters().count(), 0);
}
