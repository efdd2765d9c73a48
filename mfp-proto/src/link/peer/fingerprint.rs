//! For tests: a link as a value that can be copied, and compared by a hash.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::parts::{Answered, Attempt, Growing, Live, Pending, Stage};
use super::{Link, Timers};
use crate::link::timers::TimerKind;
use crate::time::{Instant, micros};

/// For tests alone: two links that seal from one state use a key twice.
impl Clone for Link<Growing> {
    fn clone(&self) -> Self {
        Self {
            local: self.local,
            peer: self.peer.clone(),
            config: self.config,
            dials: self.dials,
            now: self.now,
            peer_store: self.peer_store,
            chan_max: self.chan_max,
            suspended: self.suspended,
            accepting: self.accepting,
            sends: self.sends.clone(),
            receives: self.receives.clone(),
            records: self.records.clone(),
            channels: self.channels.clone(),
            schedule: self.schedule.clone(),
            answers: self.answers,
            live: self.live.as_ref().map(Live::copy),
            attempt: self.attempt.clone(),
            dialed: self.dialed,
            pending: self.pending.clone(),
            ranks: self.ranks,
            backoff: self.backoff.clone(),
            breaker: self.breaker.clone(),
            stalled: self.stalled,
            closing: self.closing,
            timers: self.timers.clone(),
            events: self.events.clone(),
            ready: self.ready,
            ready_in: self.ready_in,
            state_dirty: self.state_dirty,
            records_dirty: self.records_dirty,
            stored: self.stored.clone(),
            dirty: self.dirty.clone(),
            grants: self.grants.clone(),
            withholds: self.withholds,
            marks: self.marks.clone(),
            settles: self.settles.clone(),
            gap_came: self.gap_came,
            rejected: self.rejected,
            stats: self.stats,
        }
    }
}

/// Moments as they are hashed: how far ahead, in whole grains. So it does not matter when something was, nor by how
/// much less than a grain one moment is ahead of another.
#[derive(Clone, Copy)]
struct Clock {
    now: Instant,
    grain: u64,
}

impl Clock {
    /// `None`: it has come. `u64::MAX`: it never comes.
    fn moment(self, at: Instant) -> Option<u64> {
        let grains = |at: Instant| at.as_micros() / self.grain;
        match at {
            Instant::MAX => Some(u64::MAX),
            at if at <= self.now => None,
            at => Some(grains(at) - grains(self.now)),
        }
    }
}

impl Link<Growing> {
    /// For tests: feeds `state` with everything on which it depends what this link does from now on. Two links of one
    /// configuration that feed the same do the same, if in both no moment is passed by less than `grain` before
    /// another that is as many grains ahead.
    ///
    /// What only counts or reports is left out (statistics, since when a session is live), and so is what the
    /// configuration never looks at, such as failures in a row where no number of them means anything. Events are to
    /// be taken before.
    pub fn hash_state(&self, grain: Duration, state: &mut impl Hasher) {
        let clock = Clock { now: self.now, grain: micros(grain).max(1) };
        (self.peer.store_id, self.peer_store, self.chan_max, self.suspended, self.accepting).hash(state);
        self.sends.hash_state(state);
        self.receives.hash_state(state);
        self.receives.poll_ack().map(|due| (due == Instant::ZERO, clock.moment(due))).hash(state);
        (&self.records, &self.channels, &self.schedule, self.answers).hash(state);
        self.hash_sessions(clock, state);
        self.backoff.hash_state(state);
        self.breaker.hash_state(state, |at| clock.moment(at));
        (self.config.max_recovery_attempts < u32::MAX).then_some(self.stalled).hash(state);
        self.hash_timers(clock, state);
        (self.dials, self.closing, self.ready, self.ready_in, self.events.len()).hash(state);
        (self.state_dirty, self.records_dirty, &self.stored, &self.dirty, &self.grants).hash(state);
        (self.withholds, &self.marks, &self.settles, self.gap_came).hash(state);
    }

    fn hash_timers(&self, clock: Clock, state: &mut impl Hasher) {
        let timers: &Timers = &self.timers;
        for kind in TimerKind::ALL {
            timers.get(kind).map(|at| clock.moment(at)).hash(state);
        }
        timers.poll().map(|(_, kind)| kind).hash(state);
    }

    fn hash_sessions(&self, clock: Clock, state: &mut impl Hasher) {
        self.live.is_some().hash(state);
        if let Some(live) = &self.live {
            self.hash_live(live, clock, state);
        }
        let dialed = clock.moment(self.dialed + self.config.handshake);
        // Of the order in which messages 1 came and went only the order matters.
        let younger = |rank: u64| {
            let own = matches!(self.attempt, Attempt::Sent { rank: own, .. } if own < rank);
            self.pending.iter().filter(|pending| pending.rank < rank).count() + usize::from(own)
        };
        match &self.attempt {
            Attempt::None => 0.hash(state),
            Attempt::Connecting => (1, dialed).hash(state),
            Attempt::Connected(conn) => (2, conn, dialed).hash(state),
            Attempt::Sent { conn, initiator, rank, acked } => {
                (3, conn, younger(*rank), acked, initiator.poll_timeout().map(|at| clock.moment(at))).hash(state);
                initiator.hash_state(state);
            }
        }
        for Pending { conn, rank, deadline, stage } in &self.pending {
            (conn, younger(*rank), clock.moment(*deadline)).hash(state);
            match stage {
                Stage::Received(responder) => {
                    (0, clock.moment(responder.poll_timeout())).hash(state);
                    responder.hash_state(state);
                }
                Stage::Answered(Answered { session, agreed, peer_store, e_i, e_r, cursor, opening }) => {
                    (1, session, agreed, peer_store, e_i, e_r, cursor, opening.is_some()).hash(state);
                }
                Stage::Over => 2.hash(state),
            }
        }
    }

    fn hash_live(&self, live: &Live<Growing>, clock: Clock, state: &mut impl Hasher) {
        (live.conn, &live.session, live.agreed, live.named, live.confirmed).hash(state);
        (live.negotiate.map(|pos| pos.encode()), live.gap, live.gap_sent, live.recorded).hash(state);
        (live.opening.is_some(), live.partial.held, live.partial.len, live.draining, live.bye).hash(state);
        let sent = clock.moment(live.last_sent + self.config.keep_alive);
        let heard = clock.moment(live.last_heard + self.config.dead);
        let keyed = clock.moment(live.keyed + self.config.rotation.interval);
        (sent, heard, live.flowed, keyed).hash(state);
        // Whether something has moved since, and not how far.
        let timed = self.timers.get(TimerKind::Ack).is_some();
        (timed && live.progress == self.sends.progress(), self.sends.acked() > live.acked_before).hash(state);
    }
}

impl Live<Growing> {
    fn copy(&self) -> Self {
        Self {
            conn: self.conn,
            session: self.session.clone(),
            agreed: self.agreed,
            since: self.since,
            named: self.named,
            confirmed: self.confirmed,
            negotiate: self.negotiate,
            gap: self.gap,
            gap_sent: self.gap_sent,
            recorded: self.recorded,
            opening: self.opening.clone(),
            partial: self.partial,
            last_sent: self.last_sent,
            last_heard: self.last_heard,
            progress: self.progress,
            acked_before: self.acked_before,
            given_before: self.given_before,
            flowed: self.flowed,
            keyed: self.keyed,
            draining: self.draining,
            bye: self.bye,
        }
    }
}
