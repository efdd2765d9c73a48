//! A link: one peer, and all that is between it and this runtime (sections 5 to 11).
//!
//! ```text
//! handle_connected, handle_message1 ─► attempts ─► live session ─► handle_input   ─► items, events
//! handle_input                                          │
//!                   poll_number ◄── queued items        └───────► poll_transmit  ◄─ bodies, lent by the owner
//!                   persist ─► store ─► handle_persisted
//! ```
//! A link decides everything and holds no body: what is queued is its owner's, who lends it as an [`Outbox`]. Whatever
//! has to be durable before it is sent is withheld until [`Link::handle_persisted`] has said so.
//!
//! After every call the owner takes what has come of it: [`Link::poll_event`] and [`Link::poll_number`] until they give
//! nothing more, what is acked, [`Link::poll_timeout`], and [`Link::wants_transmit`].

mod attempt;
#[cfg(all(any(test, feature = "testing"), feature = "alloc"))]
mod fingerprint;
mod grants;
mod input;
mod live;
mod number;
mod operator;
mod parts;
mod persist;
mod timeout;
mod transmit;
mod types;

#[cfg(test)]
mod tests;

use core::fmt;
use core::num::NonZeroU64;

#[cfg(feature = "alloc")]
pub use parts::Growing;
pub use parts::{Entry, Fixed, Mark, Pending, Settle, Storage};
pub use types::{
    ConnId, Context, Control, DownCause, Input, LinkEvent, LinkItem, LinkOp, LinkStats, LinkStatus, NotSuspended,
    Number, Outbox, RestoreError, SessionStatus, Setup, TooSmall,
};

use super::channel::Phase;
use super::config::LinkConfig;
use super::records::{Records, SessionRecord};
use super::rejected::Rejected;
use super::schedule::Schedule;
use super::state::{ChannelState, Cursor, LinkState, Suspension};
use super::storage::{Queue, Table};
use super::timers::{TimerKind, Timers};
use super::window::{Numbered, ReceiveWindow, SendWindow};
use super::{MAX_RECORDS, TableFull};
use crate::handshake::{self, Limits, Mode};
use crate::id::{ChannelId, RuntimeId, SessionId, StoreId};
use crate::policy::{Backoff, Breaker};
use crate::time::Instant;
use crate::wire::item::Kind;
use parts::{Attempt, Live};

/// One peer (sections 5 to 11). See [the module](self).
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Link<S: Storage> {
    local: RuntimeId,
    peer: handshake::Peer,
    config: LinkConfig,
    dials: bool,
    now: Instant,

    peer_store: Option<StoreId>,
    chan_max: u16,
    suspended: Option<Suspension>,
    accepting: Option<NonZeroU64>,
    sends: SendWindow<S::Numbers>,
    receives: ReceiveWindow<S::Lens>,
    records: Records<MAX_RECORDS>,
    channels: S::Channels,
    schedule: Schedule<S::Waiting>,
    /// Answers that are queued or not acked.
    answers: u32,

    live: Option<Live<S>>,
    attempt: Attempt,
    /// When the attempt took its last step before message 1.
    dialed: Instant,
    pending: S::Pending,
    /// Counts messages 1, in either direction.
    ranks: u64,
    backoff: Backoff,
    breaker: Breaker,
    /// Sessions in a row without progress.
    stalled: u32,
    closing: bool,
    timers: Timers,
    events: S::Events,

    /// The link's own record is durable: handshakes may show the store id and `chan_items`.
    ready: bool,
    /// The batch that makes it so.
    ready_in: Option<u64>,
    state_dirty: bool,
    records_dirty: bool,
    /// The records as the store has them, without their secrets.
    stored: heapless::Vec<(SessionId, Option<u64>), MAX_RECORDS>,
    dirty: S::Ids,
    grants: S::Ids,
    /// They are not told for now.
    withholds: bool,
    marks: S::Marks,
    settles: S::Settles,
    /// A GAP came, and is not in a batch yet.
    gap_came: bool,

    rejected: Rejected,
    stats: LinkStats,
}

