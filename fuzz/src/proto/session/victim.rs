//! The runtime under test: its disk, its agents, and what it must never do.

use std::collections::BTreeSet;
use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::handshake::{Limits, Source};
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, RuntimeId};
use mfp_proto::link::ConnId;
use mfp_proto::runtime::{
    AcceptPolicy, ChannelOptions, CommitFailed, Delivery, DeliveryId, Effect, Message, Origin, Outcome, PeerConfig,
    Runtime,
};
use mfp_proto::testing::sim::Disk;
use mfp_proto::time::Instant;

/// What both sides announce as their window, and as the credit of a channel.
pub(super) const WIN_ITEMS: u32 = 8;
pub(super) const CHAN_ITEMS: u16 = 4;
pub(super) const MAX_BODY: u32 = 1_200;
pub(super) const WIN_BYTES: u32 = 4_096;
/// Bounds of what the runtime keeps for the peer.
const QUEUE_ITEMS: u32 = 8;
const MAX_ANSWERS: u32 = 4;
const CHANNELS: u32 = 5;

/// The agents that the runtime has.
pub(super) const NAMES: [&str; 2] = ["alice", "bob"];

pub(super) struct Victim {
    pub(super) rt: Runtime,
    pub(super) disk: Disk,
    pub(super) now: Instant,
    /// Batches wait until they are committed one by one.
    pub(super) lazy: bool,
    /// The connection that the peer listens to, and what has come in it.
    pub(super) conn: Option<ConnId>,
    pub(super) sent: Vec<u8>,
    pub(super) closed: bool,
    conns: u64,
    peer: RuntimeId,
    agents: Vec<AgentId>,
    open: Vec<(ChannelId, DeliveryId)>,
    attempts: BTreeSet<DeliveryId>,
    /// The cursor as it was last durable.
    cursor: u64,
    /// What the runtime has not yet used up of what has come to it.
    arrived: Vec<u8>,
}

pub(super) fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

impl Victim {
    pub(super) fn new(own: Identity, peer: &Identity) -> Self {
        let now = Instant::from_micros(1);
        let mut config = Config::default();
        config.limits.payload = 1_000;
        config.limits.dead_letters = 4;
        let rt = Runtime::new(config, own, [3; 32], now, mfp_proto::store::Snapshot::default()).unwrap();
        let mut victim = Self {
            rt,
            disk: Disk::default(),
            now,
            lazy: false,
            conn: None,
            sent: Vec::new(),
            closed: false,
            conns: 0,
            peer: peer.id(),
            agents: Vec::new(),
            open: Vec::new(),
            attempts: BTreeSet::new(),
            cursor: 0,
            arrived: Vec::new(),
        };
        let mut link = PeerConfig::new(*peer.public(), peer.id());
        (link.dial, link.accept) = (false, AcceptPolicy::all());
        link.limits = limits();
        (link.queue_items, link.channels, link.link.max_answers) = (QUEUE_ITEMS, CHANNELS, MAX_ANSWERS);
        link.link.rotation.messages = 24;
        victim.rt.add_peer(now, link).unwrap();
        victim.bind();
        victim.drive();
        victim
    }

    fn bind(&mut self) {
        self.agents = NAMES.iter().filter_map(|agent| self.rt.bind(self.now, &name(agent)).ok()).collect();
    }

    /// A connection of the peer's making. The one before is given up; `told`: the runtime hears of that.
    pub(super) fn connected(&mut self, told: bool) {
        self.disconnected(told);
        // A token bucket has room again.
        self.wait(Duration::from_millis(250));
        self.conns += 1;
        let conn = ConnId(self.conns);
        (self.conn, self.closed) = (Some(conn), false);
        self.rt.handle_connected(self.now, conn, Origin::Accepted(Source::Named([1; 16])));
        self.drive();
    }

    pub(super) fn disconnected(&mut self, told: bool) {
        self.sent.clear();
        self.arrived.clear();
        if let Some(conn) = self.conn.take().filter(|_| told && !self.closed) {
            self.rt.handle_disconnected(self.now, conn);
            self.drive();
        }
    }

