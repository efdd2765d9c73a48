use std::collections::BTreeMap;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::frame::distribution_seed;
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::local::{Channel, Pipeline, StageError, Step};
use mfp_proto::merkle::{GrowingTrie, Leaf, LeafId};
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::{depth, frame};

/// The channels of a case, and the global state over them.
struct Channels {
    pipeline: Pipeline,
    open: BTreeMap<ChannelId, (Channel, Leaf)>,
    global: GrowingTrie,
}

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    BACK_ENDS.iter().try_for_each(|back_end| conversation(case, *back_end))
}

fn conversation(case: &Case<'_>, aead: &'static dyn Aead) -> Result<(), Failure> {
    let suite = Suite::from_number(case.integer("suite")?);
    let suite = suite.ok_or_else(|| case.field_failure("suite", "is no suite"))?;
    let pipeline = Pipeline { aead, suite, max_payload: u32::MAX, quarantine_after: 0 };
    let mut channels = Channels { pipeline, open: BTreeMap::new(), global: GrowingTrie::new() };
    let (boot, depth) = (HmacKey::new(&case.array::<32>("boot")?), depth(case, "k")?);
    case.each("channels", |recorded| {
        let id = ChannelId::from(recorded.array("channel_id")?);
        let (one, other) = (AgentId::from(recorded.array("agent1")?), AgentId::from(recorded.array("agent2")?));
        let channel = Channel::new(&boot, id, &one, &other, depth);
        recorded.expect("Sl0", channel.state().expose_secret())?;
        let leaf = channels.global.insert(LeafId::Channel(id), channel.state().expose_secret());
        let leaf = leaf.map_err(|error| recorded.failure(&error.to_string()))?;
        channels.open.insert(id, (channel, leaf));
        recorded.expect("Sg_after_open", &channels.global.root())
    })?;
    case.each("steps", |step| channels.exchange(step))
}

impl Channels {
    fn exchange(&mut self, recorded: &Case<'_>) -> Result<(), Failure> {
        let pipeline = self.pipeline;
        let sg = self.global.root();
        let entry = self.open.get_mut(&ChannelId::from(recorded.array("channel_id")?));
        let (channel, leaf) = entry.ok_or_else(|| recorded.field_failure("channel_id", "is no channel of the case"))?;
        let jitter = frame(recorded, "jitter", channel.depth())?;
        let step = channel.frame(&pipeline, &sg, |buf| buf.copy_from_slice(&jitter));
        recorded.expect("frame", step.frame())?;
        if recorded.has("reject") {
            rejected(recorded, &pipeline, channel, &step)?;
        } else {
            recorded.expect("Sg", &sg)?;
            let mut at_once = channel.clone();
            accepted(recorded, &pipeline, channel, &step)?;
            transferred(recorded, &pipeline, &mut at_once, &sg, &jitter)?;
            recorded.require(at_once == *channel, "Sl_after", "differs when all stages run as one")?;
        }
        recorded.expect("Sl_after", channel.state().expose_secret())?;
        recorded.expect_integer("t_after", channel.t())?;
        let updated = self.global.update(*leaf, channel.state().expose_secret());
        updated.map_err(|error| recorded.failure(&error.to_string()))?;
        recorded.expect("Sg_after", &self.global.root())
    }
}

/// The recorded message is refused by the recorded check, and nothing moves.
fn rejected(recorded: &Case<'_>, pipeline: &Pipeline, channel: &mut Channel, step: &Step) -> Result<(), Failure> {
    let before: (Secret, u64) = (channel.state().clone(), channel.t());
    let check = match channel.open(pipeline, step, &mut recorded.bytes("message")?) {
        Ok(_) => "none",
        Err(StageError::FrameOpen) => "frame_open",
        Err(StageError::FrameClose) => "frame_close",
        Err(StageError::Aead) => "aead",
        Err(_) => "another",
    };
    recorded.expect_text("reject", check)?;
    recorded.require((channel.state(), channel.t()) == (&before.0, before.1), "reject", "changed the state")
}

/// Stage by stage: what each makes is what is recorded. The recorded message is the one that is opened.
fn accepted(recorded: &Case<'_>, pipeline: &Pipeline, channel: &mut Channel, step: &Step) -> Result<(), Failure> {
    let failed = |error: StageError| recorded.failure(&error.to_string());
    recorded.expect("Sl", channel.state().expose_secret())?;
    recorded.expect_integer("t", channel.t())?;
    let state = HmacKey::new(channel.state().expose_secret());
    let ds = distribution_seed(&state, channel.t(), &[&recorded.array::<32>("Sg")?, &[]]);
    recorded.expect("ds", ds.expose_secret())?;
    recorded.expect("K", step.key().expose_secret())?;
    recorded.expect("nonce", step.nonce())?;
    recorded.expect("aad", step.aad())?;
    let payload = recorded.bytes("payload")?;
    channel.accept(pipeline, payload.len()).map_err(failed)?;
    let mut message = unsealed(channel, &payload);
    step.seal(pipeline, &mut message).map_err(failed)?;
    recorded.expect("message", &message)?;
    let mut message = recorded.bytes("message")?;
    let range = channel.open(pipeline, step, &mut message).map_err(failed)?;
    recorded.expect("payload", message.get(range).unwrap_or_default())
}

/// All stages in one call.
fn transferred(
    recorded: &Case<'_>,
    pipeline: &Pipeline,
    channel: &mut Channel,
    sg: &[u8; 32],
    jitter: &[u8],
) -> Result<(), Failure> {
    let mut message = unsealed(channel, &recorded.bytes("payload")?);
    let range = channel.transfer(pipeline, sg, |buf| buf.copy_from_slice(jitter), &mut message);
    let range = range.map_err(|error| recorded.failure(&error.to_string()))?;
    recorded.expect("payload", message.get(range).unwrap_or_default())
}

/// A buffer for a message with the payload in its place.
fn unsealed(channel: &Channel, payload: &[u8]) -> Vec<u8> {
    let open = vec![0; channel.depth().frame_len()];
    let mut message = [&open, payload].concat();
    message.resize(channel.message_len(payload.len()), 0);
    message
}
