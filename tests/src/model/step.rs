//! What a side can be told.

use std::sync::Arc;

use mfp_proto::handshake::{Admission, AdmissionConfig, HandshakeError, Source};
use mfp_proto::link::timers::TimerKind;
use mfp_proto::link::window::Numbered;
use mfp_proto::link::{ConnId, Input, Link, LinkItem};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::item::{Data, Kind, Meta};

use super::broken::Broken;
use super::node::{Out, Step};
use super::site::GRAIN;
use super::store::{Body, Durable, Letter};
use super::wires::Message;

impl Step<'_> {
    pub(super) fn connected(&mut self, conn: ConnId) {
        self.node.link.handle_connected(self.node.now, conn);
    }

    pub(super) fn not_connected(&mut self) {
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.handle_connect_failed(node.now, cx));
    }

    pub(super) fn disconnected(&mut self, conn: ConnId) {
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.handle_disconnected(node.now, conn, cx));
    }

    /// Message 1, in a connection that the other side has made.
    pub(super) fn called(&mut self, conn: ConnId, message: &Message) {
        let (node, site) = (&mut self.node, self.site);
        let accepted = site.with(node.fresh, |cx| {
            let mut admission = Admission::<1>::new(AdmissionConfig::default());
            let source = Source::Named([0; 16]);
            let admitted =
                admission.admit(node.now, source, node.link.pending(), &cx.local.frame_key, message.bytes())?;
            let peer = node.link.peer().clone();
            let identified = admitted.identify(cx.local, |key| (*key == peer.public).then_some(&peer))?;
            node.link.handle_message1(node.now, conn, identified, cx)
        });
        match accepted {
            Ok(()) => node.fresh += 1,
            Err(error) => {
                self.outs.push(Out::Close(conn));
                if error != HandshakeError::Crossing {
                    self.breaks(Broken::Handshake(error));
                }
            }
        }
    }

    /// Any other message.
    pub(super) fn received(&mut self, conn: ConnId, message: &Message) {
        let (node, mut bytes) = (&mut self.node, message.bytes().to_vec());
        let len = bytes.len();
        let (mut data, mut unexpected) = (None, None);
        self.site.with(node.fresh, |cx| match node.link.handle_input(node.now, conn, &mut bytes, cx) {
            Input::Consumed(consumed) if consumed == len => {}
            Input::Item { consumed, item: LinkItem::Data { data: item, .. } } if consumed == len => {
                data = Some((item.q.get(), item.payload.to_vec()));
            }
            Input::Ended => {}
            other => unexpected = Some(format!("{other:?}")),
        });
        if unexpected.is_some() {
            self.breaks(Broken::Unexpected("an input that nobody has sent"));
        }
        if let Some((q, payload)) = data {
            self.store(q, &payload);
        }
    }

    /// A message for the agent here: each comes once, in the order in which they were sent.
    fn store(&mut self, q: u64, payload: &[u8]) {
        let Some(message) = payload.first().copied() else {
            return self.breaks(Broken::Unexpected("an empty message"));
        };
        let (inbox, letter) = (&mut self.node.contents.inbox, Letter { q, message });
        let last = inbox.last().copied();
        inbox.push(letter);
        self.node.dirty = true;
        if last.is_some_and(|last| last.message >= message || last.q >= q) {
            self.breaks(Broken::Order);
        }
        if self.site.prompt {
            self.done();
        }
    }

    /// The agent sends a message.
    pub(super) fn accept(&mut self, message: u8) {
        let node = &mut self.node;
        node.contents.q += 1;
        let Ok(q) = node.contents.q.try_into() else { return };
        let payload = [message];
        let item = Item::Data(Data { q, meta: Meta::EMPTY, payload: &payload });
        let mut bytes = vec![0; item.body_len()];
        if item.encode_body(&mut bytes).is_err() {
            self.breaks(Broken::Unexpected("an item that cannot be written"));
            return;
        }
        node.contents.accepted.push(message);
        node.contents.queued.push_back(Body { message, bytes });
        node.dirty = true;
        node.link.handle_queued(&self.site.channel);
    }

    /// The agent is done with a message.
    pub(super) fn done(&mut self) {
        self.node.contents.done += 1;
        self.node.dirty = true;
        self.node.link.handle_done(&self.site.channel);
    }

    /// The earliest deadline has come. Those that are a grain long come at the end of theirs, all at once.
    pub(super) fn wake(&mut self) {
        let node = &mut self.node;
        let Some((at, kind)) = node.link.poll_timeout() else { return };
        let grain = u64::try_from(GRAIN.as_micros()).unwrap_or(u64::MAX);
        let due = match kind {
            TimerKind::Dial | TimerKind::LoneAck => at,
            _ => Instant::from_micros(at.as_micros().div_ceil(grain).saturating_mul(grain)),
        };
        node.now = node.now.max(due);
        self.site.with(node.fresh, |cx| node.link.handle_timeout(node.now, cx));
    }

    /// The first batch under way is durable.
    pub(super) fn commit(&mut self) {
        let Some(batch) = self.take_batch() else { return };
        self.node.link.handle_persisted(self.node.now, batch);
    }

    fn take_batch(&mut self) -> Option<u64> {
        let node = &mut self.node;
        let (batch, durable) = node.under_way.pop_front()?;
        let falls = durable.cursor() < node.durable.cursor() || durable.link.acked < node.durable.link.acked;
        node.durable = durable;
        if falls {
            self.breaks(Broken::Regress);
        }
        Some(batch)
    }

    /// The first batch under way fails, and all after it. `kept`: it is durable all the same.
    pub(super) fn fail(&mut self, kept: bool) {
        if kept {
            self.take_batch();
        }
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.stop(node.now, cx));
        while let Some(event) = self.node.link.poll_event() {
            self.take_event(&event);
        }
        self.restart();
    }

    /// Power is lost; the first `kept` batches under way are durable.
    pub(super) fn crash(&mut self, kept: usize) {
        for _ in 0..kept {
            self.take_batch();
        }
        self.restart();
    }

    /// Power is lost, and a copy takes the place of the store.
    pub(super) fn roll_back(&mut self, copy: Arc<Durable>) {
        self.node.durable = copy;
        self.node.rolled_back = true;
        self.restart();
    }

    /// What is durable is all that there is.
    pub(super) fn restart(&mut self) {
        let (node, site) = (&mut self.node, self.site);
        node.under_way.clear();
        (node.lane, node.dirty) = (None, false);
        let Durable { link, sessions, channel, contents } = Durable::clone(&node.durable);
        node.link = Link::new(node.now, site.identity.id(), site.setup.clone(), link);
        let mut restored = Ok(());
        for body in &contents.numbered {
            let len = u32::try_from(body.bytes.len()).unwrap_or(u32::MAX);
            let item = Numbered { channel: site.channel, kind: Kind::Data, len, answer: false, superseded: false };
            restored = restored.and(node.link.restore_item(item).map(|_| ()));
        }
        for record in sessions {
            restored = restored.and(node.link.restore_session(record));
        }
        restored = restored.and(node.link.restore_channel(site.channel, channel));
        if !contents.queued.is_empty() {
            node.link.handle_queued(&site.channel);
        }
        node.contents = contents;
        site.with(node.fresh, |cx| node.link.start(node.now, cx));
        if restored.is_err() {
            self.breaks(Broken::Unexpected("a store that does not load"));
        }
    }
}
