//! What time brings about (section 8, timers).

use super::parts::{Attempt, Storage};
use super::{Context, DownCause, Link, LinkEvent};
use crate::link::storage::Queue;
use crate::link::timers::TimerKind;
use crate::time::Instant;
use crate::wire::item::Code;

impl<S: Storage> Link<S> {
    /// The time has come to `now`: handles every deadline that has passed. Without one it does nothing.
    pub fn handle_timeout(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        while let Some(kind) = self.timers.expire(self.now) {
            self.expired(kind, cx);
        }
        self.settle();
    }

    fn expired(&mut self, kind: TimerKind, cx: &mut Context<'_>) {
        match kind {
            // `poll_transmit` looks at the time itself.
            TimerKind::LoneAck => {}
            TimerKind::KeepAlive => self.release(),
            TimerKind::Message => self.message_expired(cx),
            TimerKind::Handshake => self.handshake_expired(cx),
            TimerKind::Dead => {
                let dead = self.config.dead;
                if self.live().is_some_and(|live| live.last_heard + dead <= self.now) {
                    self.end_session(DownCause::Dead, None, cx);
                }
            }
            TimerKind::Ack => self.ack_expired(cx),
            TimerKind::Dial => self.dial(),
            TimerKind::Rotate => {
                self.request_rotation();
            }
            TimerKind::Rotation => self.end_session(DownCause::RotationTimeout, None, cx),
            TimerKind::Planned => self.plan_replacement(cx),
            TimerKind::Drain => self.replacement_failed(),
            TimerKind::End => self.end_session(DownCause::Bye(Code::KeyTooOld), Some(Code::KeyTooOld), cx),
        }
    }

    /// Nothing has flowed for a while: the memory that the last burst took is given back.
    fn release(&mut self) {
        self.sends.release();
        self.receives.release();
        self.dirty.release();
        self.grants.release();
        self.marks.release();
        self.settles.release();
        self.events.release();
        self.pending.release();
    }

    fn message_expired(&mut self, cx: &mut Context<'_>) {
        let Some(live) = &self.live else { return };
        if live.bye.is_some() {
            let conn = live.conn;
            self.live = None;
            self.tell(LinkEvent::CloseConn(conn));
        } else if self.message_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.end_session(DownCause::MessageTimeout, None, cx);
        }
    }

    /// When the message that has not come whole is too late.
    fn message_deadline(&self) -> Option<Instant> {
        let live = self.live().filter(|live| live.partial.held > 0)?;
        let whole = live.partial.first + self.config.message_deadline(live.partial.len);
        Some(whole.min(live.partial.last + self.config.message_idle))
    }

    fn handshake_expired(&mut self, cx: &mut Context<'_>) {
        self.drop_pending(self.now);
        let late = match &self.attempt {
            Attempt::None => false,
            Attempt::Sent { initiator, .. } => initiator.poll_timeout().is_none_or(|deadline| deadline <= self.now),
            Attempt::Connecting | Attempt::Connected(_) => self.dialed + self.config.handshake <= self.now,
        };
        if late {
            self.tell(LinkEvent::ConnectFailed);
            self.attempt_failed(cx);
        }
    }

    /// Items are unacked: something must have moved since the last time.
    fn ack_expired(&mut self, cx: &mut Context<'_>) {
        let progress = self.sends.progress();
        let Some(live) = self.live_mut() else { return };
        if live.progress == progress {
            self.end_session(DownCause::AckTimeout, None, cx);
        }
    }

    /// The session is old: nothing is numbered any more until what went is acked (section 5, "Planned handshake").
    fn plan_replacement(&mut self, cx: &mut Context<'_>) {
        if !self.plans() || !self.attempt.is_none() {
            self.replacement_failed();
            return;
        }
        if let Some(live) = self.live_mut() {
            live.draining = true;
        }
        self.timers.set(TimerKind::Drain, Some(self.now + self.config.age.drain));
        self.drained(cx);
    }

    /// Connects anew if a replacement is planned and all that went is acked.
    pub(super) fn drained(&mut self, _cx: &mut Context<'_>) {
        let draining = self.live().is_some_and(|live| live.draining);
        if draining && self.attempt.is_none() && !self.sends.is_in_flight() && self.accepting.is_none() {
            self.timers.clear(TimerKind::Drain);
            self.connect();
        }
    }

    /// The session goes on as before, and the next try is later.
    pub(super) fn replacement_failed(&mut self) {
        let retry = self.now + self.config.age.retry;
        let plans = self.plans();
        let Some(live) = self.live_mut() else { return };
        live.draining = false;
        if plans {
            self.timers.set(TimerKind::Planned, Some(retry));
        }
    }

    /// Sets the timers whose moments follow from the state. The moments of those that move with every message are
    /// looked at when they come.
    pub(super) fn set_timers(&mut self) {
        self.set_handshake_timer();
        self.timers.set(TimerKind::LoneAck, self.receives.poll_ack().filter(|due| *due > self.now));
        let Some(live) = self.live() else { return };
        let (sent, heard) = (live.last_sent + self.config.keep_alive, live.last_heard + self.config.dead);
        let message = self.message_deadline();
        if self.timers.get(TimerKind::KeepAlive).is_none() && sent > self.now {
            self.timers.set(TimerKind::KeepAlive, Some(sent));
        }
        if self.timers.get(TimerKind::Dead).is_none() {
            self.timers.set(TimerKind::Dead, Some(heard));
        }
        self.timers.set(TimerKind::Message, message);
        if self.sends.given() == self.sends.acked() {
            self.timers.clear(TimerKind::Ack);
        } else if self.timers.get(TimerKind::Ack).is_none() {
            let (at, progress) = (self.now + self.config.ack_timeout, self.sends.progress());
            if let Some(live) = self.live_mut() {
                live.progress = progress;
            }
            self.timers.set(TimerKind::Ack, Some(at));
        }
    }

    fn set_handshake_timer(&mut self) {
        let own = match &self.attempt {
            Attempt::None => None,
            Attempt::Sent { initiator, .. } => initiator.poll_timeout(),
            Attempt::Connecting | Attempt::Connected(_) => Some(self.dialed + self.config.handshake),
        };
        let pending = (0..self.pending.len()).filter_map(|at| self.pending.get(at)).map(|pending| pending.deadline);
        let earliest = pending.chain(own).min();
        self.timers.set(TimerKind::Handshake, earliest);
    }
}
