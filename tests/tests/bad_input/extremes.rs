//! Any valid configuration, the largest numbers that a store can hold, and any time: nothing panics, and it comes to rest.

use std::sync::Arc;

use mfp_proto::config::Config;
use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, ChannelId, Identity, MessageId, StoreId};
use mfp_proto::local::StageError;
use mfp_proto::runtime::{CommitFailed, DeliveryId, Effect, LoadError, Message, Outcome, Runtime, SendError};
use mfp_proto::store::{AgentRecord, ChannelRecord, MessageRecord, RuntimeRecord, Side, Snapshot};
use mfp_proto::testing::{OwnedMessage, strategy};
use mfp_proto::time::Instant;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::property;
use crate::rig::name;

fn start(config: Config, snapshot: Snapshot) -> Result<Runtime, LoadError> {
    Runtime::new(config, Identity::new([1; 32], "dep", "inst").unwrap(), [2; 32], Instant::ZERO, snapshot)
}

/// Two agents and a channel whose numbers are used up but for `left`.
fn used_up(left: u64) -> (Snapshot, [AgentId; 2], ChannelId) {
    let (agents, channel) = ([[1; 32].into(), [2; 32].into()], [3; 16].into());
    let mut snapshot = Snapshot::default();
    snapshot.runtime = Some(RuntimeRecord { store_id: StoreId::from_bytes([4; 16]), agent_counter: u64::MAX - left });
    let record = |(id, text)| AgentRecord { id, name: name(text), quarantined: false };
    snapshot.agents = agents.into_iter().zip(["alice", "bob"]).map(record).collect();
    let q = u64::MAX - left;
    snapshot.channels = vec![ChannelRecord { id: channel, agents, depth: Depth::MIN, quarantined: false, q }];
    (snapshot, agents, channel)
}

#[test]
fn numbers_that_are_used_up() {
    let (snapshot, [alice, _], channel) = used_up(1);
    let mut rt = start(Config::default(), snapshot).unwrap();
    assert!(rt.send(Instant::ZERO, alice, channel, Message::new(b"the last")).is_ok());
    let error = rt.send(Instant::ZERO, alice, channel, Message::new(b"one more"));
    assert_eq!(error, Err(SendError::Stage(StageError::StepsExhausted)));
    for text in ["carol", "dave"] {
        assert!(rt.bind(Instant::ZERO, &name(text)).is_ok(), "ids are random too");
    }
}

#[test]
fn a_direction_with_more_messages_than_any_limit() {
    for (count, loads) in [(u32::from(u16::MAX), true), (u32::from(u16::MAX) + 1, false)] {
        let (mut snapshot, _, channel) = used_up(0);
        let payload = Arc::from([0]);
        let message = |q: u32| MessageRecord {
            channel,
            from: Side::First,
            q: u64::from(q),
            id: MessageId::from_bytes([0; 16]),
            reply_to: None,
            meta: None,
            attempts: 0,
            payload: Arc::clone(&payload),
        };
        snapshot.messages = (1..=count).map(message).collect();
        let loaded = start(Config::default(), snapshot).map(|_| ());
        assert_eq!(loaded, if loads { Ok(()) } else { Err(LoadError::BadMessage) });
    }
}

#[derive(Clone, Debug)]
enum Call {
    Bind(u8),
    Detach(Index),
    Terminate(Index),
    Quarantine(Index),
    Restore(Index),
    Establish(Index, Index),
    Close(Index),
    Send(Index, Box<OwnedMessage>),
    Processed(Index, Outcome),
    Retry(Index),
    Timeout,
    Persisted(Result<(), CommitFailed>),
    Shutdown,
}

fn call() -> impl Strategy<Value = Call> {
    let index = any::<Index>;
    prop_oneof![
        2 => (0..4_u8).prop_map(Call::Bind),
        1 => index().prop_map(Call::Detach),
        1 => index().prop_map(Call::Terminate),
        1 => index().prop_map(Call::Quarantine),
        1 => index().prop_map(Call::Restore),
        2 => (index(), index()).prop_map(|(one, other)| Call::Establish(one, other)),
        1 => index().prop_map(Call::Close),
        6 => (index(), strategy::message(1..40)).prop_map(|(at, message)| Call::Send(at, Box::new(message))),
        4 => (index(), strategy::outcome()).prop_map(|(at, outcome)| Call::Processed(at, outcome)),
        1 => index().prop_map(Call::Retry),
        3 => Just(Call::Timeout),
        6 => strategy::persisted().prop_map(Call::Persisted),
        1 => Just(Call::Shutdown),
    ]
}