impl<S: Storage> Link<S> {
    /// The link in this state: [`LinkState::default`] for a peer that is new. What else is stored follows with
    /// `restore_*`, then [`start`](Self::start).
    pub fn new(now: Instant, local: RuntimeId, setup: Setup, state: LinkState) -> Self {
        let Setup { peer, config, dials } = setup;
        let LinkState { peer_store, chan_max, acked, cursor, suspended, accepting } = state;
        let own = peer.params.limits().chan_items;
        let (n, tag) = cursor.map_or((0, None), |cursor| (cursor.n, Some((cursor.session, cursor.history))));
        let volatile = peer.params.mode() == Mode::Volatile;
        let stored = chan_max >= own;
        Self {
            local,
            peer,
            config,
            dials,
            now,
            peer_store,
            chan_max: chan_max.max(own),
            suspended,
            accepting,
            sends: SendWindow::new(acked),
            receives: ReceiveWindow::new(n, tag, config.lone_ack),
            records: Records::new(),
            channels: S::Channels::default(),
            schedule: Schedule::new(),
            answers: 0,
            live: None,
            attempt: Attempt::None,
            dialed: now,
            pending: S::Pending::default(),
            ranks: 0,
            backoff: Backoff::new(config.backoff),
            breaker: Breaker::new(config.breaker),
            stalled: 0,
            closing: false,
            timers: Timers::new(),
            events: S::Events::default(),
            ready: volatile || stored,
            ready_in: None,
            state_dirty: !stored,
            records_dirty: false,
            stored: heapless::Vec::new(),
            dirty: S::Ids::default(),
            grants: S::Ids::default(),
            withholds: false,
            marks: S::Marks::default(),
            settles: S::Settles::default(),
            gap_came: false,
            rejected: Rejected::default(),
            stats: LinkStats::default(),
        }
    }

    /// Takes a numbered item from the store, in the order of the numbers, and returns its number.
    ///
    /// # Errors
    /// [`RestoreError`] if there is no room; nothing has changed.
    pub fn restore_item(&mut self, item: Numbered) -> Result<u64, RestoreError> {
        let n = self.sends.restore(item).map_err(|_| RestoreError)?;
        self.answers += u32::from(item.answer);
        Ok(n)
    }

    /// Takes a session record from the store, after all numbered items: an open one is closed at the highest number
    /// (rule W2).
    ///
    /// # Errors
    /// [`RestoreError`] if there is no room; nothing has changed.
    pub fn restore_session(&mut self, record: SessionRecord) -> Result<(), RestoreError> {
        let (id, closed) = (record.id, record.closed);
        self.records_dirty |= self.records.restore(record, self.sends.given()).map_err(|_| RestoreError)?;
        self.stored.push((id, closed)).map_err(|_| RestoreError)
    }

    /// Takes a channel from the store.
    ///
    /// # Errors
    /// [`RestoreError`] if there is no room, or the channel is there already; nothing has changed.
    pub fn restore_channel(&mut self, id: ChannelId, state: ChannelState) -> Result<(), RestoreError> {
        if self.channels.get(&id).is_some() {
            return Err(RestoreError);
        }
        self.channels.insert(id, Entry { state, ..Entry::default() }).map_err(|_| RestoreError)
    }

    /// All is restored: from now on it connects, if it is to.
    pub fn start(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        self.plan_dial(cx);
        self.settle();
    }

    /// The peer.
    pub fn peer(&self) -> &handshake::Peer {
        &self.peer
    }

    /// Whether what is kept for the peer survives a restart.
    pub fn mode(&self) -> Mode {
        self.peer.params.mode()
    }

    /// What this side tells the peer.
    pub fn limits(&self) -> &Limits {
        self.peer.params.limits()
    }

    /// The store id that the peer has shown, by which the ids of its messages are derived.
    pub fn peer_store(&self) -> Option<&StoreId> {
        self.peer_store.as_ref()
    }

    /// The highest n that the peer has durably stored.
    pub fn acked(&self) -> u64 {
        self.sends.acked()
    }

