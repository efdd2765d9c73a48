//! What the peer says, and what that must lead to.

use std::num::NonZeroU64;

use arbitrary::Arbitrary;
use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::AgentChannel;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Accept, Data, Kind, Meta, Open, Pos, WireCode};

use super::peer::{Peer, State, body, opened_by};
use super::victim::{MAX_BODY, NAMES, Victim, name};

/// Channels that the peer asks for.
const CHANNELS: u8 = 7;

/// The number of an item.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub(super) enum Number {
    Next,
    Repeat(u8),
    Skip(u64),
}

/// The ack of a message.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub(super) enum Ack {
    All,
    None,
    Fewer(u8),
    More(u64),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
pub(super) enum Rising {
    Next,
    Jump(u8),
    Same,
    Any(u64),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
pub(super) enum Limit {
    More(u8),
    Any(u64),
}

/// Something that the peer says.
#[derive(Debug, Arbitrary)]
pub(super) enum Said {
    Data {
        channel: u8,
        q: Rising,
        len: u8,
        number: Number,
        ack: Ack,
        padded: bool,
    },
    /// Asks for a channel, under an id of its own or of the runtime's choosing.
    Open {
        channel: u8,
        to: u8,
        number: Number,
        theirs: bool,
        padding: bool,
    },
    Accept {
        channel: u8,
        other: bool,
        number: Number,
    },
    Reject {
        channel: u8,
        code: u8,
        number: Number,
    },
    Close {
        channel: u8,
        code: u8,
        number: Number,
    },
    Credit {
        channel: u8,
        limit: Limit,
    },
    Ack(Ack),
    Gap {
        ahead: i8,
        far: bool,
    },
    Bye(u8),
    Negotiate,
    /// What a rotation asks for next; or a rotation of the peer's.
    Marker,
    RequestRotation,
    /// Any plaintext; `number`: with the number of an item that is due.
    Plain {
        channel: u8,
        number: bool,
        bytes: Vec<u8>,
    },
    /// The next message with one bit changed.
    Flipped {
        at: u16,
        bit: u8,
    },
    /// Bytes that are none of the session's.
    Wire(Vec<u8>),
}

/// What the protocol says of an item.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It is accepted, and the session goes on.
    Accepted,
    /// It is dropped, and the session goes on.
    Repeat,
    /// The session ends.
    Ends,
    /// It depends on what the peer cannot know.
    Unknown,
}

impl Peer {
    pub(super) fn say(&mut self, victim: &mut Victim, said: &Said) {
        if self.session.is_none() || !victim.is_live() {
            return;
        }
        match *said {
            Said::Data { channel, q, len, number, ack, padded } => {
                self.data(victim, channel, (q, len), number, (ack, padded));
            }
            Said::Open { channel, to, number, theirs, padding } => {
                self.open(victim, (channel, theirs), (to, padding), number);
            }
            Said::Accept { channel, other, number } => self.accept(victim, channel, other, number),
            Said::Reject { channel, code, number } | Said::Close { channel, code, number } => {
                let Some(channel) = self.known(channel) else { return };
                let code = WireCode::from_byte(code);
                let item = if matches!(said, Said::Reject { .. }) {
                    Item::Reject { channel, code }
                } else {
                    Item::Close { channel, code }
                };
                self.unsure(&channel.id());
                self.numbered(victim, &CONTROL, &item, number, Ack::All);
            }
            Said::Credit { channel, limit } => {
                let Some(channel) = self.known(channel) else { return };
                let Some(known) = self.channels.get_mut(&channel.id()) else { return };
                let limit = match limit {
                    Limit::More(more) => known.granted.saturating_add(more.into()),
                    Limit::Any(limit) => limit,
                };
                known.granted = known.granted.max(limit);
                self.plain(victim, &Item::Credit { channel, limit }, Ack::All);
            }
            Said::Ack(ack) => self.plain(victim, &Item::Ack, ack),
            Said::Gap { ahead, far } => self.gap(victim, ahead, far),
            Said::Bye(code) => {
                self.plain(victim, &Item::Bye { code: WireCode::from_byte(code) }, Ack::All);
                assert!(!victim.is_live(), "a session goes on after BYE");
            }
            Said::Negotiate => {
                // Not legal any more: the peer's own session refuses to seal it.
                let sealed = self.seal(&CONTROL, 0, 0, &Item::Negotiate(Pos::ZERO), None);
                assert!(sealed.is_none());
            }
            Said::Marker => self.marker(victim),
            Said::RequestRotation => {
                let Some(session) = &mut self.session else { return };
                let _ = session.request_rotation();
                self.marker(victim);
            }
            Said::Plain { channel, number, ref bytes } => self.any(victim, channel, number, bytes),
            Said::Flipped { at, bit } => self.flipped(victim, at, bit),
            Said::Wire(ref bytes) => {
                victim.input(&bytes[..bytes.len().min(2_048)], bytes.len() / 3);
                if bytes.len() >= 64 {
                    assert!(!victim.is_live(), "a session goes on after bytes that are none of it");
                }
                // What is left of it stands before whatever comes next.
                self.drop_session(victim);
            }
        }
    }

