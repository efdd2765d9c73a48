//! Attempts: connecting, and the handshakes of both sides until a session is live (section 5).

use core::mem;

use super::live::Candidate;
use super::parts::{Answered, Attempt, Pending, Stage, Storage};
use super::{ConnId, Context, Input, Link, LinkEvent};
use crate::handshake::{
    Established, HandshakeError, Identified, Initiator, MESSAGE1_LEN, MESSAGE2_LEN, Responder, Split, refuses_crossing,
};
use crate::link::keys::{Role, SessionKeys};
use crate::link::recovery;
use crate::link::session::{OpenError, Session, Terms};
use crate::link::storage::Queue;
use crate::link::timers::TimerKind;
use crate::time::Instant;
use crate::wire::header::HEADER_LEN;
use crate::wire::item::Pos;

impl<S: Storage> Link<S> {
    /// A connection to the peer is there, as [`LinkEvent::Connect`] asked.
    pub fn handle_connected(&mut self, now: Instant, conn: ConnId) {
        self.now = self.now.max(now);
        if matches!(self.attempt, Attempt::Connecting) && self.may_dial() {
            self.attempt = Attempt::Connected(conn);
            self.dialed = self.now;
        } else {
            self.tell(LinkEvent::CloseConn(conn));
        }
        self.settle();
    }

    /// There is no connection to be had.
    pub fn handle_connect_failed(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        if matches!(self.attempt, Attempt::Connecting) {
            self.tell(LinkEvent::ConnectFailed);
            self.attempt_failed(cx);
        }
        self.settle();
    }

    /// Message 1 came in a connection, and claims to be of this peer.
    ///
    /// # Errors
    /// Why it is refused: close the connection. Nothing has changed.
    pub fn handle_message1(
        &mut self,
        now: Instant,
        conn: ConnId,
        identified: Identified<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), HandshakeError> {
        self.now = self.now.max(now);
        let crossing = refuses_crossing(&self.local, &self.peer.id, self.attempt.is_pending());
        if self.suspended.is_some() || self.closing {
            return Err(HandshakeError::Suspended);
        }
        if crossing {
            return Err(HandshakeError::Crossing);
        }
        if self.pending.is_full() {
            return Err(HandshakeError::TooManyPending);
        }
        let responder = identified.accept(self.now, cx.local, cx.rng)?;
        self.ranks += 1;
        let (rank, deadline) = (self.ranks, responder.poll_timeout());
        let pending = Pending { conn, rank, deadline, stage: Stage::Received(responder) };
        self.pending.push_back(pending).map_err(|_| HandshakeError::TooManyPending)?;
        self.settle();
        Ok(())
    }

    /// A connection is lost, or closed by the peer.
    pub fn handle_disconnected(&mut self, now: Instant, conn: ConnId, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        if self.live.as_ref().is_some_and(|live| live.conn == conn) {
            self.lost(cx);
        } else if self.attempt.conn() == Some(conn) {
            self.attempt = Attempt::None;
            self.tell(LinkEvent::ConnectFailed);
            self.attempt_failed(cx);
        } else {
            self.take_pending(conn);
        }
        self.settle();
    }

    /// Whether this side may have an attempt now.
    pub(super) fn may_dial(&self) -> bool {
        self.dials && !self.closing && self.suspended.is_none()
    }

    /// Sets the moment of the next attempt, if there is to be one.
    pub(super) fn plan_dial(&mut self, cx: &mut Context<'_>) {
        if !self.may_dial() || self.live().is_some() || !self.attempt.is_none() {
            return;
        }
        let delay = if self.stalled >= self.config.max_recovery_attempts {
            self.config.recovery_pause
        } else {
            self.backoff.next_delay(cx.rng)
        };
        self.timers.set_earlier(TimerKind::Dial, self.now + delay);
    }

    /// It is time to connect.
    pub(super) fn dial(&mut self) {
        if !self.may_dial() || self.live().is_some() || !self.attempt.is_none() {
            return;
        }
        match self.breaker.allow(self.now) {
            Ok(()) => self.connect(),
            Err(open) => {
                self.timers.set(TimerKind::Dial, Some(self.now + open.retry_after));
            }
        }
    }

    pub(super) fn connect(&mut self) {
        self.attempt = Attempt::Connecting;
        self.dialed = self.now;
        self.timers.clear(TimerKind::Dial);
        self.tell(LinkEvent::Connect);
    }

    /// This side's attempt is over, and there is no session from it.
    pub(super) fn attempt_failed(&mut self, cx: &mut Context<'_>) {
        if let Some(conn) = self.attempt.conn() {
            self.tell(LinkEvent::CloseConn(conn));
        }
        self.attempt = Attempt::None;
        self.stats.failed_attempts += 1;
        if self.live().is_some() {
            // It was to replace a session, which goes on.
            self.replacement_failed();
            return;
        }
        let (was, now) = (self.breaker.state(self.now), self.now);
        self.breaker.on_failure(now);
        if self.breaker.state(now) != was
            && let Some(until) = self.breaker.poll_timeout()
        {
            self.tell(LinkEvent::BreakerOpen { retry_after: until.saturating_since(now) });
        }
        self.plan_dial(cx);
    }

