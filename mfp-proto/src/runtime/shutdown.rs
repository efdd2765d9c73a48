use super::effect::Effect;
use super::event::Event;
use super::timers::Timer;
use super::{Phase, Runtime};
use crate::time::Instant;

impl Runtime {
    /// Stops taking work: from now on only answers (messages with `reply_to`) are sent. When no handler is busy, what is
    /// under way to volatile peers is acked and all is durable, the links take leave with BYE. Then, or after
    /// `drain_timeout`, or when a commit fails, [`Event::Drained`] comes out. Then every call is refused, nothing is
    /// delivered and nothing is due; only what depends on batches under way is still told.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance_clock(now);
        match self.phase {
            Phase::Running => {
                self.phase = Phase::Draining;
                let until = self.now + self.config.drain_timeout;
                self.timers.set(until, Timer::Drain);
            }
            // What is durable is durable, and nothing else can be finished.
            Phase::AwaitingLoad => self.drained(),
            Phase::Draining | Phase::Leaving | Phase::Stopped => {}
        }
    }

    /// Takes the next step of a shutdown, if its time has come. `false`: there is none now.
    pub(super) fn go_on_draining(&mut self) -> bool {
        let settled = self.settled_batch == self.open_batch;
        match self.phase {
            Phase::Draining if settled && self.busy == 0 && !self.volatile_peers_wait() => {
                self.phase = Phase::Leaving;
                self.close_strangers();
                for slot in self.peer_slots() {
                    self.with_link(slot, super::super::link::peer::Link::shutdown);
                    self.take_changes(slot);
                    self.touch(slot);
                }
                true
            }
            Phase::Leaving if settled && self.conns.is_empty() => {
                self.drained();
                true
            }
            _ => false,
        }
    }

    /// What a volatile peer has not acked is lost with this runtime.
    fn volatile_peers_wait(&self) -> bool {
        self.peers.iter().any(|(_, peer)| {
            let live = peer.link().is_some_and(super::super::link::peer::Link::is_up);
            live && !peer.is_durable() && peer.outbox.len() > 0
        })
    }

    pub(super) fn drain_timed_out(&mut self) {
        if matches!(self.phase, Phase::Draining | Phase::Leaving) {
            self.drained();
        }
    }

    pub(super) fn drained(&mut self) {
        self.phase = Phase::Stopped;
        self.close_all();
        self.timers.clear();
        self.active.clear();
        self.dirty.clear();
        self.effects.push_back(Effect::Event(Event::Drained { remaining: self.unfinished }));
    }
}
