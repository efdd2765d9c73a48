use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec::Vec;

use ::arbitrary::{Arbitrary, Unstructured};

use super::snapshot_peers::Peers;
use crate::frame::Depth;
use crate::id::{AgentId, AgentName, ChannelId, MessageId, StoreId};
use crate::store::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, Payload, RuntimeRecord, Side, Snapshot, Undelivered,
};

/// A snapshot that does not contradict itself: one that a store could hold.
///
/// As [`arbitrary::Arbitrary`] makes it; [`strategy::snapshot`](super::strategy::snapshot) is the strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistent(pub Snapshot);

impl<'a> Arbitrary<'a> for Consistent {
    fn arbitrary(u: &mut Unstructured<'a>) -> ::arbitrary::Result<Self> {
        Ok(Self(Draft::arbitrary(u)?.assemble()))
    }
}

/// What a consistent snapshot is made of, before it is consistent.
#[derive(Clone, Debug, Arbitrary)]
pub(super) struct Draft {
    pub(super) store_id: StoreId,
    pub(super) terminated: u8,
    pub(super) agents: Vec<(AgentId, AgentName, bool)>,
    pub(super) channels: Vec<(ChannelId, [u8; 2], Depth, bool)>,
    pub(super) messages: Vec<Item>,
    /// With the letter's own channel, for one whose channel is gone.
    pub(super) letters: Vec<(Option<ChannelId>, Item)>,
    pub(super) peers: Peers,
}

/// What a message or a dead letter is made of.
#[derive(Clone, Debug, Arbitrary)]
pub(super) struct Item {
    /// Which of the channels.
    pub(super) channel: u8,
    /// Numbers left out before its own.
    pub(super) hole: u8,
    pub(super) from: Side,
    pub(super) reply_to: Option<MessageId>,
    pub(super) meta: Option<Meta>,
    pub(super) attempts: u16,
    pub(super) payload: Vec<u8>,
}

impl Item {
    fn record(self, store: &StoreId, channel: ChannelId, q: u64) -> MessageRecord {
        let payload: Payload = if self.payload.is_empty() { Arc::from([0]) } else { self.payload.into() };
        let id = MessageId::derive(store, &channel, q);
        let meta = self.meta.filter(|meta| *meta != Meta::default()).map(Box::new);
        let Self { from, reply_to, attempts, .. } = self;
        MessageRecord { channel, from, q, id, reply_to, meta, attempts, payload }
    }
}

/// One of `values`, whatever `pick` is; `None` only if there are none.
pub(super) fn pick<T>(values: &[T], pick: u8) -> Option<&T> {
    values.get(usize::from(pick).checked_rem(values.len())?)
}

impl Draft {
    /// Leaves out what would be there twice or belong to nothing, and numbers the messages.
    pub(super) fn assemble(self) -> Snapshot {
        let store_id = self.store_id;
        let agents = agents(self.agents);
        let mut channels = channels(self.channels, &agents);
        let ids: Vec<ChannelId> = channels.iter().map(|channel| channel.id).collect();
        let mut number = |channel: &ChannelId, hole: u8| {
            let channel = channels.iter_mut().find(|other| other.id == *channel)?;
            channel.q += 1 + u64::from(hole);
            Some((channel.q, channel.agents))
        };
        let mut messages = Vec::new();
        for item in self.messages {
            let Some(&channel) = pick(&ids, item.channel) else { continue };
            if let Some((q, _)) = number(&channel, item.hole) {
                messages.push(item.record(&store_id, channel, q));
            }
        }
        let mut letters = BTreeMap::new();
        for (place, (gone, item)) in self.letters.into_iter().enumerate() {
            let Some(channel) = gone.or_else(|| pick(&ids, item.channel).copied()) else { continue };
            let strangers = [AgentId::from_bytes([0xfe; 32]), AgentId::from_bytes([0xff; 32])];
            let (q, agents) =
                number(&channel, item.hole).unwrap_or((1 + u64::try_from(place).unwrap_or(u64::MAX - 1), strangers));
            let cause = if gone.is_some() { Undelivered::ChannelClosed } else { Undelivered::AttemptsExhausted };
            let (sender, receiver) = (*item.from.of(&agents), *item.from.other().of(&agents));
            let message = item.record(&store_id, channel, q);
            letters.entry(message.id).or_insert((place, DeadLetter { message, sender, receiver, cause }));
        }
        let mut letters: Vec<_> = letters.into_values().collect();
        letters.sort_unstable_by_key(|(place, _)| *place);
        let mut of_peers = self.peers.assemble(&agents, &channels);
        // No runtime takes up the channels of peers yet, so none has messages.
        of_peers.messages.clear();
        let agent_counter = agents.len() as u64 + u64::from(self.terminated);
        Snapshot {
            runtime: Some(RuntimeRecord { store_id, agent_counter }),
            agents,
            channels,
            messages,
            dead_letters: letters.into_iter().map(|(_, letter)| letter).collect(),
            ..of_peers
        }
    }
}

fn agents(drafts: Vec<(AgentId, AgentName, bool)>) -> Vec<AgentRecord> {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut agents = Vec::new();
    for (id, name, quarantined) in drafts {
        if !ids.contains(&id) && names.insert(name.clone()) {
            ids.insert(id);
            agents.push(AgentRecord { id, name, quarantined });
        }
    }
    agents
}

fn channels(drafts: Vec<(ChannelId, [u8; 2], Depth, bool)>, agents: &[AgentRecord]) -> Vec<ChannelRecord> {
    let mut ids = BTreeSet::new();
    let mut channels = Vec::new();
    for (id, [one, other], depth, quarantined) in drafts {
        let Some(one) = pick(agents, one) else { continue };
        let others: Vec<_> = agents.iter().filter(|agent| agent.id != one.id).collect();
        let Some(other) = pick(&others, other) else { continue };
        if ids.insert(id) {
            channels.push(ChannelRecord { id, agents: [one.id, other.id], depth, quarantined, q: 0 });
        }
    }
    channels
}
