use mfp_proto::id::RuntimeId;
use mfp_proto::link::SessionRecord;
use mfp_proto::store::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, OutboxRecord, RemoteChannelRecord, StoreOp,
};
use mfp_proto::wire::item::Kind;

use crate::CommitError;
use crate::cell;
use crate::index::{Channel, Index, Item, ONLY, RemoteChannel, Row};
use crate::rows::{Clear, Rows};
use crate::seal::Place;
use crate::table::Table;

/// Whether a batch with it needs room: it brings a message, or asks for a channel. What ends something never does.
pub(crate) const fn needs_room(op: &StoreOp) -> bool {
    match op {
        StoreOp::PutMessage(_) => true,
        StoreOp::PutOutbox(item) => matches!(item.kind, Kind::Data | Kind::Open),
        _ => false,
    }
}

impl Index {
    /// Carries out an operation inside the open transaction.
    pub(crate) fn apply(&mut self, rows: &mut Rows<'_>, op: StoreOp) -> Result<(), CommitError> {
        match op {
            StoreOp::PutRuntime(record) => {
                let place = Place { table: Table::Runtime, row: ONLY };
                rows.put(place, Clear::None, |out| cell::write_runtime(&record, out))
            }
            StoreOp::PutAgent(record) => self.put_agent(rows, &record),
            StoreOp::DeleteAgent(id) => delete(rows, Table::Agent, self.agents.remove(&id)),
            StoreOp::PutChannel(record) => self.put_channel(rows, &record),
            StoreOp::DeleteChannel(id) => {
                delete(rows, Table::Channel, self.channels.remove(&id).map(|channel| channel.row))?;
                let mut messages = Vec::new();
                self.take_messages(&id, &mut messages);
                rows.delete_all(Table::Message, &mut messages)
            }
            StoreOp::PutMessage(record) => self.put_message(rows, &record),
            StoreOp::SetAttempts { channel, q, attempts } => match self.messages.get(&(channel, q)) {
                Some(row) => rows.set(Place { table: Table::Message, row: *row }, Clear::Number(attempts.into())),
                None => Ok(()),
            },
            StoreOp::DeleteMessage { channel, q } => delete(rows, Table::Message, self.messages.remove(&(channel, q))),
            StoreOp::PutDeadLetter(letter) => self.put_dead_letter(rows, &letter),
            StoreOp::DeleteDeadLetter(id) => delete(rows, Table::DeadLetter, self.letters.remove(&id)),
            _ => self.apply_of_peer(rows, op),
        }
    }

    fn apply_of_peer(&mut self, rows: &mut Rows<'_>, op: StoreOp) -> Result<(), CommitError> {
        match op {
            StoreOp::PutPeer(record) => {
                self.pending.peers.insert(record.peer, record);
                Ok(())
            }
            StoreOp::DeletePeer(peer) => self.delete_peer(rows, &peer),
            StoreOp::PutSession { peer, record } => self.put_session(rows, peer, &record),
            StoreOp::DeleteSession { peer, id } => delete(rows, Table::Session, self.sessions.remove(&(peer, id))),
            StoreOp::PutRemoteChannel(record) => self.put_remote_channel(rows, &record),
            StoreOp::SetRemoteCounts { channel, counts } => {
                if let Some(entry) = self.remote_channels.get_mut(&channel) {
                    entry.counts = counts;
                    self.pending.remote_channels.insert(channel);
                }
                Ok(())
            }
            StoreOp::DeleteRemoteChannel(id) => {
                delete(rows, Table::RemoteChannel, self.remote_channels.remove(&id).map(|channel| channel.row))?;
                let mut messages = Vec::new();
                self.take_messages(&id, &mut messages);
                rows.delete_all(Table::Message, &mut messages)
            }
            StoreOp::PutOutbox(record) => self.put_outbox(rows, &record),
            StoreOp::NumberOutbox { peer, seq, n } => {
                let Some(row) = self.take_item(&peer, seq) else { return Ok(()) };
                self.put_item(peer, seq, Item { row, n: n.get() });
                rows.set(Place { table: Table::Outbox, row }, Clear::Bytes(&n.get().to_be_bytes()))
            }
            StoreOp::DeleteOutbox { peer, seq } => delete(rows, Table::Outbox, self.take_item(&peer, seq)),
            StoreOp::DeleteAcked { peer, up_to } => {
                let mut acked = Vec::new();
                self.take_acked(&peer, up_to, &mut acked);
                rows.delete_all(Table::Outbox, &mut acked)
            }
            // Of a later version of the core. To leave it out would be to lose it.
            _ => Err(CommitError::Unknown),
        }
    }

    /// Writes what was left for the end of the transaction.
    pub(crate) fn flush(&mut self, rows: &mut Rows<'_>) -> Result<(), CommitError> {
        while let Some((peer, record)) = self.pending.peers.pop_first() {
            let row = row_of(self.peers.get(&peer), &mut self.last);
            self.peers.insert(peer, row);
            let place = Place { table: Table::Peer, row };
            rows.put(place, Clear::None, |out| cell::write_peer(&record, out))?;
        }
        while let Some(id) = self.pending.channels.pop_first() {
            if let Some(Channel { row, q }) = self.channels.get(&id) {
                rows.set(Place { table: Table::Channel, row: *row }, Clear::Number(*q))?;
            }
        }
        while let Some(id) = self.pending.remote_channels.pop_first() {
            if let Some(RemoteChannel { row, counts, .. }) = self.remote_channels.get(&id) {
                let place = Place { table: Table::RemoteChannel, row: *row };
                rows.set(place, Clear::Bytes(&cell::write_counts(counts)))?;
            }
        }
        Ok(())
    }

