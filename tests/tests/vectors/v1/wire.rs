//! Headers and whole messages, without the keys.

use mfp_proto::frame::mirror_into;
use mfp_proto::legacy::{Flags, Header, Refused, SENDER_LEN};
use mfp_proto::wire;
use mfp_proto::wire::header::HeaderError;
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::{depth, frame};

/// The sender as the reference puts it into a header: cut, or filled up with zeros.
fn sender(case: &Case<'_>) -> Result<[u8; SENDER_LEN], Failure> {
    let bytes = case.bytes("sender_runtime")?;
    let mut sender = [0; SENDER_LEN];
    for (to, from) in sender.iter_mut().zip(bytes) {
        *to = from;
    }
    Ok(sender)
}

fn parsed(case: &Case<'_>) -> Result<Result<Header, Refused>, Failure> {
    let bytes = case.bytes("out")?;
    let head = bytes.first_chunk().ok_or_else(|| case.field_failure("out", "is shorter than a header"))?;
    case.require(wire::Header::parse(head) == Err(HeaderError::Version), "out", "is taken by version 2")?;
    Ok(Header::parse(head))
}

/// The reference writes and takes any flags and depths. What is not legal is refused here.
pub(super) fn envelope(case: &Case<'_>) -> Result<(), Failure> {
    let lax = case.value("validate_envelope")?.as_array().is_some_and(Vec::is_empty);
    case.require(lax, "validate_envelope", "finds something")?;
    let (flags, blocks): (u16, u32) = (case.integer("flags")?, case.integer("frame_depth")?);
    let (payload_len, step) = (case.integer("payload_len")?, case.integer("step")?);
    let (channel, sender) = (case.array("channel_id")?.into(), sender(case)?);
    let refused = match (flags, blocks) {
        (4.., _) => Some(Refused::Flags),
        (_, 0..2 | 33..) => Some(Refused::FrameDepth),
        _ => None,
    };
    let parsed = parsed(case)?;
    if let Some(refused) = refused {
        return case.require(parsed == Err(refused), "out", "is taken, or refused for another reason");
    }
    let flags = Flags::from_bits(flags).ok_or_else(|| case.field_failure("flags", "are not legal"))?;
    let header = Header { flags, depth: depth(case, "frame_depth")?, payload_len, channel, step, sender };
    case.expect("out", &header.encode())?;
    case.require(parsed == Ok(header), "out", "is read as another header")
}

pub(super) fn message(case: &Case<'_>) -> Result<(), Failure> {
    let depth = depth(case, "frame_depth")?;
    let (open, body) = (frame(case, "frame", depth)?, case.bytes("encoded_payload")?);
    let flags = Flags::from_bits(case.integer("flags")?);
    let header = Header {
        flags: flags.ok_or_else(|| case.field_failure("flags", "are not legal"))?,
        depth,
        payload_len: u32::try_from(body.len()).map_err(|error| case.failure(&error.to_string()))?,
        channel: case.array("channel_id")?.into(),
        step: case.integer("step")?,
        sender: sender(case)?,
    };
    let mut close = vec![0; depth.frame_len()];
    mirror_into(&open, &mut close);
    let message = [&header.encode()[..], &open, &body, &close].concat();
    case.require(header.message_len() == message.len(), "out", "has another length")?;
    case.require(parsed(case)? == Ok(header), "out", "is read as another header")?;
    case.expect("out", &message)
}
