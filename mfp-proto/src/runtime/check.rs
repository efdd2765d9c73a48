use alloc::collections::{BTreeMap, BTreeSet};

use super::error::LoadError;
use crate::id::{AgentId, ChannelId, RuntimeId};
use crate::link::MAX_RECORDS;
use crate::link::channel::Phase;
use crate::store::{AgentRecord, MessageRecord, OutboxRecord, RemoteChannelRecord, Side, Snapshot};
use crate::wire::Item;
use crate::wire::bind::AgentChannel;

/// Refuses a snapshot that contradicts itself, before anything is changed.
pub(super) fn check(snapshot: &Snapshot) -> Result<(), LoadError> {
    let empty = snapshot.agents.is_empty() && snapshot.channels.is_empty() && snapshot.messages.is_empty();
    if snapshot.runtime.is_none() && !(empty && snapshot.dead_letters.is_empty() && snapshot.peers.is_empty()) {
        return Err(LoadError::NoRuntimeRecord);
    }
    let agents: BTreeMap<_, _> = snapshot.agents.iter().map(|agent| (agent.id, agent)).collect();
    let names: BTreeSet<_> = snapshot.agents.iter().map(|agent| &agent.name).collect();
    if agents.len() != snapshot.agents.len() || names.len() != snapshot.agents.len() {
        return Err(LoadError::DuplicateAgent);
    }
    let channels: BTreeMap<_, _> = snapshot.channels.iter().map(|channel| (channel.id, channel.q)).collect();
    if channels.len() != snapshot.channels.len() {
        return Err(LoadError::DuplicateChannel);
    }
    for channel in &snapshot.channels {
        let [one, other] = &channel.agents;
        if one == other || !agents.contains_key(one) || !agents.contains_key(other) {
            return Err(LoadError::BadChannel);
        }
    }
    check_peers(snapshot)?;
    let remote = check_remote_channels(snapshot, &agents)?;
    check_outbox(snapshot, &remote)?;
    check_messages(snapshot, |message| {
        if let Some(q) = channels.get(&message.channel) {
            return (1..=*q).contains(&message.q);
        }
        remote.get(&message.channel).is_some_and(|channel| {
            let received = (1..=channel.counts.received_q).contains(&message.q) && message.from == Side::Second;
            received && channel.remote.is_some() && agents.contains_key(&channel.agent)
        })
    })
}

/// `given`: whether a message with this number was ever accepted on its channel.
fn check_messages(snapshot: &Snapshot, given: impl Fn(&MessageRecord) -> bool) -> Result<(), LoadError> {
    let numbers: BTreeSet<_> = snapshot.messages.iter().map(|message| (message.channel, message.q)).collect();
    let letters: BTreeSet<_> = snapshot.dead_letters.iter().map(|letter| letter.message.id).collect();
    if numbers.len() != snapshot.messages.len() || letters.len() != snapshot.dead_letters.len() {
        return Err(LoadError::DuplicateMessage);
    }
    let mut directions = BTreeMap::new();
    for message in &snapshot.messages {
        let len: &mut usize = directions.entry((message.channel, message.from)).or_default();
        *len += 1;
    }
    let too_many = directions.values().any(|len| u16::try_from(*len).is_err());
    if too_many || !snapshot.messages.iter().all(given) { Err(LoadError::BadMessage) } else { Ok(()) }
}

fn check_peers(snapshot: &Snapshot) -> Result<(), LoadError> {
    let mut records: BTreeMap<_, usize> = snapshot.peers.iter().map(|record| (record.peer, 0)).collect();
    let sessions: BTreeSet<_> = snapshot.sessions.iter().map(|(peer, record)| (peer, record.id)).collect();
    if records.len() != snapshot.peers.len() || sessions.len() != snapshot.sessions.len() {
        return Err(LoadError::DuplicatePeer);
    }
    for (peer, record) in &snapshot.sessions {
        let known = records.get_mut(peer).ok_or(LoadError::BadPeer)?;
        *known += 1;
        let closed = record.closed.is_none_or(|closed| closed >= record.first_n.saturating_sub(1));
        if *known > MAX_RECORDS || record.first_n == 0 || !closed {
            return Err(LoadError::BadPeer);
        }
    }
    let sound = |state: &crate::link::LinkState| {
        let accepting = state.accepting.is_none_or(|next| next.get() - 1 <= state.acked);
        accepting && state.cursor.as_ref().is_none_or(|cursor| cursor.n > 0)
    };
    if snapshot.peers.iter().all(|record| sound(&record.state)) { Ok(()) } else { Err(LoadError::BadPeer) }
}

