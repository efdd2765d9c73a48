//! Names that belong to nothing: never given, given by another runtime, or to what is gone.

use mfp_proto::agents::ToolError;
use mfp_proto::config::Config;
use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::{AdminError, CommitFailed, Effect, Message, Outcome, Runtime, SendError, UnknownDelivery};
use mfp_proto::time::Instant;

use super::{View, refused};
use crate::rig::{Rig, delivery, name};

/// Names of another runtime with the same content.
fn foreign() -> (AgentId, ChannelId) {
    // Under another seed, as any other runtime.
    let mut rig = Rig::new(Config::default());
    rig.restart();
    let (alice, bob) = (rig.bind("alice"), rig.bind("bob"));
    (alice, rig.open(&alice, &bob))
}

/// A rig with alice, bob and a channel, and names that mean nothing to it.
fn strangers() -> (Rig, [AgentId; 3], [ChannelId; 3]) {
    let (mut rig, alice, _, _) = Rig::pair(Config::default());
    let gone = rig.bind("gone");
    let closed = rig.open(&alice, &gone);
    rig.rt.terminate(rig.now, &gone).unwrap();
    rig.settle();
    let (agent, channel) = foreign();
    assert!(rig.rt.agent(&agent).is_none());
    let never = (AgentId::from_bytes([0; 32]), ChannelId::from_bytes([0; 16]));
    (rig, [never.0, agent, gone], [never.1, channel, closed])
}

#[test]
fn calls_on_agents() {
    type Call = fn(&mut Runtime, Instant, &AgentId) -> Result<(), AdminError>;
    let calls: [Call; 5] =
        [Runtime::detach, Runtime::unbind, Runtime::terminate, Runtime::quarantine_agent, Runtime::restore_agent];
    let (mut rig, agents, _) = strangers();
    for agent in agents {
        for call in calls {
            assert_eq!(refused(&mut rig, |rt, now| call(rt, now, &agent)), AdminError::UnknownAgent);
        }
        assert_eq!(refused(&mut rig, |rt, _| rt.status(&agent)), ToolError::UnknownAgent);
        assert_eq!(refused(&mut rig, |rt, _| rt.channels(&agent)), ToolError::UnknownAgent);
        assert!(rig.rt.agent(&agent).is_none());
    }
}

#[test]
fn calls_on_channels() {
    type Call = fn(&mut Runtime, Instant, &ChannelId) -> Result<(), AdminError>;
    let calls: [Call; 3] = [Runtime::close_channel, Runtime::quarantine_channel, Runtime::restore_channel];
    let (mut rig, _, channels) = strangers();
    for channel in channels {
        for call in calls {
            assert_eq!(refused(&mut rig, |rt, now| call(rt, now, &channel)), AdminError::UnknownChannel);
        }
    }
}

#[test]
fn opening_and_sending() {
    let (mut rig, agents, channels) = strangers();
    let alice = rig.rt.agent_by_name(&name("alice")).unwrap();
    let open = rig.rt.all_channels().next().unwrap().0;
    for agent in agents {
        for (one, other) in [(agent, alice), (alice, agent), (agent, agent)] {
            let error = refused(&mut rig, |rt, now| rt.establish_channel(now, &one, &other, None));
            assert_eq!(error, AdminError::UnknownAgent);
        }
        for channel in channels.into_iter().chain([open]) {
            let error = refused(&mut rig, |rt, now| rt.send(now, agent, channel, Message::new(b"x")));
            assert_eq!(error, SendError::Tool(ToolError::UnknownAgent));
        }
    }
    for channel in channels {
        let error = refused(&mut rig, |rt, now| rt.send(now, alice, channel, Message::new(b"x")));
        assert_eq!(error, SendError::UnknownChannel);
    }
}

#[test]
fn dead_letters() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"x"));
    let alive = delivery(&rig.settle()).message;
    for message in [MessageId::from_bytes([0; 16]), alive] {
        assert_eq!(refused(&mut rig, |rt, now| rt.retry_dead_letter(now, &message)), AdminError::UnknownDeadLetter);
        assert_eq!(refused(&mut rig, |rt, now| rt.purge_dead_letter(now, &message)), AdminError::UnknownDeadLetter);
    }
    rig.rt.close_channel(rig.now, &channel).unwrap();
    rig.settle();
    assert_eq!(refused(&mut rig, |rt, now| rt.retry_dead_letter(now, &alive)), AdminError::UnknownChannel);
    rig.rt.purge_dead_letter(rig.now, &alive).unwrap();
    rig.settle();
    assert_eq!(refused(&mut rig, |rt, now| rt.purge_dead_letter(now, &alive)), AdminError::UnknownDeadLetter);
}

#[test]
fn deliveries() {
    // One delivery of each way to end.
    let mut ends = Vec::new();
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"done"));
    ends.push(delivery(&rig.settle()));
    rig.processed(&ends[0], Outcome::Done);
    let other = rig.open(&alice, &bob);
    rig.send(alice, other, Message::new(b"closed"));
    ends.push(delivery(&rig.settle()));
    rig.rt.close_channel(rig.now, &other).unwrap();
    rig.settle();
    rig.send(bob, channel, Message::new(b"loaded"));
    ends.push(delivery(&rig.settle()));
    rig.bind("carol");
    rig.rt.bind(rig.now, &name("dave")).unwrap();
    rig.fail(0);
    rig.load();
    for delivery in &ends {
        for outcome in [Outcome::Done, Outcome::Failed] {
            let error = refused(&mut rig, |rt, now| rt.handle_processed(now, delivery.id, outcome));
            assert_eq!(error, UnknownDelivery, "{:?}", delivery.payload);
        }
    }
}

#[test]
fn batches() {
    let (mut rig, alice, bob, _) = Rig::pair(Config::default());
    let mut old = Vec::new();
    let mut collect = |rig: &mut Rig| {
        while let Some(effect) = rig.rt.poll_effect() {
            if let Effect::Persist(batch) = effect {
                rig.rt.handle_persisted(rig.now, batch.id, Ok(()));
                old.push(batch.id);
            }
        }
    };
    for _ in 0..3 {
        rig.rt.establish_channel(rig.now, &alice, &bob, None).unwrap();
        collect(&mut rig);
    }
    // Of a runtime that has gone further.
    let (mut stranger, alice, bob, _) = Rig::pair(Config::default());
    for _ in 0..9 {
        stranger.rt.establish_channel(stranger.now, &alice, &bob, None).unwrap();
        collect(&mut stranger);
    }
    let before = View::of(&mut rig);
    for id in old {
        for result in [Ok(()), Err(CommitFailed)] {
            rig.rt.handle_persisted(rig.now, id, result);
            assert!(rig.poll().is_empty());
            assert_eq!(View::of(&mut rig), before);
        }
    }
}
