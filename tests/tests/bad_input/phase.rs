//! Every call while a load is awaited, and while shutting down.

use mfp_proto::agents::{AgentState, ToolError};
use mfp_proto::config::Config;
use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::{AdminError, Delivery, LoadError, Message, Outcome, Runtime, SendError, UnknownDelivery};
use mfp_proto::store::Snapshot;
use mfp_proto::time::Instant;

use super::refused;
use crate::rig::{Rig, delivery, name};

/// What the calls are made with.
struct Names {
    agents: [AgentId; 2],
    channel: ChannelId,
    letter: MessageId,
    delivery: Delivery,
}

type Call = fn(&mut Runtime, Instant, &Names) -> Result<(), AdminError>;

/// Calls that take new work.
const WORK: [Call; 4] = [
    |rt, now, _| rt.bind(now, &name("carol")).map(|_| ()),
    |rt, now, names| rt.establish_channel(now, &names.agents[0], &names.agents[1], None).map(|_| ()),
    |rt, now, names| rt.retry_dead_letter(now, &names.letter),
    |rt, now, names| rt.purge_dead_letter(now, &names.letter),
];

/// Calls that end something, or change who may do it.
const ORDER: [Call; 8] = [
    |rt, now, names| rt.detach(now, &names.agents[0]),
    |rt, now, names| rt.quarantine_agent(now, &names.agents[0]),
    |rt, now, names| rt.restore_agent(now, &names.agents[0]),
    |rt, now, names| rt.quarantine_channel(now, &names.channel),
    |rt, now, names| rt.restore_channel(now, &names.channel),
    |rt, now, names| rt.close_channel(now, &names.channel),
    |rt, now, names| rt.unbind(now, &names.agents[0]),
    |rt, now, names| rt.terminate(now, &names.agents[1]),
];

fn rig() -> (Rig, Names) {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    let other = rig.open(&alice, &bob);
    rig.send(alice, other, Message::new(b"x"));
    let letter = delivery(&rig.settle()).message;
    rig.rt.close_channel(rig.now, &other).unwrap();
    rig.settle();
    rig.send(alice, channel, Message::new(b"x"));
    let delivery = delivery(&rig.settle());
    (rig, Names { agents: [alice, bob], channel, letter, delivery })
}

#[test]
fn while_a_load_is_awaited_nothing_is_taken() {
    let (mut rig, names) = rig();
    rig.rt.bind(rig.now, &name("lost")).unwrap();
    rig.fail(0);
    for call in WORK.into_iter().chain(ORDER) {
        assert_eq!(refused(&mut rig, |rt, now| call(rt, now, &names)), AdminError::Reloading);
    }
    let [alice, _] = names.agents;
    for message in [Message::new(b"x"), Message::new(b""), Message::new(b"x").reply_to(names.letter)] {
        let error = refused(&mut rig, |rt, now| rt.send(now, alice, names.channel, message));
        assert_eq!(error, SendError::Reloading);
    }
    for outcome in [Outcome::Done, Outcome::Failed] {
        let error = refused(&mut rig, |rt, now| rt.handle_processed(now, names.delivery.id, outcome));
        assert_eq!(error, UnknownDelivery);
    }
    // Contradictory snapshots are refused, and the load is still awaited.
    let mut bad = Snapshot::default();
    bad.agents.push(mfp_proto::store::AgentRecord { id: alice, name: name("alice"), quarantined: false });
    let error = refused(&mut rig, |rt, now| rt.handle_loaded(now, bad));
    assert_eq!(error, LoadError::NoRuntimeRecord);
    assert_eq!(refused(&mut rig, |rt, now| rt.bind(now, &name("carol"))), AdminError::Reloading);
    rig.load();
    assert_eq!(rig.rt.status(&alice).unwrap().state, AgentState::Active);
    let again = refused(&mut rig, |rt, now| rt.handle_loaded(now, Snapshot::default()));
    assert_eq!(again, LoadError::NotAsked);
}

#[test]
fn while_shutting_down_only_answers_are_sent() {
    let (mut rig, names) = rig();
    // Somebody else is busy all the while, so that it does not end.
    let others = ["erin", "frank"].map(|text| rig.bind(text));
    let busy = rig.open(&others[0], &others[1]);
    rig.send(others[0], busy, Message::new(b"x"));
    rig.settle();
    rig.rt.shutdown(rig.now);
    let [alice, bob] = names.agents;
    for call in WORK {
        assert_eq!(refused(&mut rig, |rt, now| call(rt, now, &names)), AdminError::ShuttingDown);
    }
    let send = |message| move |rt: &mut Runtime, now| rt.send(now, bob, names.channel, message);
    assert_eq!(refused(&mut rig, send(Message::new(b"x"))), SendError::ShuttingDown);
    let answer = Message::new(b"!").reply_to(names.delivery.message);
    assert!(send(answer)(&mut rig.rt, rig.now).is_ok());
    let answer = delivery(&rig.settle());
    assert_eq!(answer.reply_to, Some(names.delivery.message));
    assert!(rig.rt.status(&alice).is_ok());
    rig.processed(&answer, Outcome::Done);
    // Whoever wants to end something still can.
    for call in ORDER {
        assert_eq!(call(&mut rig.rt, rig.now, &names), Ok(()));
        rig.settle();
    }
    assert_eq!(rig.rt.agents().count(), 2);
}

#[test]
fn once_stopped_not_even_answers() {
    let (mut rig, names) = rig();
    rig.rt.shutdown(rig.now);
    rig.processed(&names.delivery, Outcome::Done);
    let [_, bob] = names.agents;
    let answer = Message::new(b"!").reply_to(names.delivery.message);
    assert_eq!(refused(&mut rig, |rt, now| rt.send(now, bob, names.channel, answer)), SendError::ShuttingDown);
    for call in WORK.into_iter().chain(ORDER) {
        assert_eq!(refused(&mut rig, |rt, now| call(rt, now, &names)), AdminError::ShuttingDown);
    }
    rig.rt.shutdown(rig.now);
    assert!(rig.settle().is_empty(), "once is enough");
    assert_eq!(refused(&mut rig, |rt, _| rt.channels(&[9; 32].into())), ToolError::UnknownAgent);
}