    fn put_agent(&mut self, rows: &mut Rows<'_>, record: &AgentRecord) -> Result<(), CommitError> {
        let row = row_of(self.agents.get(&record.id), &mut self.last);
        self.agents.insert(record.id, row);
        rows.put(Place { table: Table::Agent, row }, Clear::None, |out| cell::write_agent(record, out))
    }

    fn put_channel(&mut self, rows: &mut Rows<'_>, record: &ChannelRecord) -> Result<(), CommitError> {
        let row = row_of(self.channels.get(&record.id).map(|channel| &channel.row), &mut self.last);
        self.channels.insert(record.id, Channel { row, q: record.q });
        let place = Place { table: Table::Channel, row };
        rows.put(place, Clear::Number(record.q), |out| cell::write_channel(record, out))
    }

    fn put_message(&mut self, rows: &mut Rows<'_>, record: &MessageRecord) -> Result<(), CommitError> {
        if let Some(channel) = self.channels.get_mut(&record.channel)
            && channel.q < record.q
        {
            channel.q = record.q;
            self.pending.channels.insert(record.channel);
        }
        let row = row_of(self.messages.get(&(record.channel, record.q)), &mut self.last);
        self.messages.insert((record.channel, record.q), row);
        let place = Place { table: Table::Message, row };
        rows.put(place, Clear::Number(record.attempts.into()), |out| cell::write_message(record, out))
    }

    fn put_dead_letter(&mut self, rows: &mut Rows<'_>, letter: &DeadLetter) -> Result<(), CommitError> {
        let message = &letter.message;
        delete(rows, Table::Message, self.messages.remove(&(message.channel, message.q)))?;
        // The order of rows is that of letters: so it never takes the row of an earlier one.
        let row = self.next();
        delete(rows, Table::DeadLetter, self.letters.insert(message.id, row))?;
        let place = Place { table: Table::DeadLetter, row };
        rows.put(place, Clear::None, |out| cell::write_dead_letter(letter, out))
    }

    fn delete_peer(&mut self, rows: &mut Rows<'_>, peer: &RuntimeId) -> Result<(), CommitError> {
        self.pending.peers.remove(peer);
        delete(rows, Table::Peer, self.peers.remove(peer))?;
        let mut found: Vec<Row> = self.sessions.extract_if(.., |(of, _), _| of == peer).map(|(_, row)| row).collect();
        rows.delete_all(Table::Session, &mut found)?;
        self.numbered.extract_if((*peer, 0, 0)..=(*peer, u64::MAX, u64::MAX), |_| true).for_each(drop);
        let items = self.outbox.extract_if((*peer, 0)..=(*peer, u64::MAX), |_, _| true);
        found.extend(items.map(|(_, item)| item.row));
        rows.delete_all(Table::Outbox, &mut found)?;
        let channels = self.remote_channels.extract_if(.., |_, channel| channel.peer == *peer);
        let channels: Vec<_> = channels.collect();
        for (id, _) in &channels {
            self.take_messages(id, &mut found);
        }
        rows.delete_all(Table::Message, &mut found)?;
        found.extend(channels.iter().map(|(_, channel)| channel.row));
        rows.delete_all(Table::RemoteChannel, &mut found)
    }

    fn put_session(&mut self, rows: &mut Rows<'_>, peer: RuntimeId, record: &SessionRecord) -> Result<(), CommitError> {
        let row = row_of(self.sessions.get(&(peer, record.id)), &mut self.last);
        self.sessions.insert((peer, record.id), row);
        rows.put(Place { table: Table::Session, row }, Clear::None, |out| cell::write_session(&peer, record, out))
    }

    fn put_remote_channel(&mut self, rows: &mut Rows<'_>, record: &RemoteChannelRecord) -> Result<(), CommitError> {
        let row = row_of(self.remote_channels.get(&record.id).map(|channel| &channel.row), &mut self.last);
        self.remote_channels.insert(record.id, RemoteChannel { row, peer: record.peer, counts: record.counts });
        let counts = cell::write_counts(&record.counts);
        let place = Place { table: Table::RemoteChannel, row };
        rows.put(place, Clear::Bytes(&counts), |out| cell::write_remote_channel(record, out))
    }

    fn put_outbox(&mut self, rows: &mut Rows<'_>, record: &OutboxRecord) -> Result<(), CommitError> {
        if let Some(entry) = self.remote_channels.get_mut(&record.channel)
            && entry.counts.q < record.q
        {
            entry.counts.q = record.q;
            self.pending.remote_channels.insert(record.channel);
        }
        let row = row_of(self.take_item(&record.peer, record.seq).as_ref(), &mut self.last);
        let n = record.n.map_or(0, std::num::NonZero::get);
        self.put_item(record.peer, record.seq, Item { row, n });
        let place = Place { table: Table::Outbox, row };
        rows.put(place, Clear::Bytes(&n.to_be_bytes()), |out| cell::write_outbox(record, out))
    }
}

/// The row of what is there, or a new one.
fn row_of(known: Option<&Row>, last: &mut Row) -> Row {
    known.copied().unwrap_or_else(|| {
        *last = last.saturating_add(1);
        *last
    })
}

fn delete(rows: &mut Rows<'_>, table: Table, row: Option<Row>) -> Result<(), CommitError> {
    match row {
        Some(row) => rows.delete(Place { table, row }),
        None => Ok(()),
    }
}