    /// Bytes of the peer, in two pieces if it is told where to cut.
    pub(super) fn input(&mut self, bytes: &[u8], cut: usize) {
        let (first, rest) = bytes.split_at(cut.min(bytes.len()));
        for piece in [first, rest].into_iter().filter(|piece| !piece.is_empty()) {
            let Some(conn) = self.conn.filter(|_| !self.closed) else { return };
            self.arrived.extend_from_slice(piece);
            let progress = self.rt.handle_input(self.now, conn, &mut self.arrived);
            assert!(progress.consumed <= self.arrived.len());
            self.arrived.drain(..progress.consumed);
            assert!(progress.need > self.arrived.len() && progress.need <= 64 + 2 * 512 + MAX_BODY as usize);
            self.drive();
        }
    }

    /// Does what the runtime asks for, and looks at it all.
    pub(super) fn drive(&mut self) {
        while let Some(effect) = self.rt.poll_effect() {
            match effect {
                Effect::Persist(batch) => {
                    self.disk.submit(batch);
                    if !self.lazy {
                        self.commit();
                    }
                }
                Effect::Load => self.load(),
                Effect::Deliver(delivery) => self.deliver(&delivery),
                Effect::Transmit(conn) => self.transmit(conn),
                Effect::Close(conn) => self.closed |= self.conn == Some(conn),
                _ => {}
            }
        }
        self.check();
    }

    fn transmit(&mut self, conn: ConnId) {
        let mut out = vec![0; 2_048];
        while let Some(len) = self.rt.poll_transmit(self.now, conn, &mut out).unwrap() {
            if self.conn == Some(conn) {
                self.sent.extend_from_slice(&out[..len]);
            }
        }
    }

    fn load(&mut self) {
        let snapshot = self.disk.load();
        self.rt.handle_loaded(self.now, snapshot).unwrap();
        self.open.clear();
        self.attempts.clear();
        self.bind();
    }

    pub(super) fn commit(&mut self) {
        if let Some(batch) = self.disk.commit() {
            self.check_durable();
            self.rt.handle_persisted(self.now, batch, Ok(()));
        }
    }

    pub(super) fn commit_all(&mut self) {
        while self.disk.under_way() > 0 {
            self.commit();
            self.drive();
        }
    }

    /// `false`: nothing was under way.
    pub(super) fn fail_commit(&mut self, kept: bool) -> bool {
        let Some(batch) = self.disk.fail(kept) else { return false };
        self.check_durable();
        self.rt.handle_persisted(self.now, batch, Err(CommitFailed));
        self.drive();
        true
    }

    fn check_durable(&mut self) {
        let durable = self.disk.durable();
        assert_eq!(durable.out_of_order, 0, "messages entered an inbox out of order");
        assert!(durable.received.values().all(|times| *times == 1), "a message entered an inbox twice");
        for (channel, held) in &durable.inbox {
            assert!(*held <= CHAN_ITEMS.into(), "{held} messages of {channel} in an inbox of {CHAN_ITEMS}");
        }
        let snapshot = self.disk.load();
        let state = snapshot.peers.first().map(|record| record.state.clone()).unwrap_or_default();
        let cursor = state.cursor.map_or(0, |cursor| cursor.n);
        assert!(cursor >= self.cursor, "the cursor has gone back from {} to {cursor}", self.cursor);
        self.cursor = cursor;
        assert!(snapshot.sessions.len() <= 8, "{} session records", snapshot.sessions.len());
    }

    /// The highest number of the peer that is durable.
    pub(super) fn durable_cursor(&self) -> u64 {
        self.cursor
    }

    fn check(&self) {
        let peer = self.rt.peer(&self.peer).unwrap();
        let most = QUEUE_ITEMS + MAX_ANSWERS + 2 * CHANNELS;
        assert!(peer.queued <= most as usize, "{} items are kept for the peer", peer.queued);
        assert!(peer.channels <= CHANNELS as usize);
        let stats = self.rt.stats();
        assert!(stats.inbox_messages <= u64::from(CHAN_ITEMS) * self.disk.durable().last_q.len().max(1) as u64);
        assert!(stats.connections <= 16 && stats.dead_letters <= 4);
        if self.conn.is_some() {
            assert!(self.arrived.len() <= 64 + 2 * 512 + MAX_BODY as usize);
        }
    }

