//! A lane from both ends, and what is recorded of each step on the way.

use mfp_proto::crypto::aead::{Aead, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::{Secret, stream};
use mfp_proto::encoding::encoding_key;
use mfp_proto::frame::{distribution_seed, sample};
use mfp_proto::id::{ChannelId, SessionId};
use mfp_proto::link::lane::Parameters;
use mfp_proto::link::{Direction, FixedChannels, Lane, LaneKeys};
use mfp_proto::wire::HEADER_LEN;
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::depth;

type TestLane = Lane<FixedChannels<4>>;
type Binds = Vec<(ChannelId, [u8; 32])>;

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let binds = binds(case)?;
    BACK_ENDS.iter().try_for_each(|aead| {
        let (mut sender, mut receiver) = (lane(case, &binds, *aead)?, lane(case, &binds, *aead)?);
        let (ratchet, generator) = sender.secrets();
        case.expect("R0", ratchet.expose_secret())?;
        case.expect("G0", generator.expose_secret())?;
        case.each("steps", |step| {
            derived(step, &receiver, &binds)?;
            sent(step, &mut sender)?;
            received(step, &mut receiver)?;
            step.require(sender == receiver, "wire", "leaves the two ends apart")
        })
    })
}

/// The suite that the field `suite` holds.
pub(super) fn suite(case: &Case<'_>) -> Result<Suite, Failure> {
    Suite::from_number(case.integer("suite")?).ok_or_else(|| case.field_failure("suite", "is no suite"))
}

/// The channels of a case, each with what it is bound to.
pub(super) fn binds(case: &Case<'_>) -> Result<Binds, Failure> {
    let mut binds = Vec::new();
    case.each("binds", |recorded| {
        binds.push((recorded.array("channel_id")?.into(), recorded.array("bind")?));
        Ok(())
    })?;
    Ok(binds)
}

fn lane(case: &Case<'_>, binds: &Binds, aead: &'static dyn Aead) -> Result<TestLane, Failure> {
    case.expect_text("lane", "ir")?;
    let session = SessionId::from(case.array("sid")?);
    let (depth, max_body, suite) = (depth(case, "k")?, case.integer("max_body")?, suite(case)?);
    let parameters = Parameters { session, depth, max_body, suite, aead };
    let keys = LaneKeys::derive(&Secret::from_bytes(case.array("K_d")?), &case.array("h")?);
    let lane = TestLane::new(keys, Direction::InitiatorToResponder, parameters);
    let mut lane = lane.map_err(|error| case.failure(&error.to_string()))?;
    for (channel, bind) in binds {
        lane.bind(*channel, *bind).map_err(|error| case.field_failure("binds", &error.to_string()))?;
    }
    Ok(lane)
}

/// What the text derives for the step from the state of the lane.
fn derived(step: &Case<'_>, lane: &TestLane, binds: &Binds) -> Result<(), Failure> {
    let (t, channel) = (lane.step(), ChannelId::from(step.array("channel_id")?));
    step.expect_integer("t", t)?;
    let (ratchet, generator) = lane.secrets();
    let frame_len = lane.parameters().depth.frame_len();
    let mut jitter = vec![0; frame_len + 24];
    stream::keystream(&HmacKey::new(generator.expose_secret()).mac(&[&t.to_be_bytes()]), &mut jitter);
    step.expect("J", &jitter)?;

    let bind = binds.iter().find(|(bound, _)| *bound == channel).map_or([0; 32], |(_, bind)| *bind);
    let first = || HmacKey::new(ratchet.expose_secret()).mac(&[b"mfp-channel", channel.as_bytes(), &bind]);
    let local = lane.local(&channel).cloned().unwrap_or_else(first);
    step.expect("Sl", local.expose_secret())?;
    let local = HmacKey::new(local.expose_secret());
    let header: [u8; HEADER_LEN] = step.array("hdr")?;
    let seed = distribution_seed(&local, t, &[ratchet.expose_secret(), &header]);
    step.expect("ds", seed.expose_secret())?;
    let mut frame = jitter;
    frame.truncate(frame_len);
    sample(&seed, &mut frame);
    step.expect("frame_open", &frame)?;
    step.expect("K", encoding_key(&local, lane.parameters().suite).expose_secret())?;
    step.expect("nonce", &[[0; 4].as_slice(), &t.to_be_bytes()].concat())
}

fn sent(step: &Case<'_>, lane: &mut TestLane) -> Result<(), Failure> {
    let (channel, plain) = (ChannelId::from(step.array("channel_id")?), step.bytes("P")?);
    let mut out = vec![0xee; step.bytes("wire")?.len() + 1];
    let sealed = lane.seal(&channel, step.integer("ack")?, plain.len(), &mut out, |body| {
        body.copy_from_slice(&plain);
        Ok(())
    });
    let len = sealed.map_err(|error| step.failure(&error.to_string()))?;
    let (message, beyond) = out.split_at(len);
    step.expect("wire", message)?;
    step.require(beyond == [0xee], "wire", "is written beyond its end")?;
    step.expect("hdr", message.get(..HEADER_LEN).unwrap_or_default())?;
    after(step, lane, &channel)
}

fn received(step: &Case<'_>, lane: &mut TestLane) -> Result<(), Failure> {
    let mut wire = step.bytes("wire")?;
    let opening = lane.judge_head(&wire).map_err(|check| step.failure(&check.to_string()))?;
    let opening = opening.ok_or_else(|| step.field_failure("wire", "is cut off"))?;
    let channel = opening.header().channel;
    step.expect("hdr_clear", &opening.header().encode())?;
    step.require(opening.message_len() == wire.len(), "wire", "has another length")?;
    let opened = lane.open(opening, &mut wire, |_, plain| Ok(plain.to_vec()));
    step.expect("P", &opened.map_err(|check| step.failure(&check.to_string()))?)?;
    after(step, lane, &channel)
}

fn after(step: &Case<'_>, lane: &TestLane, channel: &ChannelId) -> Result<(), Failure> {
    let (ratchet, generator) = lane.secrets();
    step.expect("R_after", ratchet.expose_secret())?;
    step.expect("G_after", generator.expose_secret())?;
    let local = lane.local(channel).ok_or_else(|| step.field_failure("Sl_after", "is not there"))?;
    step.expect("Sl_after", local.expose_secret())?;
    step.require(Some(lane.step()) == step.integer::<u64>("t")?.checked_add(1), "t", "has not gone one on")
}
