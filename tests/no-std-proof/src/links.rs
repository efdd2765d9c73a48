//! Two links, each with its owner: they meet, open a channel, and deliver a message both ways, with every body, table
//! and queue in memory of fixed size.

use core::hint::black_box;
use core::num::NonZeroU64;
use core::time::Duration;

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Admission, Local, MESSAGE1_LEN, Params, Peer, Source};
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, StoreId};
use mfp_proto::link::{
    ConnId, Context, Control, Fixed, Input, Link, LinkConfig, LinkEvent, LinkItem, LinkState, Number, Outbox, Setup,
};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::{AgentChannel, bind};
use mfp_proto::wire::item::{Accept, Data, Kind, Meta, Open};

use crate::exercise::holds;

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

struct Host<'a> {
    link: Link<Fixed<2, 8, 18>>,
    local: Local<'a>,
    rng: Rng,
    flash: Flash,
    open: heapless::Vec<u8, 200>,
    got: heapless::Vec<u8, 64>,
    batch: u64,
    dials: bool,
}

const CONN: ConnId = ConnId(1);

impl<'a> Host<'a> {
    fn new(own: &'a Identity, other: &Identity, dials: bool, seed: u8) -> Self {
        let store_id = StoreId::from_bytes([seed; 16]);
        let peer =
            Peer { public: *other.public(), id: other.id(), psk: None, store_id, params: Params::default() };
        let setup = Setup { peer, config: LinkConfig::default(), dials };
        let link = Link::new(Instant::ZERO, own.id(), setup, LinkState::default());
        let (rng, flash) = (Rng::new([seed; 32]), Flash::default());
        let local = Local::new(own, &RustCrypto);
        let (open, got) = (heapless::Vec::new(), heapless::Vec::new());
        Self { link, local, rng, flash, open, got, batch: 0, dials: false }
    }

    fn queue(&mut self, channel: ChannelId, item: &Item<'_>) -> Option<()> {
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
    fn settle(&mut self, now: Instant) -> Option<()> {
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

    fn send(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
        self.link.poll_transmit(now, CONN, out, &self.flash, &mut cx).ok()?
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> Option<()> {
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let mut cx = Context { local: &self.local, aead: &RustCrypto, rng: &mut self.rng };
            let mut answer = None;
            match self.link.handle_input(now, CONN, rest, &mut cx) {
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

/// Two links from their first contact to a message in each direction.
pub fn links() -> Option<()> {
    let mut rng = Rng::new(black_box([8; 32]));
    let one = Identity::new(rng.array(), "proof", "one").ok()?;
    let other = Identity::new(rng.array(), "proof", "other").ok()?;
    let mut a = Host::new(&one, &other, true, 1);
    let mut b = Host::new(&other, &one, false, 2);
    let mut now = Instant::ZERO;
    for host in [&mut a, &mut b] {
        let mut cx = Context { local: &host.local, aead: &RustCrypto, rng: &mut host.rng };
        host.link.start(now, &mut cx);
        host.settle(now)?;
    }
    now = now + Duration::from_secs(1);
    let mut cx = Context { local: &a.local, aead: &RustCrypto, rng: &mut a.rng };
    a.link.handle_timeout(now, &mut cx);
    a.settle(now)?;
    holds(a.dials)?;
    a.link.handle_connected(now, CONN);

    let mut wire = [0; 2_048];
    holds(a.send(now, &mut wire)? == MESSAGE1_LEN)?;
    let mut admission: Admission<4> = Admission::default();
    let source = Source::Ipv4([127, 0, 0, 1]);
    let admitted = admission.admit(now, source, 0, &b.local.frame_key, wire.get(..MESSAGE1_LEN)?).ok()?;
    let peer = b.link.peer().clone();
    let identified = admitted.identify(&b.local, |_| Some(&peer)).ok()?;
    let mut cx = Context { local: &b.local, aead: &RustCrypto, rng: &mut b.rng };
    b.link.handle_message1(now, CONN, identified, &mut cx).ok()?;
    exchange(now, &mut b, &mut a, &mut wire)?;

    let channel = AgentChannel::draw([5; 16], &one.id(), &other.id())?;
    let (from, to) = (AgentName::new("a").ok()?, AgentName::new("b").ok()?);
    let open = Open { channel, agent: AgentId::from_bytes([1; 32]), from, to, padding: false };
    a.queue(channel.id(), &Item::Open(open))?;
    a.link.open(channel.id(), 0, false).ok()?;
    exchange(now, &mut a, &mut b, &mut wire)?;
    message(now, &mut a, &mut b, channel.id(), &mut wire)?;
    message(now, &mut b, &mut a, channel.id(), &mut wire)?;
    holds(&a.got[..] == b"ping" && &b.got[..] == b"ping")
}

fn message<'a>(now: Instant, from: &mut Host<'a>, to: &mut Host<'a>, channel: ChannelId, wire: &mut [u8]) -> Option<()> {
    let data = Data { q: NonZeroU64::MIN, meta: Meta::EMPTY, payload: black_box(b"ping") };
    from.queue(channel, &Item::Data(data))?;
    exchange(now, from, to, wire)
}

/// Until neither has anything to say.
fn exchange<'a>(now: Instant, one: &mut Host<'a>, other: &mut Host<'a>, wire: &mut [u8]) -> Option<()> {
    one.settle(now)?;
    for _ in 0..16 {
        let mut quiet = true;
        for turn in 0..2 {
            let (from, to) = if turn == 0 { (&mut *one, &mut *other) } else { (&mut *other, &mut *one) };
            if let Some(len) = from.send(now, wire) {
                quiet = false;
                to.receive(now, wire.get_mut(..len)?)?;
            }
        }
        if quiet {
            return Some(());
        }
    }
    None
}