    /// Drops this side's attempt without a word.
    pub(super) fn drop_attempt(&mut self) {
        if let Some(conn) = self.attempt.conn() {
            self.tell(LinkEvent::CloseConn(conn));
        }
        self.attempt = Attempt::None;
    }

    /// Takes the pending session of a connection.
    pub(super) fn take_pending(&mut self, conn: ConnId) -> Option<Pending<S::Lane>> {
        let mut found = None;
        for _ in 0..self.pending.len() {
            match self.pending.pop_front() {
                Some(pending) if pending.conn == conn => found = Some(pending),
                Some(pending) => {
                    // It has just made room for itself.
                    let _ = self.pending.push_back(pending);
                }
                None => break,
            }
        }
        found
    }

    /// Drops the pending sessions that are over by now, or all of them for `Instant::MAX`.
    pub(super) fn drop_pending(&mut self, until: Instant) {
        self.drop_pending_if(|pending| pending.deadline <= until);
    }

    pub(super) fn drop_pending_if(&mut self, over: impl Fn(&Pending<S::Lane>) -> bool) {
        for _ in 0..self.pending.len() {
            let Some(pending) = self.pending.pop_front() else { return };
            if over(&pending) {
                self.tell(LinkEvent::CloseConn(pending.conn));
            } else {
                let _ = self.pending.push_back(pending);
            }
        }
    }

    fn pending_mut(&mut self, conn: ConnId) -> Option<&mut Pending<S::Lane>> {
        let at = (0..self.pending.len()).find(|at| self.pending.get(*at).is_some_and(|it| it.conn == conn))?;
        self.pending.get_mut(at)
    }

    /// Message 1 of this side's attempt, into the front of `out`.
    pub(super) fn send_message1(&mut self, conn: ConnId, out: &mut [u8], cx: &mut Context<'_>) -> Option<usize> {
        let place = out.first_chunk_mut::<MESSAGE1_LEN>()?;
        match Initiator::start(self.now, cx.local, &self.peer, cx.rng) {
            Ok((initiator, message)) => {
                *place = message;
                self.ranks += 1;
                self.attempt = Attempt::Sent { conn, initiator, rank: self.ranks, acked: self.sends.acked() };
                Some(MESSAGE1_LEN)
            }
            Err(error) => {
                self.tell(LinkEvent::HandshakeFailed(error));
                self.attempt_failed(cx);
                None
            }
        }
    }

    /// Whether message 2 may go: everything that its POS states is durable (rule W6).
    pub(super) fn may_answer(&self) -> bool {
        self.ready && self.receives.ack() >= self.receives.received()
    }

    /// Whether message 2 of a pending session is still to be sent.
    pub(super) fn owes_message2(&self, conn: ConnId) -> bool {
        let mut pending = (0..self.pending.len()).filter_map(|at| self.pending.get(at));
        pending.any(|pending| pending.conn == conn && matches!(pending.stage, Stage::Received(_)))
    }

    /// Message 2 of a pending session, into the front of `out`.
    pub(super) fn send_message2(&mut self, conn: ConnId, out: &mut [u8], cx: &mut Context<'_>) -> Option<usize> {
        let place = out.first_chunk_mut::<MESSAGE2_LEN>()?;
        let (now, cursor) = (self.now, self.receives.received());
        let pending = self.pending_mut(conn)?;
        let Stage::Received(responder) = mem::replace(&mut pending.stage, Stage::Over) else { return None };
        let pos = self.claim(&responder);
        let answered = responder.respond(now, cx.local, pos).and_then(|(message, established)| {
            *place = message;
            self.answered_session(established, cursor, cx)
        });
        match answered {
            Ok(answered) => {
                if let Some(pending) = self.pending_mut(conn) {
                    pending.stage = Stage::Answered(answered);
                }
                Some(MESSAGE2_LEN)
            }
            Err(error) => {
                self.take_pending(conn);
                self.tell(LinkEvent::HandshakeFailed(error));
                self.tell(LinkEvent::CloseConn(conn));
                None
            }
        }
    }

    /// The responder's POS (section 9): all zero if the store of the peer is not the one recorded.
    fn claim(&self, responder: &Responder) -> Pos {
        let same = self.peer_store.as_ref() == Some(&responder.store_id());
        match self.receives.tag() {
            Some((id, history)) if same => {
                let context = recovery::Context::new(&self.peer.id, &self.local, *responder.e_i(), *responder.e_r());
                context.claim(self.receives.received(), id, history)
            }
            _ => Pos::ZERO,
        }
    }

