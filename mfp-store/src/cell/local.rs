//! Records of the runtime itself.

use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, AgentName, ChannelId, MessageId, StoreId};
use mfp_proto::store::{AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, RuntimeRecord, Side, Undelivered};

use super::{Malformed, Reader, bits, flags};

/// `store_id ‖ u64 agent_counter`
pub(crate) fn write_runtime(record: &RuntimeRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(record.store_id.as_bytes());
    out.extend_from_slice(&record.agent_counter.to_be_bytes());
}

pub(crate) fn read_runtime(mut cell: Reader<'_>) -> Result<RuntimeRecord, Malformed> {
    let record = RuntimeRecord { store_id: StoreId::from_bytes(cell.array()?), agent_counter: cell.u64()? };
    cell.end()?;
    Ok(record)
}

/// A name with its length before it.
pub(super) fn write_name(name: &AgentName, out: &mut Vec<u8>) {
    out.push(u8::try_from(name.as_str().len()).unwrap_or_default());
    out.extend_from_slice(name.as_str().as_bytes());
}

/// `id ‖ flags ‖ u8|name| ‖ name`
pub(crate) fn write_agent(record: &AgentRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(record.id.as_bytes());
    out.push(flags([record.quarantined]));
    write_name(&record.name, out);
}

pub(crate) fn read_agent(mut cell: Reader<'_>) -> Result<AgentRecord, Malformed> {
    let id = AgentId::from_bytes(cell.array()?);
    let [quarantined] = bits(cell.u8()?)?;
    let name = cell.name()?;
    cell.end()?;
    Ok(AgentRecord { id, name, quarantined })
}

/// `id ‖ first agent ‖ second agent ‖ u8 depth ‖ flags`; q is beside the cell.
pub(crate) fn write_channel(record: &ChannelRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(record.id.as_bytes());
    for agent in &record.agents {
        out.extend_from_slice(agent.as_bytes());
    }
    out.extend_from_slice(&[record.depth.blocks(), flags([record.quarantined])]);
}

pub(crate) fn read_channel(mut cell: Reader<'_>, q: u64) -> Result<ChannelRecord, Malformed> {
    let id = ChannelId::from_bytes(cell.array()?);
    let agents = [AgentId::from_bytes(cell.array()?), AgentId::from_bytes(cell.array()?)];
    let depth = Depth::new(cell.u8()?).map_err(|_| Malformed)?;
    let [quarantined] = bits(cell.u8()?)?;
    cell.end()?;
    Ok(ChannelRecord { id, agents, depth, quarantined, q })
}

/// `channel ‖ u64 q ‖ id ‖ flags ‖ [reply_to] ‖ [u32|content type| ‖ content type] ‖ [trace] ‖ payload`;
/// the attempts are beside the cell.
pub(crate) fn write_message(record: &MessageRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(record.channel.as_bytes());
    out.extend_from_slice(&record.q.to_be_bytes());
    out.extend_from_slice(record.id.as_bytes());
    let meta = record.meta.as_deref();
    let content_type = meta.and_then(|meta| meta.content_type.as_deref());
    let trace = meta.and_then(|meta| meta.trace);
    out.push(flags([
        record.from == Side::Second,
        record.reply_to.is_some(),
        meta.is_some(),
        content_type.is_some(),
        trace.is_some(),
    ]));
    if let Some(reply_to) = &record.reply_to {
        out.extend_from_slice(reply_to.as_bytes());
    }
    if let Some(text) = content_type {
        // It is at most 64 bytes long; a longer one would make the cell malformed.
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    if let Some(trace) = trace {
        out.extend_from_slice(&trace);
    }
    out.extend_from_slice(&record.payload);
}

pub(crate) fn read_message(mut cell: Reader<'_>, attempts: u16) -> Result<MessageRecord, Malformed> {
    let channel = ChannelId::from_bytes(cell.array()?);
    let q = cell.u64()?;
    let id = MessageId::from_bytes(cell.array()?);
    let [second, reply_to, meta, content_type, trace] = bits(cell.u8()?)?;
    let from = if second { Side::Second } else { Side::First };
    let reply_to = cell.optional(reply_to)?.map(MessageId::from_bytes);
    let content_type = if content_type {
        let len = usize::try_from(cell.u32()?).map_err(|_| Malformed)?;
        Some(cell.text(len)?.into())
    } else {
        None
    };
    let trace = cell.optional(trace)?;
    if !meta && (content_type.is_some() || trace.is_some()) {
        return Err(Malformed);
    }
    let meta = meta.then(|| Box::new(Meta { content_type, trace }));
    Ok(MessageRecord { channel, from, q, id, reply_to, meta, attempts, payload: cell.rest().into() })
}

/// `sender ‖ receiver ‖ u8 cause ‖ u16 attempts ‖ the cell of the message`
pub(crate) fn write_dead_letter(letter: &DeadLetter, out: &mut Vec<u8>) {
    out.extend_from_slice(letter.sender.as_bytes());
    out.extend_from_slice(letter.receiver.as_bytes());
    out.push(letter.cause as u8);
    out.extend_from_slice(&letter.message.attempts.to_be_bytes());
    write_message(&letter.message, out);
}

pub(crate) fn read_dead_letter(mut cell: Reader<'_>) -> Result<DeadLetter, Malformed> {
    let sender = AgentId::from_bytes(cell.array()?);
    let receiver = AgentId::from_bytes(cell.array()?);
    let cause = match cell.u8()? {
        1 => Undelivered::AttemptsExhausted,
        2 => Undelivered::ChannelClosed,
        _ => return Err(Malformed),
    };
    let attempts = cell.u16()?;
    Ok(DeadLetter { message: read_message(cell, attempts)?, sender, receiver, cause })
}