    /// The highest n given.
    pub fn given(&self) -> u64 {
        self.sends.given()
    }

    /// The channels of which CLOSE has its number, and no ack.
    pub fn numbered_closes(&self) -> impl Iterator<Item = ChannelId> {
        let items = (self.acked() + 1..=self.given()).filter_map(|n| self.sends.get(n));
        items.filter(|item| item.kind == Kind::Close && !item.superseded).map(|item| item.channel)
    }

    /// Why it is suspended, if it is.
    pub fn suspension(&self) -> Option<Suspension> {
        self.suspended
    }

    /// Responder sessions that are pending: for [`Admission::admit`](handshake::Admission::admit).
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// A channel.
    pub fn channel(&self, channel: &ChannelId) -> Option<&ChannelState> {
        self.channels.get(channel).map(|entry| &entry.state)
    }

    /// Makes a channel known that this side asks for: OPEN is queued.
    ///
    /// # Errors
    /// [`TableFull`]; nothing has changed.
    pub fn open(&mut self, channel: ChannelId, tag: u32, padding: bool) -> Result<(), TableFull> {
        self.insert(channel, ChannelState::new(Phase::Opening, None, padding, tag))
    }

    /// Makes a channel known that the peer asks for and policy grants: ACCEPT is queued.
    ///
    /// # Errors
    /// [`TableFull`]; nothing has changed.
    pub fn accept(&mut self, channel: ChannelId, tag: u32, padding: bool, bind: [u8; 32]) -> Result<(), TableFull> {
        self.insert(channel, ChannelState::new(Phase::Open { sends: false }, None, padding, tag))?;
        self.bind(&channel, bind);
        Ok(())
    }

    fn insert(&mut self, channel: ChannelId, state: ChannelState) -> Result<(), TableFull> {
        let mut entry = Entry { state, ..Entry::default() };
        if let Some(live) = &self.live {
            entry.state.sends.start(live.agreed.peer.chan_items);
            entry.state.receives.start(live.agreed.own.chan_items);
        }
        self.channels.insert(channel, entry)?;
        self.mark_channel(&channel);
        Ok(())
    }

    /// An answer is queued: ACCEPT, REJECT, or the answering CLOSE. It counts until it is acked.
    pub fn answered(&mut self) {
        self.answers = self.answers.saturating_add(1);
    }

    /// An answer is dropped before it had its number.
    pub fn unanswered(&mut self) {
        self.answers = self.answers.saturating_sub(1);
    }

    /// `bind_c` of a channel is known (section 11): messages on it can be sealed and opened.
    pub fn bind(&mut self, channel: &ChannelId, bind: [u8; 32]) {
        let Some(entry) = self.channels.get_mut(channel) else { return };
        entry.state.bind = Some(bind);
        self.mark_channel(channel);
        self.join(channel);
    }

    /// This side closes a channel. `true`: it had not; drop what is queued on it, and queue CLOSE.
    pub fn close(&mut self, channel: &ChannelId) -> bool {
        let Some(entry) = self.channels.get_mut(channel) else { return false };
        let first = entry.state.phase.close();
        if first {
            entry.waiting = false;
            self.schedule.leave(channel);
            self.mark_channel(channel);
        }
        first
    }

    /// DATA is queued on a channel.
    pub fn handle_queued(&mut self, channel: &ChannelId) {
        if let Some(entry) = self.channels.get_mut(channel) {
            entry.waiting = true;
            self.join(channel);
        }
    }

    /// One more DATA received on the channel is done, in the open batch.
    pub fn handle_done(&mut self, channel: &ChannelId) {
        let volatile = self.is_volatile();
        let Some(entry) = self.channels.get_mut(channel) else { return };
        entry.state.receives.handle_done();
        if volatile {
            let done = entry.state.receives.done();
            self.done_durably(channel, done);
        }
        self.mark_channel(channel);
    }

    /// So many items of a channel are durably done: the peer may be told (section 8, credit).
    fn done_durably(&mut self, channel: &ChannelId, done: u64) {
        if let Some(entry) = self.channels.get_mut(channel) {
            entry.state.receives.handle_durable(done);
            self.note_grant(channel);
        }
    }

