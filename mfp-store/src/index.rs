use std::collections::{BTreeMap, BTreeSet};

use mfp_proto::id::{AgentId, ChannelId, MessageId, RuntimeId, SessionId};
use mfp_proto::store::{PeerRecord, RemoteCounts};

/// The key of a row.
pub(crate) type Row = i64;

/// Which row holds what. It follows the table as it is inside the open transaction, and is built anew by a load: so it
/// has to be right only as long as no commit has failed.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) agents: BTreeMap<AgentId, Row>,
    pub(crate) channels: BTreeMap<ChannelId, Channel>,
    pub(crate) messages: BTreeMap<(ChannelId, u64), Row>,
    pub(crate) letters: BTreeMap<MessageId, Row>,
    pub(crate) peers: BTreeMap<RuntimeId, Row>,
    pub(crate) sessions: BTreeMap<(RuntimeId, SessionId), Row>,
    pub(crate) remote_channels: BTreeMap<ChannelId, RemoteChannel>,
    pub(crate) outbox: BTreeMap<(RuntimeId, u64), Item>,
    /// The items that have a number: peer, number, seq.
    pub(crate) numbered: BTreeSet<(RuntimeId, u64, u64)>,
    /// The highest row of any table.
    pub(crate) last: Row,
    pub(crate) pending: Pending,
}

/// What every message changes: written once at the end of a transaction, however often it changed in it.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) peers: BTreeMap<RuntimeId, Box<PeerRecord>>,
    /// Those whose q has risen.
    pub(crate) channels: BTreeSet<ChannelId>,
    /// Those whose counts have changed.
    pub(crate) remote_channels: BTreeSet<ChannelId>,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) row: Row,
    pub(crate) q: u64,
}

#[derive(Debug)]
pub(crate) struct RemoteChannel {
    pub(crate) row: Row,
    pub(crate) peer: RuntimeId,
    pub(crate) counts: RemoteCounts,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) row: Row,
    /// 0 while it is queued.
    pub(crate) n: u64,
}

/// The only row of a table that has one.
pub(crate) const ONLY: Row = 1;

impl Index {
    /// A row above all others.
    pub(crate) fn next(&mut self) -> Row {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// Forgets the messages of a channel, and says where they were.
    pub(crate) fn take_messages(&mut self, channel: &ChannelId, rows: &mut Vec<Row>) {
        let of_channel = (*channel, 0)..=(*channel, u64::MAX);
        rows.extend(self.messages.extract_if(of_channel, |_, _| true).map(|(_, row)| row));
    }

    /// Forgets an item, and says where it was.
    pub(crate) fn take_item(&mut self, peer: &RuntimeId, seq: u64) -> Option<Row> {
        let Item { row, n } = self.outbox.remove(&(*peer, seq))?;
        self.numbered.remove(&(*peer, n, seq));
        Some(row)
    }

    /// Notes an item that has this number; 0 for none.
    pub(crate) fn put_item(&mut self, peer: RuntimeId, seq: u64, item: Item) -> Option<Item> {
        if item.n != 0 {
            self.numbered.insert((peer, item.n, seq));
        }
        self.outbox.insert((peer, seq), item)
    }

    /// Forgets the items up to this number, and says where they were.
    pub(crate) fn take_acked(&mut self, peer: &RuntimeId, up_to: u64, rows: &mut Vec<Row>) {
        for (_, _, seq) in self.numbered.extract_if((*peer, 0, 0)..=(*peer, up_to, u64::MAX), |_| true) {
            rows.extend(self.outbox.remove(&(*peer, seq)).map(|item| item.row));
        }
    }
}