/// Makes a call, whatever comes of it.
fn make(rt: &mut Runtime, now: Instant, call: &Call, (deliveries, batches): (&[DeliveryId], &mut Vec<Batch>)) {
    let agents: Vec<_> = rt.agents().map(|agent| agent.id).chain([[0; 32].into()]).collect();
    let channels: Vec<_> = rt.all_channels().chain([([0; 16].into(), [[0; 32].into(); 2])]).collect();
    let letters: Vec<_> = rt.dead_letters().map(|letter| letter.message.id).chain([[0; 16].into()]).collect();
    match call {
        Call::Bind(number) => drop(rt.bind(now, &name(&format!("agent-{number}")))),
        Call::Detach(at) => drop(rt.detach(now, at.get(&agents))),
        Call::Terminate(at) => drop(rt.terminate(now, at.get(&agents))),
        Call::Quarantine(at) => drop(rt.quarantine_agent(now, at.get(&agents))),
        Call::Restore(at) => drop(rt.restore_agent(now, at.get(&agents))),
        Call::Establish(one, other) => drop(rt.establish_channel(now, one.get(&agents), other.get(&agents), None)),
        Call::Close(at) => drop(rt.close_channel(now, &at.get(&channels).0)),
        Call::Send(at, message) => {
            let (channel, [agent, _]) = *at.get(&channels);
            let _ = rt.send(now, agent, channel, message.borrow());
        }
        Call::Processed(_, _) if deliveries.is_empty() => {}
        Call::Processed(at, outcome) => drop(rt.handle_processed(now, *at.get(deliveries), *outcome)),
        Call::Retry(at) => drop(rt.retry_dead_letter(now, at.get(&letters))),
        Call::Timeout => rt.handle_timeout(now),
        Call::Persisted(result) => batches.drain(..).for_each(|batch| rt.handle_persisted(now, batch, *result)),
        Call::Shutdown => rt.shutdown(now),
    }
}

type Batch = mfp_proto::runtime::BatchId;

/// The greatest numbers that a record can hold.
fn exhaust(snapshot: &mut Snapshot, numbers: bool, attempts: bool) {
    if let Some(record) = snapshot.runtime.as_mut().filter(|_| numbers) {
        record.agent_counter = u64::MAX - 1;
    }
    for channel in snapshot.channels.iter_mut().filter(|_| numbers) {
        channel.q = u64::MAX - 1;
    }
    for message in snapshot.messages.iter_mut().filter(|_| attempts) {
        message.attempts = u16::MAX;
    }
}

proptest! {
    #![proptest_config(property!(256, "bad_input"))]

    #[test]
    fn nothing_panics_and_it_comes_to_rest(
        config in strategy::config(),
        mut snapshot in strategy::snapshot(0..6),
        numbers in any::<bool>(),
        attempts in any::<bool>(),
        calls in vec((call(), strategy::instant()), 0..60),
    ) {
        exhaust(&mut snapshot, numbers, attempts);
        let mut rt = start(config, snapshot.clone()).unwrap();
        let (mut deliveries, mut batches) = (Vec::new(), Vec::new());
        for (call, now) in &calls {
            make(&mut rt, *now, call, (&deliveries, &mut batches));
            let mut effects = 0;
            while let Some(effect) = rt.poll_effect() {
                effects += 1;
                prop_assert!(effects < 10_000, "it does not come to rest");
                match effect {
                    Effect::Persist(batch) => batches.push(batch.id),
                    Effect::Deliver(delivery) => deliveries.push(delivery.id),
                    Effect::Load => prop_assert_eq!(rt.handle_loaded(*now, snapshot.clone()), Ok(())),
                    _ => {}
                }
            }
            prop_assert_eq!(rt.global_state(), rt.global_state());
        }
    }
}
