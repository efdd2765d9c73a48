//! What goes out, and in which order (sections 5 to 10).

use core::num::NonZeroU64;

use super::parts::{Attempt, Live, Recorded, Stage, Storage};
use super::{ConnId, Context, DownCause, Link, LinkEvent, Outbox, TooSmall};
use crate::crypto::aead::TAG_LEN;
use crate::handshake::{MESSAGE1_LEN, MESSAGE2_LEN};
use crate::id::ChannelId;
use crate::link::lane::SealError;
use crate::link::storage::{Queue, Table};
use crate::link::timers::TimerKind;
use crate::link::window::Numbered;
use crate::time::Instant;
use crate::wire::Item;
use crate::wire::bind::AgentChannel;
use crate::wire::header::CONTROL;
use crate::wire::item::{Code, HEAD_LEN, Kind, Pos, WireCode};
use crate::wire::padding::padded_len;

/// What goes next in the live session.
#[derive(Clone, Copy, Debug)]
enum Next {
    Negotiate(Pos),
    Gap(u64),
    Rotation,
    Credit { channel: ChannelId, limit: u64 },
    Numbered { n: u64, item: Numbered },
    Ack,
    Bye(Code),
}

impl<S: Storage> Link<S> {
    /// The connection in which bytes are to be sent now, if there is one.
    pub fn wants_transmit(&self) -> Option<ConnId> {
        match &self.attempt {
            Attempt::Connected(conn) if self.ready => return Some(*conn),
            _ => {}
        }
        if self.may_answer() {
            let mut pending = (0..self.pending.len()).filter_map(|at| self.pending.get(at));
            if let Some(waiting) = pending.find(|pending| matches!(pending.stage, Stage::Received(_))) {
                return Some(waiting.conn);
            }
        }
        self.live.as_ref().filter(|_| self.next().is_some()).map(|live| live.conn)
    }

