//! What the peer sends in the live session (sections 7 to 11).

use super::parts::Storage;
use super::{ConnId, Context, DownCause, Input, Link, LinkEvent, LinkItem};
use crate::id::ChannelId;
use crate::link::channel::{Reaction, Request, answer_unknown, judge_open};
use crate::link::keys::Role;
use crate::link::rotation::RotationError;
use crate::link::session::{OpenError, Received};
use crate::link::storage::{Hold, Table};
use crate::link::timers::TimerKind;
use crate::link::window::{Arrival, WindowViolation};
use crate::time::Instant;
use crate::wire::header::HEADER_LEN;
use crate::wire::item::{Accept, Code, Data, Open, WireCode};
use crate::wire::{Item, Malformed};

/// Why the session ends.
#[derive(Clone, Copy, Debug)]
enum Offence {
    Silent(DownCause),
    Bye(Code),
}

impl From<WindowViolation> for Offence {
    fn from(violation: WindowViolation) -> Self {
        match violation {
            WindowViolation::Sequence => Self::Silent(DownCause::Sequence),
            WindowViolation::Window => Self::Bye(Code::Limit),
        }
    }
}

impl<S: Storage> Link<S> {
    /// Bytes have come in a connection: `bytes` is all that is at hand of it and not used up. One message is dealt
    /// with; it is opened where it lies.
    pub fn handle_input<'m>(
        &mut self,
        now: Instant,
        conn: ConnId,
        bytes: &'m mut [u8],
        cx: &mut Context<'_>,
    ) -> Input<'m> {
        self.now = self.now.max(now);
        let input = if self.live.as_ref().is_some_and(|live| live.conn == conn) {
            self.live_input(bytes, cx)
        } else if self.attempt.conn() == Some(conn) {
            self.attempt_input(bytes, cx)
        } else {
            self.pending_input(conn, bytes, cx)
        };
        self.settle();
        input
    }

    fn live_input<'m>(&mut self, bytes: &'m mut [u8], cx: &mut Context<'_>) -> Input<'m> {
        let received = match self.open_message(bytes) {
            Ok(Ok(received)) => received,
            Ok(Err(need)) => return Input::Need(need),
            Err(offence) => {
                self.end_for(offence, cx);
                return Input::Ended;
            }
        };
        let consumed = received.len;
        match self.act(received, cx) {
            Ok(None) => Input::Consumed(consumed),
            Ok(Some(Act::Item(item))) => Input::Item { consumed, item },
            Ok(Some(Act::Gap)) => Input::Gap { consumed },
            Err(offence) => {
                self.end_for(offence, cx);
                Input::Ended
            }
        }
    }

    fn end_for(&mut self, offence: Offence, cx: &mut Context<'_>) {
        match offence {
            Offence::Silent(cause) => self.end_session(cause, None, cx),
            Offence::Bye(code) => self.end_session(DownCause::Bye(code), Some(code), cx),
        }
    }

    /// The next message, if it has come whole; else the bytes that are needed.
    fn open_message<'m>(&mut self, bytes: &'m mut [u8]) -> Result<Result<Received<'m>, usize>, Offence> {
        let now = self.now;
        // After BYE nothing is heard any more.
        let channels = &self.channels;
        let live = self.live.as_mut().filter(|live| live.bye.is_none());
        let live = live.ok_or(Offence::Silent(DownCause::Stopped))?;
        live.note_bytes(now, bytes.len());
        let opening = match live.opening.take() {
            Some(opening) => opening.release(),
            None => match live.session.judge_head_with(bytes, |id| channels.get(id)?.state.bind) {
                Ok(Some(opening)) => opening,
                Ok(None) => {
                    let head = live.session.head_len();
                    live.partial.len = head;
                    return Ok(Err(if bytes.len() < HEADER_LEN { HEADER_LEN } else { head }));
                }
                Err(check) => return Err(self.malformed(check)),
            },
        };
        let len = opening.message_len();
        live.partial.len = len;
        if bytes.len() < len {
            live.opening = Some(S::Opening::hold(opening));
            return Ok(Err(len));
        }
        live.partial = super::parts::Partial::default();
        match live.session.open(opening, bytes) {
            Ok(received) => {
                self.stats.messages_received += 1;
                self.stats.bytes_received += len as u64;
                Ok(Ok(received))
            }
            Err(OpenError::Malformed(check)) => Err(self.malformed(check)),
            Err(OpenError::Rotation(RotationError::Unexpected)) => Err(Offence::Bye(Code::ProtocolError)),
            Err(OpenError::Rotation(error)) => Err(Offence::Silent(DownCause::Rotation(error))),
        }
    }

    fn malformed(&mut self, check: Malformed) -> Offence {
        self.rejected.count(check);
        Offence::Silent(DownCause::Malformed(check))
    }

    fn act<'m>(&mut self, received: Received<'m>, cx: &mut Context<'_>) -> Result<Option<Act<'m>>, Offence> {
        let Received { channel, ack, n, item, .. } = received;
        self.confirm();
        self.take_ack(ack, cx).map_err(|_| Offence::Silent(DownCause::Sequence))?;
        match item {
            Item::Ack => {}
            Item::Credit { channel, limit } => self.take_credit(&channel.id(), limit),
            Item::Bye { code } => return Err(Offence::Silent(DownCause::ByeReceived(code))),
            // It is legal at step 0 alone, which is behind us.
            Item::Negotiate(_) => return Err(Offence::Silent(DownCause::Malformed(Malformed::Item))),
            Item::RotateReq { .. } | Item::RotateAck { .. } => self.note_rotation(),
            Item::RotateDone { .. } => self.rotation_done(),
            Item::Gap { next } => return self.take_gap(next.get()).map(Some),
            item => return self.take_numbered(&channel, n, item).map(|item| item.map(Act::Item)),
        }
        self.rotate_if_due();
        Ok(None)
    }

    fn take_credit(&mut self, channel: &ChannelId, limit: u64) {
        if let Some(entry) = self.channels.get_mut(channel) {
            entry.state.sends.handle_credit(limit);
            self.join(channel);
        }
    }

    /// The peer goes on with `next`. What has a number becomes CLOSE (section 9, "Who receives GAP"): also what has gone in
    /// this session, for the peer may not know its channel, and end every session that brings DATA of it.
    fn take_gap<'m>(&mut self, next: u64) -> Result<Act<'m>, Offence> {
        let live = self.live.as_ref().ok_or(Offence::Silent(DownCause::Stopped))?;
        let (id, history) = (live.session.id(), live.session.history().clone());
        let gap = self.receives.handle_gap(next, id, &history);
        gap.map_err(|_| Offence::Silent(DownCause::Sequence))?;
        (self.state_dirty, self.gap_came) = (true, true);
        let from = self.sends.acked().saturating_add(1);
        let replaced = (from..=self.sends.given()).filter(|n| self.replace_by_close(*n)).count();
        if replaced > 0 {
            self.lower_marks(from);
            self.tell(LinkEvent::Replaced { channel: None, from });
        }
        Ok(Act::Gap)
    }

    /// Item `n` becomes CLOSE of its channel, under its number. `false` if it is that, or is not there.
    pub(super) fn replace_by_close(&mut self, n: u64) -> bool {
        let Some(item) = self.sends.get(n).copied().filter(|item| item.kind != crate::wire::item::Kind::Close) else {
            return false;
        };
        let len = u32::try_from(ChannelId::LEN + 1).unwrap_or(u32::MAX);
        let close = crate::link::window::Numbered { kind: crate::wire::item::Kind::Close, len, ..item };
        self.sends.replace(n, close)
    }

    /// A numbered item: dropped if it is here already, else judged, and only then taken.
    fn take_numbered<'m>(
        &mut self,
        channel: &ChannelId,
        n: u64,
        item: Item<'m>,
    ) -> Result<Option<LinkItem<'m>>, Offence> {
        let len = u32::try_from(item.body_len()).unwrap_or(u32::MAX);
        if self.receives.judge(n, len)? == Arrival::Repeat {
            self.stats.repeats += 1;
            return Ok(None);
        }
        let item = match item {
            Item::Data(data) => self.take_data(channel, data)?,
            Item::Open(open) => self.take_open(open)?,
            Item::Accept(accept) => self.take_accept(accept)?,
            Item::Reject { channel, code } => self.take_reject(&channel.id(), code)?,
            Item::Close { channel, code } => self.take_close(&channel.id(), code)?,
            _ => return Err(Offence::Silent(DownCause::Malformed(Malformed::Item))),
        };
        let live = self.live.as_ref().ok_or(Offence::Silent(DownCause::Stopped))?;
        self.receives.accept(n, len, live.session.id(), live.session.history())?;
        self.state_dirty = true;
        self.note_flow();
        self.rotate_if_due();
        Ok(Some(item))
    }

    fn take_data<'m>(&mut self, channel: &ChannelId, data: Data<'m>) -> Result<LinkItem<'m>, Offence> {
        let (illegal, chan_max) = (Offence::Bye(Code::ProtocolError), self.chan_max);
        let entry = self.channels.get_mut(channel).ok_or(illegal)?;
        let state = &mut entry.state;
        state.phase.handle_data().map_err(|_| illegal)?;
        if data.q.get() <= state.received_q {
            return Err(illegal);
        }
        state.receives.accept(chan_max).map_err(|_| Offence::Bye(Code::Limit))?;
        state.received_q = data.q.get();
        let tag = state.tag;
        self.mark_channel(channel);
        Ok(LinkItem::Data { channel: *channel, tag, data })
    }

    /// One more answer may be queued.
    fn check_answers(&self) -> Result<(), Offence> {
        if self.answers < self.config.max_answers { Ok(()) } else { Err(Offence::Bye(Code::Limit)) }
    }

    fn take_open<'m>(&mut self, open: Open) -> Result<LinkItem<'m>, Offence> {
        self.check_answers()?;
        let channel = open.channel.id();
        let known = self.channels.get(&channel).is_some();
        Ok(match judge_open(&channel, known, &self.local, &self.peer.id) {
            Request::Ask => LinkItem::Open(open),
            Request::Refuse(code) => LinkItem::Refused { channel, code },
        })
    }

    fn take_accept<'m>(&mut self, accept: Accept) -> Result<LinkItem<'m>, Offence> {
        let Some(entry) = self.channels.get_mut(&accept.channel.id()) else { return Ok(LinkItem::Ignored) };
        let tag = entry.state.tag;
        let reaction = entry.state.phase.handle_accept().map_err(|_| Offence::Bye(Code::ProtocolError))?;
        self.mark_channel(&accept.channel.id());
        Ok(match reaction {
            Reaction::Bind => LinkItem::Bound { tag, accept },
            Reaction::Opened => LinkItem::Opened { tag, accept },
            _ => LinkItem::Ignored,
        })
    }

    fn take_reject<'m>(&mut self, channel: &ChannelId, code: WireCode) -> Result<LinkItem<'m>, Offence> {
        let Some(entry) = self.channels.get_mut(channel) else { return Ok(LinkItem::Ignored) };
        let tag = entry.state.tag;
        let reaction = entry.state.phase.handle_reject().map_err(|_| Offence::Bye(Code::ProtocolError))?;
        if reaction != Reaction::Rejected {
            self.mark_channel(channel);
            return Ok(LinkItem::Ignored);
        }
        self.erase(channel);
        Ok(LinkItem::Rejected { channel: *channel, tag, code })
    }

    fn take_close<'m>(&mut self, channel: &ChannelId, code: WireCode) -> Result<LinkItem<'m>, Offence> {
        let Some(entry) = self.channels.get(channel) else {
            let answer = answer_unknown(code);
            if answer.is_some() {
                self.check_answers()?;
            }
            return Ok(LinkItem::CloseUnknown { channel: *channel, code: answer });
        };
        if !entry.state.phase.is_closing() {
            self.check_answers()?;
        }
        let tag = entry.state.tag;
        let reaction = self.channels.get_mut(channel).map(|entry| entry.state.phase.handle_close());
        let (answer, erased) = (reaction == Some(Reaction::Answer), reaction == Some(Reaction::Erase));
        if erased {
            self.erase(channel);
        } else {
            if let Some(entry) = self.channels.get_mut(channel) {
                entry.waiting = false;
            }
            self.schedule.leave(channel);
            self.mark_channel(channel);
        }
        Ok(LinkItem::Closed { channel: *channel, tag, code, answer, erased })
    }

    /// Forgets a channel.
    fn erase(&mut self, channel: &ChannelId) {
        self.channels.remove(channel);
        self.schedule.leave(channel);
        if let Some(live) = &mut self.live {
            live.session.unbind(channel);
        }
    }

    /// Numbered items flow: the keys are to be rotated in time (section 10).
    pub(super) fn note_flow(&mut self) {
        let (now, interval) = (self.now, self.config.rotation.interval);
        let Some(live) = self.live.as_mut().filter(|live| !live.flowed) else { return };
        live.flowed = true;
        let due = now.max(live.keyed + interval);
        self.timers.set(TimerKind::Rotate, Some(due));
    }

    /// A rotation is due by what a lane has carried.
    pub(super) fn rotate_if_due(&mut self) {
        let rotation = self.config.rotation;
        let Some(live) = self.live() else { return };
        let over = [live.session.sent(), live.session.received()];
        if over.iter().any(|used| used.messages >= rotation.messages || used.bytes >= rotation.bytes) {
            self.request_rotation();
        }
    }

    pub(super) fn request_rotation(&mut self) -> bool {
        let Some(live) = self.live_mut().filter(|live| live.confirmed) else { return false };
        let begun = live.session.request_rotation().is_ok();
        if begun {
            self.note_rotation();
        }
        begun
    }

    /// A rotation is under way: it must finish in time.
    fn note_rotation(&mut self) {
        self.timers.set_earlier(TimerKind::Rotation, self.now + self.config.rotation.timeout);
    }

    /// Both lanes have fresh keys.
    pub(super) fn rotation_done(&mut self) {
        let now = self.now;
        let Some(live) = self.live_mut() else { return };
        (live.flowed, live.keyed) = (false, now);
        let id = live.session.id();
        self.stats.rotations += 1;
        self.timers.clear(TimerKind::Rotation);
        self.timers.clear(TimerKind::Rotate);
        self.tell(LinkEvent::Rotated(id));
    }

    /// Whether this side is to plan the handshake that replaces its session (section 5).
    pub(super) fn plans(&self) -> bool {
        self.dials && self.live().is_some_and(|live| live.session.role() == Role::Initiator)
    }
}

/// What the owner has to do.
enum Act<'m> {
    Item(LinkItem<'m>),
    Gap,
}
