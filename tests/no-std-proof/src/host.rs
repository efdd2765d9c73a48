//! The owner of a link, as a program on a small machine would write it: every body, table and queue in memory of fixed size.

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Local, Params, Peer};
use mfp_proto::id::{AgentId, ChannelId, Identity, StoreId};
use mfp_proto::link::{
    ConnId, Context, Control, Fixed, Input, Link, LinkConfig, LinkEvent, LinkItem, LinkState, Number, Outbox, Setup,
};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::bind;
use mfp_proto::wire::item::{Accept, Kind, Open};

/// Room for one queued item, and for those of which it has the number.
#[derive(Default)]
struct Flash {
    queued: Option<(Kind, ChannelId, heapless::Vec<u8, 200>)>,
    numbered: heapless::Deque<heapless::Vec<u8, 200>, 4>,
    first: u64,
}

impl Outbox for Flash {
    fn body(&self, n: u64) -> Option<&[u8]> {
        let at = usize::try_from(n.checked_sub(self.first)?.checked_sub(1)?).ok()?;
        self.numbered.iter().nth(at).map(|body| &body[..])
    }

    fn control(&self) -> Option<Control> {
        let (kind, channel, body) = self.queued.as_ref().filter(|(kind, ..)| *kind != Kind::Data)?;
        let len = u32::try_from(body.len()).ok()?;
        Some(Control { kind: *kind, channel: *channel, len, answer: *kind == Kind::Accept })
    }

    fn queued(&self, channel: &ChannelId) -> Option<u32> {
        let (_, _, body) = self.queued.as_ref().filter(|(kind, of, _)| *kind == Kind::Data && of == channel)?;
        u32::try_from(body.len()).ok()
    }
}

/// A link and its owner, whose store is durable at once.
pub struct Host<'a> {
    pub link: Link<Fixed<2, 8, 18>>,
    pub local: Local<'a>,
    pub rng: Rng,
    flash: Flash,
    open: heapless::Vec<u8, 200>,
    /// The payloads that have come.
    pub got: heapless::Vec<u8, 64>,
    batch: u64,
    /// The link wants to be connected.
    pub dials: bool,
    /// The connection that it has.
    pub conn: ConnId,
}

impl<'a> Host<'a> {
    pub fn new(own: &'a Identity, other: &Identity, dials: bool, seed: u8) -> Self {
        let store_id = StoreId::from_bytes([seed; 16]);
        let peer = Peer { public: *other.public(), id: other.id(), psk: None, store_id, params: Params::default() };
        let setup = Setup { peer, config: LinkConfig::default(), dials };
        let link = Link::new(Instant::ZERO, own.id(), setup, LinkState::default());
        let (rng, flash) = (Rng::new([seed; 32]), Flash::default());
        let local = Local::new(own, &RustCrypto);
        let (open, got) = (heapless::Vec::new(), heapless::Vec::new());
        Self { link, local, rng, flash, open, got, batch: 0, dials: false, conn: ConnId(0) }
    }

    /// Queues an item, of which there is one at a time.
    pub fn queue(&mut self, channel: ChannelId, item: &Item<'_>) -> Option<()> {
        let mut body = heapless::Vec::new();
        body.resize_default(item.body_len()).ok()?;
        item.encode_body(&mut body).ok()?;
        if item.kind() == Kind::Open {
            self.open = body.clone();
        }
        self.flash.queued = Some((item.kind(), channel, body));
        if item.kind() == Kind::Data {
            self.link.handle_queued(&channel);
        }
        Some(())
    }

    /// What a link asks of its owner after every call. What it stores is durable at once.
    pub fn settle(&mut self, now: Instant) -> Option<()> {
        while let Some(event) = self.link.poll_event() {
            self.dials |= event == LinkEvent::Connect;
        }
        while self.flash.first < self.link.acked() {
            self.flash.first += 1;
            self.flash.numbered.pop_front();
        }
        while let Some(Number::Control { .. } | Number::Data { .. }) = self.link.poll_number(now, &self.flash) {
            let (_, _, body) = self.flash.queued.take()?;
            self.flash.numbered.push_back(body).ok()?;
        }
        self.batch += 1;
        self.link.persist(self.batch, |_| ());
        self.link.handle_persisted(now, self.batch);
        Some(())
    }

    /// The next bytes for the connection.
    pub fn send(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
        self.link.poll_transmit(now, self.conn, out, &self.flash, &mut cx).ok()?
    }

    /// Takes bytes of the connection: whole messages, as `send` gives them.
    pub fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> Option<()> {
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
            let mut answer = None;
            match self.link.handle_input(now, self.conn, rest, &mut cx) {
                Input::Consumed(len) => at += len,
                Input::Item { consumed, item } => {
                    at += consumed;
                    match item {
                        LinkItem::Data { channel, data, .. } => {
                            self.got.extend_from_slice(data.payload).ok()?;
                            self.link.handle_done(&channel);
                        }
                        LinkItem::Open(open) => answer = Some(open),
                        LinkItem::Opened { accept, .. } => {
                            let channel = accept.channel.id();
                            let mut body = [0; Accept::MAX_LEN];
                            let len = Item::Accept(accept).encode_body(&mut body).ok()?;
                            self.link.bind(&channel, bind(&self.open, body.get(..len)?));
                        }
                        _ => return None,
                    }
                }
                _ => return None,
            }
            if let Some(open) = answer {
                self.accept(open)?;
            }
        }
        self.settle(now)
    }

    /// The link begins.
    pub fn start(&mut self, now: Instant) -> Option<()> {
        let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
        self.link.start(now, &mut cx);
        self.settle(now)
    }

    /// The connection is lost.
    pub fn lose(&mut self, now: Instant) -> Option<()> {
        let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
        self.link.handle_disconnected(now, self.conn, &mut cx);
        self.settle(now)
    }

    /// A deadline has come.
    pub fn timeout(&mut self, now: Instant) -> Option<()> {
        let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
        self.link.handle_timeout(now, &mut cx);
        self.settle(now)
    }

    fn accept(&mut self, open: Open) -> Option<()> {
        let (channel, name) = (open.channel, open.to.clone());
        let accept = Item::Accept(Accept { channel, agent: AgentId::from_bytes([2; 32]), name });
        let (mut one, mut other) = ([0; Open::MAX_LEN], [0; Accept::MAX_LEN]);
        let open_len = Item::Open(open).encode_body(&mut one).ok()?;
        let accept_len = accept.encode_body(&mut other).ok()?;
        self.queue(channel.id(), &accept)?;
        self.link.answered();
        self.link.accept(channel.id(), 0, false, bind(one.get(..open_len)?, other.get(..accept_len)?)).ok()
    }
}