    /// Writes what is to be sent in a connection to the front of `out`, as many whole messages as fit, and returns the
    /// bytes written; `None` if there is nothing to send now. What is written must be sent, in order.
    ///
    /// # Errors
    /// [`TooSmall`] if not even one message fits; nothing has changed.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        conn: ConnId,
        out: &mut [u8],
        outbox: &impl Outbox,
        cx: &mut Context<'_>,
    ) -> Result<Option<usize>, TooSmall> {
        self.now = self.now.max(now);
        let written = if self.live.as_ref().is_some_and(|live| live.conn == conn) {
            self.transmit_live(out, outbox, cx)
        } else if matches!(&self.attempt, Attempt::Connected(own) if *own == conn) {
            if !self.ready {
                return Ok(None);
            }
            fits(out, MESSAGE1_LEN)?;
            Ok(self.send_message1(conn, out, cx))
        } else {
            if !self.may_answer() || !self.owes_message2(conn) {
                return Ok(None);
            }
            fits(out, MESSAGE2_LEN)?;
            Ok(self.send_message2(conn, out, cx))
        };
        self.settle();
        written
    }

    fn transmit_live(
        &mut self,
        out: &mut [u8],
        outbox: &impl Outbox,
        cx: &mut Context<'_>,
    ) -> Result<Option<usize>, TooSmall> {
        let mut written = 0;
        loop {
            self.replace_oversized();
            let Some(next) = self.next() else { break };
            let rest = out.get_mut(written..).unwrap_or_default();
            match self.seal(next, rest, outbox, cx) {
                Ok(Some(len)) => {
                    written += len;
                    self.sent(next, len, cx);
                }
                Err(SealError::TooSmall { need }) if written == 0 => return Err(TooSmall { need }),
                Ok(None) | Err(SealError::TooSmall { .. }) => break,
                Err(_) => {
                    self.end_session(DownCause::Exhausted, None, cx);
                    break;
                }
            }
        }
        Ok((written > 0).then_some(written))
    }

    /// What goes next, if anything does.
    fn next(&self) -> Option<Next> {
        let live = self.live.as_ref()?;
        if let Some(code) = live.bye {
            return Some(Next::Bye(code));
        }
        if let Some(pos) = live.negotiate {
            return (self.receives.ack() >= pos.n()).then_some(Next::Negotiate(pos));
        }
        let ack = self.receives.poll_ack();
        // The responder's first message, and the answer to a GAP.
        if ack == Some(Instant::ZERO) {
            return Some(Next::Ack);
        }
        let quiet = self.attempt.is_pending() || live.draining;
        if let Some(next) = live.gap.filter(|_| !quiet && live.recorded == Recorded::Durable) {
            return Some(Next::Gap(next));
        }
        if live.session.rotation().due() {
            return Some(Next::Rotation);
        }
        if let Some((channel, limit)) = self.next_grant() {
            return Some(Next::Credit { channel, limit });
        }
        if !quiet
            && live.gap.is_none()
            && live.recorded == Recorded::Durable
            && let Some((n, item)) = self.sends.next()
            && self.fits(item.len)
        {
            return Some(Next::Numbered { n, item: *item });
        }
        let keep_alive = live.last_sent + self.config.keep_alive;
        (ack.is_some_and(|due| due <= self.now) || keep_alive <= self.now).then_some(Next::Ack)
    }

    fn seal(
        &mut self,
        next: Next,
        out: &mut [u8],
        outbox: &impl Outbox,
        cx: &mut Context<'_>,
    ) -> Result<Option<usize>, SealError> {
        let ack = self.receives.ack();
        let Some(live) = &mut self.live else { return Ok(None) };
        let session = &mut live.session;
        let mut control = |item: Item<'_>| session.seal(&CONTROL, ack, 0, &item, None, out).map(Some);
        match next {
            Next::Negotiate(pos) => control(Item::Negotiate(pos)),
            Next::Ack => control(Item::Ack),
            Next::Bye(code) => control(Item::Bye { code: WireCode::from(code) }),
            Next::Gap(next) => match NonZeroU64::new(next) {
                Some(next) => control(Item::Gap { next }),
                None => Ok(None),
            },
            Next::Credit { channel, limit } => match AgentChannel::new(channel) {
                Some(channel) => control(Item::Credit { channel, limit }),
                None => Ok(None),
            },
            Next::Rotation => session.seal_rotation(ack, || cx.rng.array(), out),
            Next::Numbered { n, item } => {
                let Some(body) = outbox.body(n) else { return Ok(None) };
                let Ok(parsed) = Item::parse_body(item.kind, body) else { return Ok(None) };
                if item.kind != Kind::Data {
                    return session.seal(&CONTROL, ack, n, &parsed, None, out).map(Some);
                }
                let Some(entry) = self.channels.get(&item.channel) else { return Err(SealError::UnknownChannel) };
                if let Some(bind) = entry.state.bind
                    && !session.sends_on(&item.channel)
                {
                    session.bind_sending(item.channel, bind).map_err(|_| SealError::UnknownChannel)?;
                }
                let padding = entry.state.padding;
                let max_body = usize::try_from(live.agreed.max_body).unwrap_or(usize::MAX);
                let padded = padding.then(|| padded_len(parsed.encoded_len(), max_body));
                session.seal(&item.channel, ack, n, &parsed, padded, out).map(Some)
            }
        }
    }

    /// A message of `len` bytes has been sealed.
    fn sent(&mut self, next: Next, len: usize, cx: &mut Context<'_>) {
        self.receives.handle_transmitted();
        self.stats.messages_sent += 1;
        self.stats.bytes_sent += len as u64;
        let now = self.now;
        let Some(live) = &mut self.live else { return };
        live.last_sent = now;
        let session = live.session.id();
        match next {
            Next::Negotiate(_) => live.negotiate = None,
            Next::Gap(next) => {
                (live.gap, live.gap_sent) = (None, true);
                // It counts as transmitting next - 1.
                self.records.handle_transmitted(&session, next.saturating_sub(1));
            }
            Next::Rotation => {
                if !live.session.rotation().under_way() {
                    self.rotation_done();
                }
            }
            Next::Credit { channel, .. } => {
                self.granted(&channel);
            }
            Next::Numbered { n, .. } => {
                self.stats.items_resent += u64::from(n <= live.given_before);
                self.sends.handle_transmitted(len);
                self.records.handle_transmitted(&session, n);
                self.note_flow();
            }
            Next::Ack => {}
            Next::Bye(_) => {
                let conn = live.conn;
                self.live = None;
                self.timers.clear(TimerKind::Message);
                self.tell(LinkEvent::CloseConn(conn));
                self.plan_dial(cx);
            }
        }
        self.rotate_if_due();
    }

    /// A numbered item that is too large for a confirmed session, and every later one of its channel, become CLOSE
    /// (section 8, large items).
    fn replace_oversized(&mut self) {
        let confirmed = self.live().is_some_and(|live| live.confirmed);
        let Some((from, item)) = self.sends.next().map(|(n, item)| (n, *item)) else { return };
        if !confirmed || self.fits(item.len) {
            return;
        }
        for n in from..=self.sends.given() {
            let same = self.sends.get(n).is_some_and(|it| it.channel == item.channel && it.kind == Kind::Data);
            if same {
                self.replace_by_close(n);
            }
        }
        self.lower_marks(from);
        self.close(&item.channel);
        self.tell(LinkEvent::Replaced { channel: Some(item.channel), from });
    }
}

impl<S: Storage> Live<S> {
    /// Bytes are at hand; `held` is what was when the last came.
    pub(super) fn note_bytes(&mut self, now: Instant, held: usize) {
        let partial = &mut self.partial;
        if held > partial.held {
            self.last_heard = now;
            if partial.held == 0 {
                partial.first = now;
            }
            (partial.held, partial.last) = (held, now);
        }
    }
}

const _: () = assert!(HEAD_LEN + TAG_LEN == 29);

const fn fits(out: &[u8], need: usize) -> Result<(), TooSmall> {
    if out.len() < need { Err(TooSmall { need }) } else { Ok(()) }
}
