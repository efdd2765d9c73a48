//! The live session: how one begins, what the peer's claim leads to, and how one ends (sections 5, 8 and 9).

use super::parts::{Attempt, Live, Partial, Recorded, Storage};
use super::{ConnId, Context, DownCause, Entry, Link, LinkEvent, for_each_channel};
use crate::crypto::dh::PublicKey;
use crate::crypto::rng::Rng;
use crate::handshake::{Agreed, Mode};
use crate::id::{SessionId, StoreId};
use crate::link::keys::Role;
use crate::link::recovery::{self, Diagnosis};
use crate::link::session::Session;
use crate::link::state::Suspension;
use crate::link::storage::{Queue, Table};
use crate::link::timers::TimerKind;
use crate::link::window::{ReceiveWindow, SendWindow, SequenceFailure};
use crate::merkle::peer_state;
use crate::time::{Instant, micros};
use crate::wire::item::{Code, Kind, Pos};

/// A session that may go live: the peer has shown that it is there.
#[derive(Debug)]
pub(super) struct Candidate<C> {
    pub(super) conn: ConnId,
    pub(super) session: Session<C>,
    pub(super) agreed: Agreed,
    pub(super) rank: u64,
    /// The store id that the peer has shown.
    pub(super) peer_store: StoreId,
    /// The peer's claim.
    pub(super) pos: Pos,
    pub(super) e_i: PublicKey,
    pub(super) e_r: PublicKey,
}

/// What follows from a claim.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Go,
    Gap(u64),
    Reset,
    Suspend(Diagnosis),
}

impl<S: Storage> Link<S> {
    /// Judges the claim and goes live, or suspends the link. Whether it is live.
    pub(super) fn go_live(&mut self, candidate: Candidate<S::Lane>, cx: &mut Context<'_>) -> bool {
        let verdict = self.judge(&candidate);
        let Candidate { conn, session, agreed, rank, peer_store, pos, e_i, e_r } = candidate;
        if let Verdict::Suspend(diagnosis) = verdict {
            self.tell(LinkEvent::CloseConn(conn));
            self.suspend(Suspension { diagnosis, claimed: pos.n() }, cx);
            return false;
        }
        self.drop_others(session.role(), rank, cx);
        if matches!(verdict, Verdict::Reset) {
            self.forget();
            self.tell(LinkEvent::Reset);
        }
        if self.peer_store != Some(peer_store) {
            self.peer_store = Some(peer_store);
            self.state_dirty = true;
        }
        let gap = if let Verdict::Gap(next) = verdict { Some(next) } else { None };
        if gap.is_none() && self.accepting.take().is_some() {
            self.state_dirty = true;
            self.tell(LinkEvent::GapAcked);
        }
        let role = session.role();
        let mut live = Live {
            conn,
            session,
            agreed,
            since: self.now,
            named: pos.session(),
            confirmed: false,
            negotiate: None,
            gap,
            gap_sent: false,
            recorded: Recorded::No,
            opening: None,
            partial: Partial::default(),
            last_sent: self.now,
            last_heard: self.now,
            progress: self.sends.progress(),
            acked_before: self.sends.acked(),
            given_before: self.sends.given(),
            flowed: false,
            keyed: self.now,
            draining: false,
            bye: None,
        };
        if role == Role::Initiator {
            live.negotiate = Some(self.own_claim(e_i, e_r));
        }
        self.begin(live, cx);
        if gap.is_none() && !matches!(verdict, Verdict::Reset) && self.take_ack(pos.n(), cx).is_err() {
            // The claim was judged: it is at most what was sent.
            return false;
        }
        self.record_backlog();
        if role == Role::Responder {
            self.confirm();
        }
        true
    }

    fn judge(&self, candidate: &Candidate<S::Lane>) -> Verdict {
        let Candidate { peer_store, pos, e_i, e_r, .. } = candidate;
        let changed = self.peer_store.is_some_and(|known| known != *peer_store);
        if let Some(next) = self.accepting
            && !changed
            && pos.n() < next.get()
            && (pos.n() == 0 || self.records.get(&pos.session()).is_none())
        {
            return Verdict::Gap(next.get());
        }
        let context = recovery::Context::new(&self.local, &self.peer.id, *e_i, *e_r);
        match context.judge(pos, changed, self.sends.acked(), &self.records) {
            Diagnosis::Fresh | Diagnosis::Ok => Verdict::Go,
            Diagnosis::PeerReset if self.mode() == Mode::Volatile => Verdict::Reset,
            diagnosis => Verdict::Suspend(diagnosis),
        }
    }