    fn drop_session(&mut self, victim: &mut Victim) {
        self.read(victim);
        self.session = None;
        victim.disconnected(true);
    }

    fn seal(
        &mut self,
        channel: &ChannelId,
        ack: u64,
        n: u64,
        item: &Item<'_>,
        padded: Option<usize>,
    ) -> Option<Vec<u8>> {
        let mut out = vec![0; 2_048];
        let len = self.session.as_mut()?.seal(channel, ack, n, item, padded, &mut out).ok()?;
        out.truncate(len);
        Some(out)
    }

    fn ack(&mut self, ack: Ack) -> u64 {
        let ack = match ack {
            Ack::All => self.cursor,
            Ack::None => 0,
            Ack::Fewer(fewer) => self.cursor.saturating_sub(fewer.into()),
            Ack::More(more) => self.cursor.saturating_add(more),
        };
        self.acks(ack);
        ack
    }

    fn number(&self, number: Number) -> u64 {
        match number {
            Number::Next => self.next(),
            Number::Repeat(back) => self.next().saturating_sub(1 + u64::from(back)).max(1),
            Number::Skip(ahead) => self.next().saturating_add(1).saturating_add(ahead),
        }
    }

    /// An item without a number.
    fn plain(&mut self, victim: &mut Victim, item: &Item<'_>, ack: Ack) {
        let ack = self.ack(ack);
        if let Some(wire) = self.seal(&CONTROL, ack, 0, item, None) {
            victim.input(&wire, wire.len() / 2);
        }
    }

    /// An item with a number, and whether the runtime has taken it as the next.
    fn numbered(
        &mut self,
        victim: &mut Victim,
        channel: &ChannelId,
        item: &Item<'_>,
        number: Number,
        ack: Ack,
    ) -> bool {
        self.judged(victim, channel, (item, None), number, (ack, Verdict::Unknown))
    }

