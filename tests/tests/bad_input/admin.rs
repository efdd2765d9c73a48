//! Calls that the state of an agent or a channel does not permit.

use mfp_proto::agents::{AgentState, Forbidden, ToolError, Transition};
use mfp_proto::config::Config;
use mfp_proto::frame::Depth;
use mfp_proto::id::AgentName;
use mfp_proto::runtime::{AdminError, Message, SendError};

use super::refused;
use crate::rig::{Rig, name};

fn forbidden(state: AgentState, transition: Transition) -> AdminError {
    AdminError::Forbidden(Forbidden { state, transition })
}

#[test]
fn of_an_agent_that_is_not_durable_yet() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    let early = rig.rt.bind(rig.now, &name("early")).unwrap();
    rig.poll();
    let error = refused(&mut rig, |rt, now| rt.quarantine_agent(now, &early));
    assert_eq!(error, forbidden(AgentState::Binding, Transition::Quarantine));
    assert_eq!(refused(&mut rig, |rt, now| rt.restore_agent(now, &early)), AdminError::NotQuarantined);
    for (one, other) in [(early, alice), (alice, early)] {
        let error = refused(&mut rig, |rt, now| rt.establish_channel(now, &one, &other, None));
        assert_eq!(error, forbidden(AgentState::Binding, Transition::Open));
    }
    assert_eq!(refused(&mut rig, |rt, _| rt.status(&early)), ToolError::NotBound);
    assert_eq!(refused(&mut rig, |rt, _| rt.channels(&early)), ToolError::NotBound);
    let error = refused(&mut rig, |rt, now| rt.send(now, early, channel, Message::new(b"x")));
    assert_eq!(error, SendError::Tool(ToolError::NotBound));
    assert_eq!(refused(&mut rig, |rt, now| rt.bind(now, &name("early"))), AdminError::NameTaken);
}

#[test]
fn of_a_quarantined_agent() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    rig.rt.quarantine_agent(rig.now, &alice).unwrap();
    rig.settle();
    assert_eq!(refused(&mut rig, |rt, now| rt.quarantine_agent(now, &alice)), AdminError::AlreadyQuarantined);
    let error = refused(&mut rig, |rt, now| rt.unbind(now, &alice));
    assert_eq!(error, forbidden(AgentState::Quarantined, Transition::Unbind), "that would be a way round it");
    for (one, other) in [(alice, bob), (bob, alice)] {
        let error = refused(&mut rig, |rt, now| rt.establish_channel(now, &one, &other, None));
        assert_eq!(error, forbidden(AgentState::Quarantined, Transition::Open));
    }
    // Every tool is answered alike, whatever else is wrong with the call.
    assert_eq!(refused(&mut rig, |rt, _| rt.status(&alice)), ToolError::Quarantined);
    assert_eq!(refused(&mut rig, |rt, _| rt.channels(&alice)), ToolError::Quarantined);
    for (channel, payload) in [(channel, &b"x"[..]), (channel, b""), ([0; 16].into(), b"x")] {
        let error = refused(&mut rig, |rt, now| rt.send(now, alice, channel, Message::new(payload)));
        assert_eq!(error, SendError::Tool(ToolError::Quarantined));
    }
    let error = refused(&mut rig, |rt, now| rt.send(now, bob, channel, Message::new(b"x")));
    assert_eq!(error, SendError::ChannelFrozen);
    assert_eq!(refused(&mut rig, |rt, now| rt.restore_agent(now, &bob)), AdminError::NotQuarantined);
}

#[test]
fn of_a_quarantined_channel() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    assert_eq!(refused(&mut rig, |rt, now| rt.restore_channel(now, &channel)), AdminError::NotQuarantined);
    rig.rt.quarantine_channel(rig.now, &channel).unwrap();
    rig.settle();
    assert_eq!(refused(&mut rig, |rt, now| rt.quarantine_channel(now, &channel)), AdminError::AlreadyQuarantined);
    for agent in [alice, bob] {
        let error = refused(&mut rig, |rt, now| rt.send(now, agent, channel, Message::new(b"x")));
        assert_eq!(error, SendError::ChannelFrozen);
    }
    // It is not the agent's quarantine, and that of the agent is not the channel's.
    assert_eq!(refused(&mut rig, |rt, now| rt.restore_agent(now, &alice)), AdminError::NotQuarantined);
    rig.rt.quarantine_agent(rig.now, &alice).unwrap();
    rig.rt.restore_channel(rig.now, &channel).unwrap();
    rig.settle();
    let error = refused(&mut rig, |rt, now| rt.send(now, bob, channel, Message::new(b"x")));
    assert_eq!(error, SendError::ChannelFrozen);
}

#[test]
fn names_and_ends() {
    let (mut rig, alice, _, _) = Rig::pair(Config::default());
    assert_eq!(refused(&mut rig, |rt, now| rt.bind(now, &name("alice"))), AdminError::NameTaken);
    let error = refused(&mut rig, |rt, now| rt.establish_channel(now, &alice, &alice, None));
    assert_eq!(error, AdminError::SameAgent);
    for bad in [String::new(), "x".repeat(65), "ü".repeat(33)] {
        assert!(AgentName::new(&bad).is_err());
    }
    for bad in [0, 1, 33, u8::MAX] {
        assert!(Depth::new(bad).is_err(), "{bad}");
    }
    for good in [Depth::MIN, Depth::MAX] {
        let bob = rig.rt.agent_by_name(&name("bob")).unwrap();
        let channel = rig.rt.establish_channel(rig.now, &alice, &bob, Some(good)).unwrap();
        rig.settle();
        rig.send(alice, channel, Message::new(b"x"));
        assert_eq!(crate::rig::deliveries(&rig.settle()).len(), 1);
    }
}
