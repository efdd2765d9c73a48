use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use core::num::NonZeroU64;
use core::time::Duration;

use ::arbitrary::Arbitrary;

use super::snapshot::pick;
use crate::id::{AgentId, AgentName, ChannelId, MessageId, RuntimeId, StoreId};
use crate::link::channel::Phase;
use crate::link::{LinkState, SessionRecord};
use crate::store::{
    AgentRecord, ChannelRecord, MessageRecord, OutboxRecord, PeerRecord, RemoteChannelRecord, RemoteCounts, Side,
    Snapshot,
};
use crate::wire::Item;
use crate::wire::bind::AgentChannel;
use crate::wire::item::{Accept, Code, Data, Kind, Meta, Open};

/// What a consistent snapshot holds of peers is made of.
#[derive(Clone, Debug, Default, Arbitrary)]
pub(super) struct Peers {
    pub(super) known: Vec<Peer>,
    pub(super) channels: Vec<Remote>,
    pub(super) items: Vec<PeerItem>,
    pub(super) messages: Vec<PeerMessage>,
}

#[derive(Clone, Debug, Arbitrary)]
pub(super) struct Peer {
    pub(super) id: RuntimeId,
    pub(super) store_id: StoreId,
    pub(super) state: LinkState,
    pub(super) sessions: Vec<SessionRecord>,
    /// How many of its items have a number.
    pub(super) numbered: u8,
}

#[derive(Clone, Debug, Arbitrary)]
pub(super) struct Remote {
    pub(super) id: ChannelId,
    /// Which peer and which agent.
    pub(super) picks: [u8; 2],
    pub(super) name: AgentName,
    pub(super) agent: AgentId,
    /// None: erased.
    pub(super) phase: Option<Phase>,
    /// q and sent, received and done.
    pub(super) counts: [u8; 4],
    /// Opener, quarantined, padding.
    pub(super) flags: [bool; 3],
}

#[derive(Clone, Debug, Arbitrary)]
pub(super) struct PeerItem {
    /// Which of the channels.
    pub(super) channel: u8,
    pub(super) kind: u8,
    pub(super) ttl: Option<Duration>,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, Debug, Arbitrary)]
pub(super) struct PeerMessage {
    /// Which of the channels.
    pub(super) channel: u8,
    pub(super) reply_to: Option<MessageId>,
    pub(super) payload: Vec<u8>,
}

impl Peers {
    /// The parts of a snapshot that are of peers, and the messages received from them.
    pub(super) fn assemble(self, agents: &[AgentRecord], local: &[ChannelRecord]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut numbered = BTreeMap::new();
        for peer in self.known {
            if numbered.insert(peer.id, peer.numbered).is_none() {
                peer.add(&mut snapshot);
            }
        }
        let mut taken: BTreeSet<_> = local.iter().map(|channel| channel.id).collect();
        for channel in self.channels {
            if let Some(record) = channel.record(&snapshot.peers, agents)
                && taken.insert(record.id)
            {
                snapshot.remote_channels.push(record);
            }
        }
        for item in self.items {
            item.add(&mut snapshot, &mut numbered);
        }
        for message in self.messages {
            message.add(&mut snapshot, agents);
        }
        snapshot
    }
}

impl Peer {
    fn add(self, snapshot: &mut Snapshot) {
        let mut state = self.state;
        // Room for every number that is given below.
        state.acked = state.acked.min(u64::MAX - 256);
        state.cursor = state.cursor.filter(|cursor| cursor.n > 0);
        state.accepting = state.accepting.filter(|next| next.get() - 1 <= state.acked);
        let mut ids = BTreeSet::new();
        for mut record in self.sessions.into_iter().take(8) {
            record.first_n = record.first_n.max(1);
            record.closed = record.closed.map(|closed| closed.max(record.first_n - 1));
            if ids.insert(record.id) {
                snapshot.sessions.push((self.id, record));
            }
        }
        snapshot.peers.push(PeerRecord { peer: self.id, store_id: self.store_id, state });
    }
}