    /// Says it, and looks whether what follows is what the protocol says of it. `next`: the verdict if its number is the
    /// next one.
    fn judged(
        &mut self,
        victim: &mut Victim,
        channel: &ChannelId,
        (item, padded): (&Item<'_>, Option<usize>),
        number: Number,
        (ack, next): (Ack, Verdict),
    ) -> bool {
        let before = self.next();
        let n = self.number(number);
        let ack = self.ack(ack);
        let fits = self.fits(item.body_len());
        let verdict = match n {
            // An ack of what was never given ends it as well.
            _ if ack > self.cursor => Verdict::Unknown,
            // There is no next number.
            _ if before == u64::MAX => Verdict::Unknown,
            // DATA of a channel that has come to its end is not even read.
            n if n < before && *channel != CONTROL && next == Verdict::Unknown => Verdict::Unknown,
            n if n < before => Verdict::Repeat,
            n if n > before => Verdict::Ends,
            _ if !fits && next == Verdict::Accepted => Verdict::Ends,
            _ => next,
        };
        let Some(wire) = self.seal(channel, ack, n, item, padded) else { return false };
        let received = victim.received();
        victim.input(&wire, usize::from(wire[60]) * 8);
        let (live, after) = (victim.is_live(), victim.received());
        match verdict {
            Verdict::Accepted => assert!(live && after == n, "a legal item is not accepted: {item:?}"),
            Verdict::Repeat => assert!(live && after == received, "a repeat is not dropped: {item:?}"),
            Verdict::Ends => assert!(!live && after == received, "an illegal item is accepted: {item:?}"),
            Verdict::Unknown => assert!(after == received || after == n),
        }
        if n == before && received < n && after == n {
            self.counted(item.body_len());
            return true;
        }
        false
    }

    fn data(
        &mut self,
        victim: &mut Victim,
        channel: u8,
        (q, len): (Rising, u8),
        number: Number,
        (ack, padded): (Ack, bool),
    ) {
        let Some(id) = self.known(channel).map(AgentChannel::id) else { return };
        let Some(channel) = self.channels.get(&id).cloned() else { return };
        let q = match q {
            Rising::Next => channel.q.saturating_add(1),
            Rising::Jump(more) => channel.q.saturating_add(2 + u64::from(more)),
            Rising::Same => channel.q.max(1),
            Rising::Any(q) => q.max(1),
        };
        let verdict = match channel.state {
            State::Open if q <= channel.q => Verdict::Ends,
            State::Open if channel.count < channel.limit => Verdict::Accepted,
            _ => Verdict::Unknown,
        };
        let (payload, number_of) = (vec![len; 4 * usize::from(len)], NonZeroU64::new(q).unwrap());
        let item = Item::Data(Data { q: number_of, meta: Meta::EMPTY, payload: &payload });
        let padded = padded.then_some(MAX_BODY as usize - 16);
        if self.judged(victim, &id, (&item, padded), number, (ack, verdict)) {
            let message = MessageId::derive(&self.store_id(), &id, q);
            if !victim.lazy {
                assert!(victim.disk.durable().received.contains_key(&message), "what was accepted is not stored");
            }
            if let Some(channel) = self.channels.get_mut(&id) {
                (channel.q, channel.count) = (q, channel.count + 1);
            }
        }
    }

    /// The channel with this number, of those that the peer knows; one that nobody knows now and then.
    fn known(&self, channel: u8) -> Option<AgentChannel> {
        let ids: Vec<_> = self.channels.keys().copied().collect();
        let id = match ids.get(usize::from(channel) % (ids.len() + 1)) {
            Some(id) => *id,
            None => ChannelId::from_bytes([channel.max(1); 16]),
        };
        AgentChannel::new(id)
    }

    fn open(&mut self, victim: &mut Victim, (channel, theirs): (u8, bool), (to, padding): (u8, bool), number: Number) {
        let (own, other) = (self.identity.id(), victim.rt.id());
        let mut bytes = [1 + channel % CHANNELS; 16];
        let top = opened_by(&ChannelId::from_bytes([0x80; 16]), &own, &other) != theirs;
        bytes[0] |= if top { 0x80 } else { 0 };
        let Some(channel) = AgentChannel::new(ChannelId::from_bytes(bytes)) else { return };
        let to = name(NAMES.get(usize::from(to)).copied().unwrap_or("nobody"));
        let open = Open { channel, agent: AgentId::from_bytes([9; 32]), from: name("eve"), to, padding };
        let item = Item::Open(open.clone());
        let known = self.channels.contains_key(&channel.id());
        if known && self.number(number) == self.next() {
            self.unsure(&channel.id());
        }
        // The answer may come at once.
        if !known && !theirs && self.number(number) == self.next() {
            self.asked(&open, &body(&item));
        }
        self.numbered(victim, &CONTROL, &item, number, Ack::All);
    }

    fn accept(&mut self, victim: &mut Victim, channel: u8, other: bool, number: Number) {
        let Some(channel) = self.known(channel) else { return };
        let agent = AgentId::from_bytes([if other { 8 } else { 7 }; 32]);
        let accept = Accept { channel, agent, name: name("eve") };
        let item = Item::Accept(accept.clone());
        let body = body(&item);
        let state = self.channels.get(&channel.id()).map(|channel| channel.state);
        // Before it is said: the runtime may send on the channel at once.
        if state == Some(State::AskedBack)
            && self.number(number) == self.next()
            && let Some(mut session) = self.session.take()
        {
            self.accepted(&accept, &body, &mut session);
            self.session = Some(session);
        } else if state.is_some() {
            self.unsure(&channel.id());
        }
        if !self.numbered(victim, &CONTROL, &item, number, Ack::All) {
            self.unsure(&channel.id());
        }
    }

    fn gap(&mut self, victim: &mut Victim, ahead: i8, far: bool) {
        let next = if far {
            u64::MAX - u64::from(ahead.unsigned_abs())
        } else {
            self.next().saturating_add_signed(ahead.into())
        };
        let Some(gap) = NonZeroU64::new(next) else { return };
        let lowers = next <= self.taken();
        self.all_unsure();
        self.plain(victim, &Item::Gap { next: gap }, Ack::All);
        if lowers {
            assert!(!victim.is_live(), "a gap lowers the cursor");
            return;
        }
        assert!(victim.received() == next - 1, "a gap is not taken");
        if victim.is_live() {
            self.skipped(next);
        }
    }

    fn marker(&mut self, victim: &mut Victim) {
        let ack = self.ack(Ack::All);
        let Some(session) = &mut self.session else { return };
        let mut out = [0; 1_024];
        if let Ok(Some(len)) = session.seal_rotation(ack, || [0x42; 32], &mut out) {
            victim.input(&out[..len], 70);
            assert!(victim.is_live(), "a rotation by the rules ends the session");
        }
    }

    /// Any plaintext. What is an item is said as one; else the session ends, and nothing else happens.
    fn any(&mut self, victim: &mut Victim, channel: u8, number: bool, bytes: &[u8]) {
        let mut bytes = bytes[..bytes.len().min(1_000)].to_vec();
        if number && bytes.len() >= 9 && Kind::from_byte(bytes[0]).is_some_and(Kind::is_numbered) {
            bytes[1..9].copy_from_slice(&self.next().to_be_bytes());
        }
        let is_data = bytes.first() == Some(&1);
        let channel = if is_data { self.known(channel).map_or(CONTROL, AgentChannel::id) } else { CONTROL };
        let Some(session) = &self.session else { return };
        let (mut lane, mut wire) = (session.sending_lane().clone(), vec![0; 2_048]);
        let sealed = lane.seal(&channel, self.cursor, bytes.len(), &mut wire, |plain| {
            plain.copy_from_slice(&bytes);
            Ok(())
        });
        let Ok(len) = sealed else { return };
        self.all_unsure();
        self.acks(self.cursor);
        let before = victim.received();
        victim.input(&wire[..len], len / 2);
        if Item::parse(&bytes).is_err() {
            assert!(!victim.is_live() && victim.received() == before, "what is no item is taken for one");
        } else {
            // The peer does not follow what it has said: GAP, a marker, a channel. It may be anywhere now.
            (self.forgot, self.lied) = (true, true);
        }
        // It may answer a rotation of which the peer's own session knows nothing.
        victim.sent.clear();
        self.drop_session(victim);
    }

    /// A message that was changed on its way: the session ends, and the cursor stays.
    fn flipped(&mut self, victim: &mut Victim, at: u16, bit: u8) {
        let before = victim.received();
        let Some(mut wire) = self.seal(&CONTROL, self.cursor, 0, &Item::Ack, None) else { return };
        let at = usize::from(at) % wire.len();
        wire[at] ^= 1 << (bit % 8);
        victim.input(&wire, 0);
        assert!(victim.received() == before && !victim.is_live(), "byte {at} is not authenticated");
        self.drop_session(victim);
    }
}
