//! Conversations inside one runtime: channels of version 2 with the ids and the global state of version 1.

use std::collections::BTreeMap;

use mfp_proto::crypto::aead::{Aead, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::legacy::identity::{agent_id, runtime_id};
use mfp_proto::local::{Channel, Pipeline};
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use super::global::root;
use super::ids::runtime;
use crate::vectors::depth;

struct Conversation {
    pipeline: Pipeline,
    channels: BTreeMap<ChannelId, Channel>,
}

impl Conversation {
    fn global_state(&self, case: &Case<'_>) -> Result<[u8; 32], Failure> {
        let states = self.channels.iter().map(|(id, channel)| (id, channel.state()));
        root(states).ok_or_else(|| case.failure("has no channel"))
    }
}

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    BACK_ENDS.into_iter().try_for_each(|aead| check_with(case, aead))
}

fn check_with(case: &Case<'_>, aead: &'static dyn Aead) -> Result<(), Failure> {
    let identity = runtime_id(&case.bytes("deployment_id")?, &case.bytes("instance_id")?);
    let identity = identity.map_err(|error| case.failure(&error.to_string()))?;
    case.require(identity == runtime(case, "identity")?, "identity", "differs")?;
    let pipeline = Pipeline { aead, suite: Suite::Aes256Gcm, max_payload: 1 << 20, quarantine_after: 0 };
    let mut conversation = Conversation { pipeline, channels: BTreeMap::new() };
    let (agents, depth) = (agents(case)?, depth(case, "depth")?);
    case.each("channels", |channel| {
        let id = ChannelId::from(channel.array("channel_id")?);
        let new = Channel::new(&HmacKey::new(identity.as_bytes()), id, &agents[0], &agents[1], depth);
        channel.expect("seed", new.state().expose_secret())?;
        conversation.channels.insert(id, new);
        Ok(())
    })?;
    case.expect("initial_sg", &conversation.global_state(case)?)?;
    case.each("messages", |message| exchange(message, &mut conversation))
}

fn agents(case: &Case<'_>) -> Result<[AgentId; 2], Failure> {
    let (identity, suffixes) = (runtime(case, "identity")?, case.byte_strings("agent_suffixes")?);
    let wrong = || case.field_failure("agent_suffixes", "are not two of 8 bytes");
    let [first, second] = suffixes.as_slice() else { return Err(wrong()) };
    let agent = |counter, suffix: &[u8]| {
        suffix.try_into().map(|suffix| agent_id(&identity, counter, suffix)).map_err(|_| wrong())
    };
    let agents = [agent(1, first)?, agent(2, second)?];
    case.expect("agent_1", agents[0].as_bytes())?;
    case.expect("agent_2", agents[1].as_bytes())?;
    Ok(agents)
}

fn exchange(message: &Case<'_>, conversation: &mut Conversation) -> Result<(), Failure> {
    let sender: u8 = message.integer("from")?;
    message.require(matches!(sender, 1 | 2), "from", "is neither agent")?;
    let sg = conversation.global_state(message)?;
    let Conversation { pipeline, channels } = conversation;
    let channel = channels.get_mut(&ChannelId::from(message.array("channel_id")?));
    let channel = channel.ok_or_else(|| message.field_failure("channel_id", "is no channel of the case"))?;

    let (payload, jitter) = (message.bytes("payload")?, message.byte_strings("jitter")?.concat());
    let frame_len = channel.depth().frame_len();
    message.require(jitter.len() == frame_len, "jitter", "has not the length of a frame")?;
    let step = channel.frame(pipeline, &sg, |frame| frame.copy_from_slice(&jitter));
    let mut buffer = vec![0; channel.message_len(payload.len())];
    for (to, from) in buffer.iter_mut().skip(frame_len).zip(&payload) {
        *to = *from;
    }
    step.seal(pipeline, &mut buffer).map_err(|error| message.failure(&error.to_string()))?;
    message.expect("message", &buffer)?;
    let opened = channel.open(pipeline, &step, &mut buffer).map_err(|error| message.failure(&error.to_string()))?;
    message.require(buffer.get(opened) == Some(&payload), "payload", "differs where it arrives")?;

    message.expect("local_state_after", channel.state().expose_secret())?;
    message.expect_integer("step_after", channel.t())?;
    message.expect("sg_after", &conversation.global_state(message)?)
}
