//! Records of peers.

use std::num::NonZeroU64;
use std::time::Duration;

use mfp_proto::crypto::Secret;
use mfp_proto::id::{AgentId, ChannelId, RuntimeId, SessionId, StoreId};
use mfp_proto::link::channel::Phase;
use mfp_proto::link::{Cursor, Diagnosis, LinkState, SessionRecord, Suspension};
use mfp_proto::store::{OutboxRecord, PeerRecord, RemoteChannelRecord, RemoteCounts};
use mfp_proto::wire::item::Kind;

use super::local::write_name;
use super::{Malformed, Reader, bits, flags};

/// `peer ‖ own store_id ‖ u16 chan_max ‖ u64 acked ‖ flags ‖ [store_id of the peer] ‖ [u64 cursor ‖ session ‖ HS] ‖
/// [u8 diagnosis ‖ u64 claimed] ‖ [u64 accepting]`
pub(crate) fn write_peer(record: &PeerRecord, out: &mut Vec<u8>) {
    let LinkState { peer_store, chan_max, acked, cursor, suspended, accepting } = &record.state;
    out.extend_from_slice(record.peer.as_bytes());
    out.extend_from_slice(record.store_id.as_bytes());
    out.extend_from_slice(&chan_max.to_be_bytes());
    out.extend_from_slice(&acked.to_be_bytes());
    out.push(flags([peer_store.is_some(), cursor.is_some(), suspended.is_some(), accepting.is_some()]));
    if let Some(store) = peer_store {
        out.extend_from_slice(store.as_bytes());
    }
    if let Some(Cursor { n, session, history }) = cursor {
        out.extend_from_slice(&n.to_be_bytes());
        out.extend_from_slice(session.as_bytes());
        out.extend_from_slice(history.expose_secret());
    }
    if let Some(Suspension { diagnosis, claimed }) = suspended {
        out.push(diagnosis_byte(*diagnosis));
        out.extend_from_slice(&claimed.to_be_bytes());
    }
    if let Some(next) = accepting {
        out.extend_from_slice(&next.get().to_be_bytes());
    }
}

pub(crate) fn read_peer(mut cell: Reader<'_>) -> Result<PeerRecord, Malformed> {
    let peer = RuntimeId::from_bytes(cell.array()?);
    let store_id = StoreId::from_bytes(cell.array()?);
    let (chan_max, acked) = (cell.u16()?, cell.u64()?);
    let [has_store, has_cursor, is_suspended, is_accepting] = bits(cell.u8()?)?;
    let peer_store = cell.optional(has_store)?.map(StoreId::from_bytes);
    let cursor = if has_cursor {
        let (n, session) = (cell.u64()?, SessionId::from_bytes(cell.array()?));
        Some(Cursor { n, session, history: Secret::from_bytes(cell.array()?) })
    } else {
        None
    };
    let suspended =
        if is_suspended { Some(Suspension { diagnosis: diagnosis(cell.u8()?)?, claimed: cell.u64()? }) } else { None };
    let accepting = if is_accepting { Some(NonZeroU64::new(cell.u64()?).ok_or(Malformed)?) } else { None };
    cell.end()?;
    let state = LinkState { peer_store, chan_max, acked, cursor, suspended, accepting };
    Ok(PeerRecord { peer, store_id, state })
}

const fn diagnosis_byte(diagnosis: Diagnosis) -> u8 {
    match diagnosis {
        Diagnosis::PeerReset => 0,
        Diagnosis::Fresh => 1,
        Diagnosis::PeerRollback => 2,
        Diagnosis::LocalRollback => 3,
        Diagnosis::Corruption => 4,
        Diagnosis::Ok => 5,
    }
}

const fn diagnosis(byte: u8) -> Result<Diagnosis, Malformed> {
    Ok(match byte {
        0 => Diagnosis::PeerReset,
        1 => Diagnosis::Fresh,
        2 => Diagnosis::PeerRollback,
        3 => Diagnosis::LocalRollback,
        4 => Diagnosis::Corruption,
        5 => Diagnosis::Ok,
        _ => return Err(Malformed),
    })
}

/// `peer ‖ session ‖ HS ‖ u64 first_n ‖ flags ‖ [u64 closed]`
pub(crate) fn write_session(peer: &RuntimeId, record: &SessionRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(peer.as_bytes());
    out.extend_from_slice(record.id.as_bytes());
    out.extend_from_slice(record.history.expose_secret());
    out.extend_from_slice(&record.first_n.to_be_bytes());
    out.push(flags([record.closed.is_some()]));
    if let Some(closed) = record.closed {
        out.extend_from_slice(&closed.to_be_bytes());
    }
}

pub(crate) fn read_session(mut cell: Reader<'_>) -> Result<(RuntimeId, SessionRecord), Malformed> {
    let peer = RuntimeId::from_bytes(cell.array()?);
    let id = SessionId::from_bytes(cell.array()?);
    let history = Secret::from_bytes(cell.array()?);
    let first_n = cell.u64()?;
    let [is_closed] = bits(cell.u8()?)?;
    let closed = cell.optional(is_closed)?.map(u64::from_be_bytes);
    cell.end()?;
    Ok((peer, SessionRecord { id, history, first_n, closed }))
}