    /// The initiator's POS. What it states is durable before it goes (rule W6).
    fn own_claim(&self, e_i: PublicKey, e_r: PublicKey) -> Pos {
        let context = recovery::Context::new(&self.peer.id, &self.local, e_i, e_r);
        let claim = |(id, history)| context.claim(self.receives.received(), id, history);
        self.receives.tag().map_or(Pos::ZERO, claim)
    }

    /// An initiator that goes live drops every other session, a responder every older one; and the attempt of the
    /// runtime with the larger id ends (section 5, "Replacement", "Crossing").
    fn drop_others(&mut self, role: Role, rank: u64, cx: &mut Context<'_>) {
        self.end_session(DownCause::Replaced, None, cx);
        let initiator = role == Role::Initiator;
        self.drop_pending_if(|pending| initiator || pending.rank < rank);
        let older = match &self.attempt {
            Attempt::Sent { rank: own, .. } => *own < rank,
            _ => true,
        };
        if initiator || self.local > self.peer.id || older {
            self.drop_attempt();
        }
        self.timers.clear(TimerKind::Dial);
    }

    fn begin(&mut self, live: Live<S>, cx: &mut Context<'_>) {
        let (own, peer) = (live.agreed.own, live.agreed.peer);
        let (role, session, age) = (live.session.role(), live.session.id(), self.config.age);
        let state = *peer_state(live.session.history()).expose_secret();
        if let Some(old) = self.live.replace(live) {
            // A last BYE that had not gone.
            self.tell(LinkEvent::CloseConn(old.conn));
        }
        self.sends.start(peer.win_items, peer.win_bytes);
        self.receives.start(own.win_items, own.win_bytes, role == Role::Responder);
        for_each_channel(self, |link, channel| {
            let Some(Entry { state, granting, .. }) = link.channels.get_mut(channel) else { return };
            state.sends.start(peer.chan_items);
            state.receives.start(own.chan_items);
            *granting = false;
            link.join(channel);
            link.note_grant(channel);
        });
        self.stats.sessions += 1;
        if role == Role::Initiator {
            let planned = self.now + age.planned.saturating_sub(age.spread) + spread(age.spread, cx.rng);
            self.timers.set(TimerKind::Planned, Some(planned));
        }
        self.timers.set(TimerKind::End, Some(self.now + age.end));
        self.tell(LinkEvent::Up { session, role, state });
    }

    /// The peer's first transport message has opened.
    pub(super) fn confirm(&mut self) {
        let Some(live) = self.live.as_mut().filter(|live| !live.confirmed) else { return };
        live.confirmed = true;
        let (id, named) = (live.session.id(), live.named);
        let before = self.records.len();
        self.records.handle_confirmed(&id, &named, |_| ());
        self.records_dirty |= self.records.len() != before;
        self.backoff.reset();
        self.breaker.on_success(self.now);
        self.tell(LinkEvent::Confirmed(id));
        self.record_backlog();
    }

    /// Gives the session its record if it has something to send already.
    fn record_backlog(&mut self) {
        let gap = self.live().and_then(|live| live.gap);
        if let Some(next) = gap {
            self.record(next.saturating_sub(1));
        } else if self.sends.given() > self.sends.acked() {
            self.record(self.sends.acked() + 1);
        }
    }

    /// Takes the `ack` of a message. While an accept is pending only an ack of the gap counts.
    pub(super) fn take_ack(&mut self, ack: u64, cx: &mut Context<'_>) -> Result<(), SequenceFailure> {
        if let Some(next) = self.accepting {
            let sent = self.live().is_some_and(|live| live.gap_sent);
            if !sent || ack < next.get() - 1 {
                return Ok(());
            }
        } else if ack <= self.sends.acked() {
            return Ok(());
        }
        let volatile = self.is_volatile();
        let (channels, events, answers) = (&mut self.channels, &mut self.events, &mut self.answers);
        let live = &mut self.live;
        self.sends.handle_ack(ack, |_, item| {
            *answers = answers.saturating_sub(u32::from(item.answer));
            if item.kind != Kind::Close || item.superseded {
                return;
            }
            let Some(entry) = channels.get_mut(&item.channel) else { return };
            if entry.state.phase.handle_close_acked() == crate::link::channel::Reaction::Erase {
                let tag = entry.state.tag;
                channels.remove(&item.channel);
                if let Some(live) = live {
                    live.session.unbind(&item.channel);
                }
                let _ = events.push_back(LinkEvent::Erased { channel: item.channel, tag });
            } else if !volatile && !core::mem::replace(&mut entry.dirty, true) {
                super::push_id(&mut self.dirty, &*channels, item.channel);
            }
        })?;
        self.state_dirty = true;
        if self.accepting.take().is_some() {
            self.tell(LinkEvent::GapAcked);
        }
        let before = self.records.len();
        self.records.handle_acked(self.sends.acked(), |_| ());
        self.records_dirty |= self.records.len() != before;
        self.drained(cx);
        Ok(())
    }