    /// Joins the round if it has something to send, and may.
    fn join(&mut self, channel: &ChannelId) {
        let Some(entry) = self.channels.get(channel) else { return };
        if entry.waiting && entry.state.phase.may_send() && entry.state.sends.allows() {
            // There is room for every channel.
            let _ = self.schedule.join(*channel);
        }
    }

    fn mark_channel(&mut self, channel: &ChannelId) {
        if self.is_volatile() {
            return;
        }
        let Some(entry) = self.channels.get_mut(channel) else { return };
        if !core::mem::replace(&mut entry.dirty, true) {
            push_id(&mut self.dirty, &self.channels, *channel);
        }
    }

    fn is_volatile(&self) -> bool {
        self.mode() == Mode::Volatile
    }

    /// The session that is live, and not only for a last BYE.
    fn live(&self) -> Option<&Live<S>> {
        self.live.as_ref().filter(|live| live.bye.is_none())
    }

    fn live_mut(&mut self) -> Option<&mut Live<S>> {
        self.live.as_mut().filter(|live| live.bye.is_none())
    }

    /// What is to be done next, in order.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. Costs O(1).
    pub fn poll_timeout(&self) -> Option<(Instant, TimerKind)> {
        self.timers.poll()
    }

    fn tell(&mut self, event: LinkEvent) {
        // Only a storage of fixed size can be full: see `Fixed`.
        let _ = self.events.push_back(event);
    }

    /// Whether there is a session.
    pub fn is_up(&self) -> bool {
        self.live().is_some()
    }

    /// How it is.
    pub fn status(&self) -> LinkStatus {
        let session = self.live().map(|live| SessionStatus {
            id: live.session.id(),
            conn: live.conn,
            role: live.session.role(),
            confirmed: live.confirmed,
            since: live.since,
            rotations: live.session.rotation().finished(),
        });
        LinkStatus {
            session,
            connecting: !self.attempt.is_none(),
            suspended: self.suspended,
            accepting: self.accepting,
            acked: self.sends.acked(),
            given: self.sends.given(),
            received: self.receives.received(),
            channels: self.channels.len(),
            breaker: self.breaker.state(self.now),
        }
    }

    /// What it has counted.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Messages refused by the checks of section 12, in all its sessions.
    pub fn rejected(&self) -> Rejected {
        self.rejected
    }

    /// The number of session records: at most 8 (rule W5).
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The record of the link, as it is to be stored.
    fn state(&self) -> LinkState {
        let cursor = self.receives.tag().map(|(session, history)| Cursor {
            n: self.receives.received(),
            session,
            history: history.clone(),
        });
        LinkState {
            peer_store: self.peer_store,
            chan_max: self.chan_max,
            acked: self.sends.acked(),
            cursor,
            suspended: self.suspended,
            accepting: self.accepting,
        }
    }
}

/// Adds an id to a queue in which each channel stands once. One of fixed size may be full of channels that are gone.
fn push_id<Q: Queue<ChannelId>, T: Table<Entry>>(queue: &mut Q, channels: &T, channel: ChannelId) {
    if queue.push_back(channel).is_ok() {
        return;
    }
    for _ in 0..queue.len() {
        if let Some(id) = queue.pop_front()
            && channels.get(&id).is_some()
        {
            let _ = queue.push_back(id);
        }
    }
    let _ = queue.push_back(channel);
}

/// The channels of a table, in order. The table may change while they are visited.
fn for_each_channel<S: Storage>(link: &mut Link<S>, mut visit: impl FnMut(&mut Link<S>, &ChannelId)) {
    let mut next = link.channels.after(None);
    while let Some(channel) = next {
        visit(link, &channel);
        next = link.channels.after(Some(&channel));
    }
}

impl<S: Storage> fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer.id).field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The kinds that always answer an item of the peer.
const fn is_answer(kind: Kind) -> bool {
    matches!(kind, Kind::Accept | Kind::Reject)
}
