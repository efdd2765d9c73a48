use std::num::NonZeroU64;

use mfp_proto::store::Snapshot;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::cell::{self, Malformed, Reader};
use crate::index::{Channel, Index, Item, ONLY, RemoteChannel, Row};
use crate::seal::{Place, Sealer};
use crate::table::Table;

/// Reads everything: what is durable, in the order of ids, and where it is.
pub(crate) fn load(connection: &Connection, sealer: &Sealer) -> Result<(Snapshot, Index), StoreError> {
    let mut load = Load { connection, sealer, snapshot: Snapshot::default(), index: Index::default() };
    load.local()?;
    load.remote()?;
    let Load { mut snapshot, index, .. } = load;
    snapshot.agents.sort_unstable_by_key(|record| record.id);
    snapshot.channels.sort_unstable_by_key(|record| record.id);
    snapshot.messages.sort_unstable_by_key(|record| (record.channel, record.q));
    snapshot.peers.sort_unstable_by_key(|record| record.peer);
    snapshot.sessions.sort_unstable_by_key(|(peer, record)| (*peer, record.id));
    snapshot.remote_channels.sort_unstable_by_key(|record| record.id);
    snapshot.outbox.sort_unstable_by_key(|record| (record.peer, record.seq));
    Ok((snapshot, index))
}

struct Load<'c> {
    connection: &'c Connection,
    sealer: &'c Sealer,
    snapshot: Snapshot,
    index: Index,
}

impl Load<'_> {
    fn local(&mut self) -> Result<(), StoreError> {
        self.scan(Table::Runtime, |to, _, row, _, cell| {
            to.runtime = Some(cell::read_runtime(cell)?);
            unique(row == ONLY)
        })?;
        self.scan(Table::Agent, |to, index, row, _, cell| {
            let record = cell::read_agent(cell)?;
            let before = index.agents.insert(record.id, row);
            to.agents.push(record);
            unique(before.is_none())
        })?;
        self.scan(Table::Channel, |to, index, row, clear, cell| {
            let record = cell::read_channel(cell, number(clear)?)?;
            let before = index.channels.insert(record.id, Channel { row, q: record.q });
            to.channels.push(record);
            unique(before.is_none())
        })?;
        self.scan(Table::Message, |to, index, row, clear, cell| {
            let attempts = u16::try_from(number(clear)?).map_err(|_| Malformed)?;
            let record = cell::read_message(cell, attempts)?;
            let before = index.messages.insert((record.channel, record.q), row);
            to.messages.push(record);
            unique(before.is_none())
        })?;
        self.scan(Table::DeadLetter, |to, index, row, _, cell| {
            let letter = cell::read_dead_letter(cell)?;
            let before = index.letters.insert(letter.message.id, row);
            to.dead_letters.push(letter);
            unique(before.is_none())
        })
    }

    fn remote(&mut self) -> Result<(), StoreError> {
        self.scan(Table::Peer, |to, index, row, _, cell| {
            let record = cell::read_peer(cell)?;
            let before = index.peers.insert(record.peer, row);
            to.peers.push(record);
            unique(before.is_none())
        })?;
        self.scan(Table::Session, |to, index, row, _, cell| {
            let (peer, record) = cell::read_session(cell)?;
            let before = index.sessions.insert((peer, record.id), row);
            to.sessions.push((peer, record));
            unique(before.is_none())
        })?;
        self.scan(Table::RemoteChannel, |to, index, row, clear, cell| {
            let record = cell::read_remote_channel(cell, cell::read_counts(&bytes(clear)?)?)?;
            let entry = RemoteChannel { row, peer: record.peer, counts: record.counts };
            let before = index.remote_channels.insert(record.id, entry);
            to.remote_channels.push(record);
            unique(before.is_none())
        })?;
        self.scan(Table::Outbox, |to, index, row, clear, cell| {
            let n = u64::from_be_bytes(bytes(clear)?);
            let record = cell::read_outbox(cell, NonZeroU64::new(n))?;
            let before = index.put_item(record.peer, record.seq, Item { row, n });
            to.outbox.push(record);
            unique(before.is_none())
        })
    }

    /// Opens every cell of a table, in the order of rows.
    fn scan(
        &mut self,
        table: Table,
        mut take: impl FnMut(&mut Snapshot, &mut Index, Row, ValueRef<'_>, Reader<'_>) -> Result<(), Malformed>,
    ) -> Result<(), StoreError> {
        let Self { connection, sealer, snapshot, index } = self;
        let clear = table.clear_column().unwrap_or("NULL");
        let query = format!("SELECT k, {clear}, cell FROM {} ORDER BY k", table.name());
        let mut statement = connection.prepare(&query)?;
        let mut found = statement.query(())?;
        let mut scratch = Zeroizing::new(Vec::new());
        while let Some(columns) = found.next()? {
            let row: Row = columns.get(0)?;
            let place = Place { table, row };
            // Rows are counted up from 1: there is always a next one.
            if !(1..i64::MAX / 2).contains(&row) {
                return Err(place.altered());
            }
            index.last = index.last.max(row);
            let cell = columns.get_ref(2)?.as_blob().map_err(|_| place.altered())?;
            scratch.reserve_erased(cell.len());
            let cell = Reader::new(sealer.open(place, cell, &mut scratch)?);
            take(snapshot, index, row, columns.get_ref(1)?, cell).map_err(|Malformed| place.altered())?;
        }
        Ok(())
    }
}

/// A buffer for secrets that leaves nothing behind when it grows.
trait ReserveErased {
    fn reserve_erased(&mut self, len: usize);
}

impl ReserveErased for Zeroizing<Vec<u8>> {
    fn reserve_erased(&mut self, len: usize) {
        if self.capacity() < len {
            *self = Self::new(Vec::with_capacity(len.next_power_of_two()));
        }
    }
}

/// No two rows are about the same.
fn unique(is: bool) -> Result<(), Malformed> {
    if is { Ok(()) } else { Err(Malformed) }
}

fn number(clear: ValueRef<'_>) -> Result<u64, Malformed> {
    Ok(clear.as_i64().map_err(|_| Malformed)?.cast_unsigned())
}

fn bytes<const N: usize>(clear: ValueRef<'_>) -> Result<[u8; N], Malformed> {
    clear.as_blob().ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed)
}