type RemoteChannels<'a> = BTreeMap<ChannelId, &'a RemoteChannelRecord>;

fn check_remote_channels<'a>(
    snapshot: &'a Snapshot,
    agents: &BTreeMap<AgentId, &AgentRecord>,
) -> Result<RemoteChannels<'a>, LoadError> {
    let peers: BTreeSet<_> = snapshot.peers.iter().map(|record| record.peer).collect();
    let local: BTreeSet<_> = snapshot.channels.iter().map(|channel| channel.id).collect();
    let mut channels = BTreeMap::new();
    for channel in &snapshot.remote_channels {
        if local.contains(&channel.id) || channels.insert(channel.id, channel).is_some() {
            return Err(LoadError::DuplicateChannel);
        }
        let open = matches!(channel.phase, Some(Phase::Open { .. }));
        let closing = channel.phase.is_none_or(Phase::is_closing);
        let owned = match agents.get(&channel.agent) {
            Some(agent) => agent.name == channel.local_name,
            None => closing,
        };
        // Of one that is erased the link has nothing any more.
        let bound = channel.phase.is_none()
            || (channel.bind.is_some() == channel.remote.is_some() && (!open || channel.bind.is_some()));
        let named = AgentChannel::new(channel.id).is_some() && peers.contains(&channel.peer);
        let counted = channel.counts.done <= channel.counts.received && channel.counts.sent <= channel.counts.q;
        if !(owned && bound && named && counted) {
            return Err(LoadError::BadChannel);
        }
    }
    Ok(channels)
}

fn check_outbox(snapshot: &Snapshot, channels: &RemoteChannels<'_>) -> Result<(), LoadError> {
    let acked: BTreeMap<_, _> = snapshot.peers.iter().map(|record| (record.peer, record.state.acked)).collect();
    let mut numbered: BTreeMap<RuntimeId, BTreeSet<u64>> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for item in &snapshot.outbox {
        if !places.insert((item.peer, item.seq)) || !acked.contains_key(&item.peer) {
            return Err(LoadError::BadItem);
        }
        if let Some(n) = item.n
            && !numbered.entry(item.peer).or_default().insert(n.get())
        {
            return Err(LoadError::BadItem);
        }
        if !is_item(item, channels.get(&item.channel).copied()) {
            return Err(LoadError::BadItem);
        }
    }
    // The numbers follow what is acked, without a hole.
    for (peer, numbers) in numbered {
        let first = acked.get(&peer).copied().unwrap_or(0).checked_add(1);
        let contiguous = numbers.iter().zip(numbers.iter().skip(1)).all(|(one, next)| next - one == 1);
        if numbers.first().copied() != first || !contiguous {
            return Err(LoadError::BadItem);
        }
    }
    Ok(())
}

/// Whether the body is one of the item's kind and channel.
fn is_item(item: &OutboxRecord, channel: Option<&RemoteChannelRecord>) -> bool {
    let Ok(body) = Item::parse_body(item.kind, &item.body) else { return false };
    if item.seq == 0 || u32::try_from(item.body.len()).is_err() {
        return false;
    }
    let of = |id: AgentChannel| item.q == 0 && id.id() == item.channel;
    match body {
        Item::Data(data) => {
            let owner = channel.filter(|channel| channel.peer == item.peer);
            data.q.get() == item.q && !item.answer && owner.is_some_and(|channel| item.q <= channel.counts.q)
        }
        Item::Open(open) => of(open.channel),
        Item::Accept(accept) => of(accept.channel),
        Item::Reject { channel, .. } | Item::Close { channel, .. } => of(channel),
        _ => false,
    }
}
