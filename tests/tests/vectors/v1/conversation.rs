use std::collections::BTreeMap;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::Suite;
use mfp_proto::crypto::hash::{HmacKey, sha256};
use mfp_proto::encoding::{encoding_key, local_aad, local_nonce};
use mfp_proto::frame::{Depth, distribution_seed, mirror_into, sample};
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::ratchet;
use mfp_tests::aead::{BACK_ENDS, Context};
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::depth;

/// One conversation: its depth, the global state before the next message, and Sl and t of each channel.
struct Conversation {
    depth: Depth,
    global_state: [u8; 32],
    channels: BTreeMap<ChannelId, (Secret, u64)>,
}

/// Everything but the global state, whose formula version 2 replaces: the recorded values are fed in.
pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let identity = sha256(&[&case.bytes("deployment_id")?, &case.bytes("instance_id")?]);
    case.expect("identity", &identity)?;
    let agents = agents(case, &identity)?;
    let mut conversation = Conversation {
        depth: depth(case, "depth")?,
        global_state: case.array("initial_sg")?,
        channels: BTreeMap::new(),
    };
    let [one, other] = &agents;
    case.each("channels", |channel| {
        let id = ChannelId::from(channel.array("channel_id")?);
        let seed = ratchet::seed(&HmacKey::new(&identity), one, other, &id);
        channel.expect("seed", seed.expose_secret())?;
        conversation.channels.insert(id, (seed, 0));
        Ok(())
    })?;
    case.each("messages", |message| exchange(message, &mut conversation))
}

/// The two agents, by version 1's formula; that of version 2 has a label in front.
fn agents(case: &Case<'_>, identity: &[u8; 32]) -> Result<[AgentId; 2], Failure> {
    let suffixes = case.byte_strings("agent_suffixes")?;
    let [first, second] = suffixes.as_slice() else {
        return Err(case.field_failure("agent_suffixes", "are not two"));
    };
    let agent = |counter: u64, suffix: &[u8]| sha256(&[identity, &counter.to_be_bytes(), suffix]);
    let agents = [agent(1, first), agent(2, second)];
    case.expect("agent_1", &agents[0])?;
    case.expect("agent_2", &agents[1])?;
    Ok(agents.map(AgentId::from))
}

fn exchange(message: &Case<'_>, conversation: &mut Conversation) -> Result<(), Failure> {
    let sender: u8 = message.integer("from")?;
    message.require(matches!(sender, 1 | 2), "from", "is neither agent")?;
    let id = ChannelId::from(message.array("channel_id")?);
    let channel = conversation.channels.get_mut(&id);
    let (state, t) = channel.ok_or_else(|| message.field_failure("channel_id", "is no channel of the case"))?;
    let local_state = HmacKey::new(state.expose_secret());

    let mut frame = message.byte_strings("jitter")?.concat();
    let frame_len = conversation.depth.frame_len();
    message.require(frame.len() == frame_len, "jitter", "has not the length of a frame")?;
    sample(&distribution_seed(&local_state, *t, &[&conversation.global_state, &[]]), &mut frame);
    let mut close = vec![0; frame_len];
    mirror_into(&frame, &mut close);

    let key = encoding_key(&local_state, Suite::Aes256Gcm);
    let nonce = local_nonce(&key, &id, *t);
    let context = Context { suite: Suite::Aes256Gcm, key, nonce, aad: local_aad(&id, *t).to_vec() };
    let payload = message.bytes("payload")?;
    for back_end in BACK_ENDS {
        let body = context.seal(back_end, &payload).map_err(|error| message.failure(&error.to_string()))?;
        message.expect("message", &[frame.as_slice(), &body, &close].concat())?;
        let opened = context.open(back_end, &body);
        message.require(opened.as_ref() == Ok(&payload), "payload", &format!("is lost by {}", back_end.name()))?;
    }

    *state = ratchet::advance(&local_state, &frame);
    *t += 1;
    message.expect("local_state_after", state.expose_secret())?;
    message.expect_integer("step_after", *t)?;
    conversation.global_state = message.array("sg_after")?;
    Ok(())
}