    fn answered_session(
        &self,
        established: Established,
        cursor: u64,
        cx: &Context<'_>,
    ) -> Result<Answered<S::Lane>, HandshakeError> {
        let (agreed, peer_store) = (established.agreed, established.store_id);
        let (e_i, e_r) = (established.e_i, established.e_r);
        let session = self.session(established, Role::Responder, cx)?;
        Ok(Answered { session, agreed, peer_store, e_i, e_r, cursor, opening: None })
    }

    fn session(
        &self,
        established: Established,
        role: Role,
        cx: &Context<'_>,
    ) -> Result<Session<S::Lane>, HandshakeError> {
        let agreed = established.agreed;
        let Split { k_ir, k_ri, h } = established.split;
        let keys = SessionKeys::derive(k_ir, k_ri, &h);
        let terms = Terms {
            role,
            local: self.local,
            peer: self.peer.id,
            depth: agreed.depth,
            max_body: agreed.max_body,
            suite: agreed.suite,
            aead: cx.aead,
        };
        Session::new(keys, &terms).map_err(|_| HandshakeError::Suite)
    }

    /// Bytes of the peer in the connection of this side's attempt: message 2.
    pub(super) fn attempt_input<'m>(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Input<'m> {
        if bytes.len() < HEADER_LEN {
            return Input::Need(HEADER_LEN);
        }
        let Some(message) = bytes.first_chunk::<MESSAGE2_LEN>() else { return Input::Need(MESSAGE2_LEN) };
        // Whoever speaks before message 1 does not speak this protocol.
        let Attempt::Sent { conn, initiator, rank, acked } = &mut self.attempt else {
            self.attempt_failed(cx);
            return Input::Ended;
        };
        let (conn, rank, acked) = (*conn, *rank, *acked);
        let finished = initiator.finish(self.now, cx.local, message);
        let finished = finished.and_then(|established| {
            let (agreed, peer_store, pos) = (established.agreed, established.store_id, established.pos);
            let (e_i, e_r) = (established.e_i, established.e_r);
            let session = self.session(established, Role::Initiator, cx)?;
            Ok(Candidate { conn, session, agreed, rank, peer_store, pos, e_i, e_r })
        });
        match finished {
            // An older session was still delivering: the claim is out of date.
            Ok(_) if self.sends.acked() != acked => {
                self.attempt_failed(cx);
                Input::Ended
            }
            Ok(candidate) => {
                self.attempt = Attempt::None;
                if self.go_live(candidate, cx) { Input::Consumed(MESSAGE2_LEN) } else { Input::Ended }
            }
            Err(error) => {
                self.tell(LinkEvent::HandshakeFailed(error));
                self.attempt_failed(cx);
                Input::Ended
            }
        }
    }

    /// Bytes of the peer in the connection of a pending session: NEGOTIATE.
    pub(super) fn pending_input<'m>(&mut self, conn: ConnId, bytes: &'m mut [u8], cx: &mut Context<'_>) -> Input<'m> {
        let Some(pending) = self.pending_mut(conn) else { return Input::Ended };
        let rank = pending.rank;
        // Whoever speaks before message 2 does not speak this protocol.
        let Stage::Answered(answered) = &mut pending.stage else { return self.refuse_pending(conn) };
        let head_len = answered.session.head_len();
        let opening = match answered.opening.take() {
            Some(opening) => opening,
            None => match answered.session.judge_head(bytes) {
                Ok(Some(opening)) => opening,
                Ok(None) => return Input::Need(if bytes.len() < HEADER_LEN { HEADER_LEN } else { head_len }),
                Err(check) => {
                    self.rejected.count(check);
                    return self.refuse_pending(conn);
                }
            },
        };
        let len = opening.message_len();
        if bytes.len() < len {
            answered.opening = Some(opening);
            return Input::Need(len);
        }
        let received = match answered.session.open(opening, bytes) {
            Ok(received) => received,
            Err(error) => {
                if let OpenError::Malformed(check) = error {
                    self.rejected.count(check);
                }
                return self.refuse_pending(conn);
            }
        };
        let crate::wire::Item::Negotiate(pos) = received.item else { return self.refuse_pending(conn) };
        let ack = received.ack;
        let Some(Pending { stage: Stage::Answered(answered), .. }) = self.take_pending(conn) else {
            return Input::Ended;
        };
        // An older session was still delivering: message 2 is out of date.
        if answered.cursor != self.receives.received() {
            self.tell(LinkEvent::CloseConn(conn));
            return Input::Ended;
        }
        let Answered { session, agreed, peer_store, e_i, e_r, .. } = answered;
        let live = self.go_live(Candidate { conn, session, agreed, rank, peer_store, pos, e_i, e_r }, cx);
        if !live || self.take_ack(ack, cx).is_err() {
            return Input::Ended;
        }
        self.stats.messages_received += 1;
        self.stats.bytes_received += len as u64;
        Input::Consumed(len)
    }

    fn refuse_pending<'m>(&mut self, conn: ConnId) -> Input<'m> {
        self.take_pending(conn);
        self.tell(LinkEvent::CloseConn(conn));
        Input::Ended
    }
}