/// `id ‖ peer ‖ agent ‖ flags ‖ [agent of the peer] ‖ [bind] ‖ [u8 phase] ‖ u8|local name| ‖ local name ‖
/// u8|remote name| ‖ remote name`; the counts are beside the cell.
pub(crate) fn write_remote_channel(record: &RemoteChannelRecord, out: &mut Vec<u8>) {
    let RemoteChannelRecord { id, peer, agent, opener, quarantined, padding, remote, bind, phase, .. } = record;
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(peer.as_bytes());
    out.extend_from_slice(agent.as_bytes());
    out.push(flags([*opener, *quarantined, *padding, remote.is_some(), bind.is_some(), phase.is_some()]));
    if let Some(remote) = remote {
        out.extend_from_slice(remote.as_bytes());
    }
    if let Some(bind) = bind {
        out.extend_from_slice(bind);
    }
    if let Some(phase) = phase {
        out.push(phase_byte(*phase));
    }
    write_name(&record.local_name, out);
    write_name(&record.remote_name, out);
}

pub(crate) fn read_remote_channel(
    mut cell: Reader<'_>,
    counts: RemoteCounts,
) -> Result<RemoteChannelRecord, Malformed> {
    let id = ChannelId::from_bytes(cell.array()?);
    let peer = RuntimeId::from_bytes(cell.array()?);
    let agent = AgentId::from_bytes(cell.array()?);
    let [opener, quarantined, padding, has_remote, is_bound, has_phase] = bits(cell.u8()?)?;
    let remote = cell.optional(has_remote)?.map(AgentId::from_bytes);
    let bind = cell.optional(is_bound)?;
    let phase = if has_phase { Some(phase(cell.u8()?)?) } else { None };
    let (local_name, remote_name) = (cell.name()?, cell.name()?);
    cell.end()?;
    Ok(RemoteChannelRecord {
        id,
        peer,
        agent,
        local_name,
        remote_name,
        remote,
        opener,
        quarantined,
        phase,
        bind,
        padding,
        counts,
    })
}

/// The length of the counts of a channel.
pub(crate) const COUNTS_LEN: usize = 40;

/// `u64 q ‖ u64 sent ‖ u64 received ‖ u64 received_q ‖ u64 done`
pub(crate) fn write_counts(counts: &RemoteCounts) -> [u8; COUNTS_LEN] {
    let RemoteCounts { q, sent, received, received_q, done } = counts;
    let mut out = [0; COUNTS_LEN];
    for (to, count) in out.as_chunks_mut().0.iter_mut().zip([q, sent, received, received_q, done]) {
        *to = count.to_be_bytes();
    }
    out
}

pub(crate) fn read_counts(bytes: &[u8; COUNTS_LEN]) -> Result<RemoteCounts, Malformed> {
    let mut counts = Reader::new(bytes);
    let [q, sent, received] = [counts.u64()?, counts.u64()?, counts.u64()?];
    Ok(RemoteCounts { q, sent, received, received_q: counts.u64()?, done: counts.u64()? })
}

fn phase_byte(phase: Phase) -> u8 {
    match phase {
        Phase::Opening => 0,
        Phase::Open { sends } => 2 | u8::from(sends),
        Phase::Closing { unanswered, acked, theirs } => 8 | flags([unanswered, acked, theirs]),
    }
}

fn phase(byte: u8) -> Result<Phase, Malformed> {
    Ok(match byte {
        0 => Phase::Opening,
        2 | 3 => Phase::Open { sends: byte == 3 },
        _ => {
            let [unanswered, acked, theirs, true] = bits(byte)? else { return Err(Malformed) };
            Phase::Closing { unanswered, acked, theirs }
        }
    })
}

/// `peer ‖ u64 seq ‖ channel ‖ u8 kind ‖ flags ‖ u64 q ‖ [u64 seconds ‖ u32 nanoseconds] ‖ body`; n is beside the cell.
pub(crate) fn write_outbox(record: &OutboxRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(record.peer.as_bytes());
    out.extend_from_slice(&record.seq.to_be_bytes());
    out.extend_from_slice(record.channel.as_bytes());
    out.extend_from_slice(&[record.kind.byte(), flags([record.answer, record.ttl.is_some()])]);
    out.extend_from_slice(&record.q.to_be_bytes());
    if let Some(ttl) = record.ttl {
        out.extend_from_slice(&ttl.as_secs().to_be_bytes());
        out.extend_from_slice(&ttl.subsec_nanos().to_be_bytes());
    }
    out.extend_from_slice(&record.body);
}

pub(crate) fn read_outbox(mut cell: Reader<'_>, n: Option<NonZeroU64>) -> Result<OutboxRecord, Malformed> {
    let peer = RuntimeId::from_bytes(cell.array()?);
    let seq = cell.u64()?;
    let channel = ChannelId::from_bytes(cell.array()?);
    let kind = Kind::from_byte(cell.u8()?).ok_or(Malformed)?;
    let [answer, has_ttl] = bits(cell.u8()?)?;
    let q = cell.u64()?;
    let ttl = if has_ttl {
        let (seconds, nanos) = (cell.u64()?, cell.u32()?);
        if nanos >= 1_000_000_000 {
            return Err(Malformed);
        }
        Some(Duration::new(seconds, nanos))
    } else {
        None
    };
    Ok(OutboxRecord { peer, seq, n, channel, kind, answer, q, ttl, body: cell.rest().into() })
}