impl Remote {
    fn record(self, peers: &[PeerRecord], agents: &[AgentRecord]) -> Option<RemoteChannelRecord> {
        let [peer, agent] = self.picks;
        let (peer, agent) = (pick(peers, peer)?, pick(agents, agent)?);
        AgentChannel::new(self.id)?;
        let [q, sent, received, done] = self.counts.map(u64::from);
        let [opener, quarantined, padding] = self.flags;
        let bound = self.phase != Some(Phase::Opening);
        let counts =
            RemoteCounts { q: q.max(sent), sent, received: received.max(done), received_q: received.max(done), done };
        Some(RemoteChannelRecord {
            id: self.id,
            peer: peer.peer,
            agent: agent.id,
            local_name: agent.name.clone(),
            remote_name: self.name,
            remote: bound.then_some(self.agent),
            opener,
            quarantined,
            phase: self.phase,
            bind: bound.then_some([0xb1; 32]),
            padding,
            counts,
        })
    }
}

impl PeerItem {
    fn add(self, snapshot: &mut Snapshot, numbered: &mut BTreeMap<RuntimeId, u8>) {
        let Some(channel) = pick(&snapshot.remote_channels, self.channel) else { return };
        let (id, peer) = (channel.id, channel.peer);
        let Some(own) = AgentChannel::new(id) else { return };
        let Some(acked) = snapshot.peers.iter().find(|record| record.peer == peer).map(|record| record.state.acked)
        else {
            return;
        };
        let (agent, from, to) = (channel.agent, channel.local_name.clone(), channel.remote_name.clone());
        let of_peer = snapshot.outbox.iter().filter(|record| record.peer == peer);
        let seq = of_peer.clone().map(|record| record.seq).max().unwrap_or(0) + 1;
        let place = of_peer.filter(|record| record.n.is_some()).count() as u64 + 1;
        let mut q = 0;
        let code = Code::Done.into();
        let item = match self.kind % 6 {
            0 => Item::Open(Open { channel: own, agent, from, to, padding: channel.padding }),
            1 => Item::Accept(Accept { channel: own, agent, name: from }),
            2 => Item::Reject { channel: own, code },
            3 => Item::Close { channel: own, code },
            _ => {
                let Some(channel) = snapshot.remote_channels.iter_mut().find(|channel| channel.id == id) else {
                    return;
                };
                channel.counts.q += 1;
                q = channel.counts.q;
                let Some(q) = NonZeroU64::new(q) else { return };
                Item::Data(Data { q, meta: Meta::EMPTY, payload: &self.payload })
            }
        };
        let kind = item.kind();
        let mut body = vec![0; item.body_len()];
        if item.encode_body(&mut body).is_err() {
            return;
        }
        let numbered = numbered.get_mut(&peer).filter(|left| **left > 0);
        let n = numbered.and_then(|left| {
            *left -= 1;
            NonZeroU64::new(acked + place)
        });
        let answer = matches!(kind, Kind::Accept | Kind::Reject);
        let ttl = self.ttl.filter(|_| kind == Kind::Data);
        snapshot.outbox.push(OutboxRecord { peer, seq, n, channel: id, kind, answer, q, ttl, body: body.into() });
    }
}

impl PeerMessage {
    fn add(self, snapshot: &mut Snapshot, agents: &[AgentRecord]) {
        let Some(channel) = pick(&snapshot.remote_channels, self.channel) else { return };
        let id = channel.id;
        let known = channel.remote.is_some() && agents.iter().any(|agent| agent.id == channel.agent);
        let Some(channel) = snapshot.remote_channels.iter_mut().find(|channel| channel.id == id && known) else {
            return;
        };
        channel.counts.received += 1;
        channel.counts.received_q += 1;
        let q = channel.counts.received_q;
        let peer = snapshot.peers.iter().find(|record| record.peer == channel.peer);
        let store = peer.and_then(|record| record.state.peer_store).unwrap_or(StoreId::from_bytes([0; 16]));
        let payload = if self.payload.is_empty() { Box::from([0]) } else { self.payload.into_boxed_slice() };
        snapshot.messages.push(MessageRecord {
            channel: id,
            from: Side::Second,
            q,
            id: MessageId::derive(&store, &id, q),
            reply_to: self.reply_to,
            meta: None,
            attempts: 0,
            payload: payload.into(),
        });
    }
}