    /// The connection of the session is gone.
    pub(super) fn lost(&mut self, cx: &mut Context<'_>) {
        self.end_session(DownCause::Lost, None, cx);
        self.live = None;
    }

    /// Ends the live session: in silence, or with BYE, which is then still to be sent. The next attempt follows.
    pub(super) fn end_session(&mut self, cause: DownCause, bye: Option<Code>, cx: &mut Context<'_>) {
        let Some(live) = self.live.as_mut().filter(|live| live.bye.is_none()) else { return };
        let (session, conn) = (live.session.id(), live.conn);
        let unacked = self.sends.given() > self.sends.acked();
        let progress = self.sends.acked() > live.acked_before;
        live.bye = bye;
        live.opening = None;
        if bye.is_none() {
            self.live = None;
            if cause != DownCause::Lost {
                self.tell(LinkEvent::CloseConn(conn));
            }
        }
        self.records_dirty |= self.records.handle_ended(&session).is_some();
        self.sends.end();
        self.receives.end();
        self.grants.clear();
        for kind in [
            TimerKind::LoneAck,
            TimerKind::Message,
            TimerKind::KeepAlive,
            TimerKind::Dead,
            TimerKind::Ack,
            TimerKind::Rotate,
            TimerKind::Rotation,
            TimerKind::Planned,
            TimerKind::Drain,
            TimerKind::End,
        ] {
            self.timers.clear(kind);
        }
        if bye.is_some() {
            self.timers.set(TimerKind::Message, Some(self.now + self.config.message_idle));
        }
        self.tell(LinkEvent::Down { session, cause });
        if cause == DownCause::Replaced {
            return;
        }
        self.count_progress(unacked, progress);
        self.plan_dial(cx);
    }

    /// Sessions without progress are counted (section 9, RESYNC).
    fn count_progress(&mut self, unacked: bool, progress: bool) {
        if progress || !unacked {
            self.stalled = 0;
            return;
        }
        self.stalled = self.stalled.saturating_add(1);
        if self.stalled == self.config.max_recovery_attempts {
            self.tell(LinkEvent::RecoveryStalled { sessions: self.stalled });
        }
    }

    /// Drops everything that is under way with the peer.
    pub(super) fn drop_all(&mut self, cause: DownCause, cx: &mut Context<'_>) {
        self.end_session(cause, None, cx);
        if let Some(live) = self.live.take() {
            self.tell(LinkEvent::CloseConn(live.conn));
        }
        self.drop_pending(Instant::MAX);
        self.drop_attempt();
        self.timers = crate::link::timers::Timers::new();
    }

    fn suspend(&mut self, suspension: Suspension, cx: &mut Context<'_>) {
        self.suspended = Some(suspension);
        self.state_dirty = true;
        self.drop_all(DownCause::Stopped, cx);
        self.tell(LinkEvent::Suspended(suspension));
    }

    /// Forgets both lanes and all channels.
    pub(super) fn forget(&mut self) {
        self.sends = SendWindow::new(0);
        self.receives = ReceiveWindow::new(0, None, self.config.lone_ack);
        self.records.clear(|_| ());
        self.channels = S::Channels::default();
        self.schedule = crate::link::schedule::Schedule::new();
        self.dirty.clear();
        self.grants.clear();
        self.answers = 0;
        self.accepting = None;
        self.suspended = None;
        self.peer_store = None;
        self.gap_came = false;
        self.stalled = 0;
        (self.state_dirty, self.records_dirty) = (true, true);
        self.forget_marks();
    }

    /// Gives the live session its record, before its first numbered item or GAP (rule W2). `false` if there is no room
    /// for it (rule W5).
    pub(super) fn record(&mut self, first_n: u64) -> bool {
        let Some(live) = &mut self.live else { return false };
        if live.recorded != Recorded::No {
            return true;
        }
        let id: SessionId = live.session.id();
        if self.records.begin(id, live.session.history(), first_n).is_err() {
            return false;
        }
        live.recorded = Recorded::Begun;
        self.records_dirty = true;
        true
    }
}

/// Evenly between nothing and twice this much.
fn spread(around: core::time::Duration, rng: &mut Rng) -> core::time::Duration {
    core::time::Duration::from_micros(rng.below(micros(around).saturating_mul(2).saturating_add(1)))
}