    fn deliver(&mut self, delivery: &Delivery) {
        assert!(self.attempts.insert(delivery.id), "an attempt is handed over twice");
        let durable = self.disk.durable();
        assert!(durable.received.contains_key(&delivery.message), "handed over, and nobody has sent it");
        let stored = self.disk.load().messages.into_iter().find(|record| record.id == delivery.message);
        let stored = stored.expect("handed over, and not stored, or done before");
        assert!(stored.payload == delivery.payload && stored.channel == delivery.channel);
        self.open.push((delivery.channel, delivery.id));
    }

    /// An agent is done with a message, or has failed.
    pub(super) fn process(&mut self, at: u8, outcome: Outcome) {
        if let Some(at) = usize::from(at).checked_rem(self.open.len()) {
            let (_, id) = self.open.remove(at);
            // It may have been given up by now.
            let _ = self.rt.handle_processed(self.now, id, outcome);
            self.drive();
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some((due, _)) = self.rt.poll_timeout().filter(|(due, _)| *due <= until) {
            self.now = self.now.max(due);
            self.rt.handle_timeout(self.now);
            self.drive();
            assert!(self.rt.poll_timeout().is_none_or(|(next, _)| next > due), "a deadline that has passed stays");
        }
        self.now = until;
        self.drive();
    }

    /// The session that the runtime has with the peer, in the connection that is being listened to.
    pub(super) fn is_live(&self) -> bool {
        let session = self.rt.peer(&self.peer).and_then(|peer| peer.link).and_then(|link| link.session);
        session.is_some_and(|session| Some(session.conn) == self.conn) && !self.closed
    }

    /// Whether the link waits for an operator's word.
    pub(super) fn is_suspended(&self) -> bool {
        self.rt.peer(&self.peer).and_then(|peer| peer.link).is_some_and(|link| link.suspended.is_some())
    }

    /// The highest number of the peer that the runtime has taken, durable or not.
    pub(super) fn received(&self) -> u64 {
        self.rt.peer(&self.peer).and_then(|peer| peer.link).map_or(0, |link| link.received)
    }

    /// The channels of all agents.
    pub(super) fn channels(&self) -> Vec<ChannelId> {
        let of = |agent| self.rt.channels(agent).unwrap_or_default();
        self.agents.iter().flat_map(of).map(|channel| channel.id).collect()
    }

    /// The lanes are forgotten, and begin anew.
    pub(super) fn forget_cursor(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn send(&mut self, agent: u8, channel: u8, payload: &[u8], ttl: Option<Duration>) {
        let Some(agent) = usize::from(agent).checked_rem(self.agents.len()).map(|at| self.agents[at]) else { return };
        let channels = self.rt.channels(&agent).unwrap_or_default();
        let Some(at) = usize::from(channel).checked_rem(channels.len()) else { return };
        let mut message = Message::new(payload);
        message.ttl = ttl;
        // A channel that is being closed, or a full queue, refuses it.
        let _ = self.rt.send(self.now, agent, channels[at].id, message);
        self.drive();
    }

    pub(super) fn ask(&mut self, agent: u8, to: &str) {
        let Some(at) = usize::from(agent).checked_rem(self.agents.len()) else { return };
        let options = ChannelOptions::default().padding(agent & 0x80 != 0);
        let _ = self.rt.open_channel(self.now, &self.agents[at], &self.peer, &name(to), options);
        self.drive();
    }

    pub(super) fn close(&mut self, channel: &ChannelId) {
        let _ = self.rt.close_channel(self.now, channel);
        self.drive();
    }
}

/// What both sides announce.
pub(super) fn limits() -> Limits {
    Limits {
        max_body: MAX_BODY,
        win_items: WIN_ITEMS,
        win_bytes: WIN_BYTES,
        chan_items: CHAN_ITEMS,
        ..Limits::default()
    }
}
