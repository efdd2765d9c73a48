//! The timers of a link (section 8): one moment for each reason, and the earliest of them at hand.

use crate::time::Instant;

/// Why a link wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum TimerKind {
    /// An ack has waited long enough for other traffic to carry it.
    LoneAck,
    /// A message has come to a halt, or takes too long as a whole.
    Message,
    /// A handshake is pending for too long, on either side.
    Handshake,
    /// Nothing has been sent for long.
    KeepAlive,
    /// Nothing has been received for too long.
    Dead,
    /// Items are unacked, and nothing moves.
    Ack,
    /// It is time to dial, after the backoff.
    Dial,
    /// The keys have served long enough.
    Rotate,
    /// A rotation takes too long.
    Rotation,
    /// The session is old enough to be replaced.
    Planned,
    /// The items in flight have not been acked in time for the planned handshake.
    Drain,
    /// The session is too old.
    End,
}

impl TimerKind {
    /// Every kind, in the order in which those that are due at one moment are handled.
    pub const ALL: [Self; 12] = [
        Self::LoneAck,
        Self::Message,
        Self::Handshake,
        Self::KeepAlive,
        Self::Dead,
        Self::Ack,
        Self::Dial,
        Self::Rotate,
        Self::Rotation,
        Self::Planned,
        Self::Drain,
        Self::End,
    ];

    const fn place(self) -> usize {
        self as usize
    }
}

/// At most one moment for each [`TimerKind`], without an allocator. Asking for the earliest costs O(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    moments: [Option<Instant>; TimerKind::ALL.len()],
    earliest: Option<(Instant, TimerKind)>,
}

impl Timers {
    /// None is set.
    pub const fn new() -> Self {
        Self { moments: [None; TimerKind::ALL.len()], earliest: None }
    }

    /// The moment of one.
    pub fn get(&self, kind: TimerKind) -> Option<Instant> {
        self.moments.get(kind.place()).copied().flatten()
    }

    /// Sets one, or with `None` clears it. [`Instant::MAX`] is never, and clears it too.
    pub fn set(&mut self, kind: TimerKind, at: Option<Instant>) {
        let at = at.filter(|at| *at != Instant::MAX);
        let Some(moment) = self.moments.get_mut(kind.place()) else { return };
        if *moment == at {
            return;
        }
        *moment = at;
        match (self.earliest, at) {
            (Some((_, holder)), _) if holder == kind => self.earliest = self.find(),
            (Some(earliest), Some(at)) if (at, kind) < earliest => self.earliest = Some((at, kind)),
            (None, Some(at)) => self.earliest = Some((at, kind)),
            _ => {}
        }
    }

    /// Sets one if it is not set, or is set to a later moment.
    pub fn set_earlier(&mut self, kind: TimerKind, at: Instant) {
        if self.get(kind).is_none_or(|set| at < set) {
            self.set(kind, Some(at));
        }
    }

    /// Clears one.
    pub fn clear(&mut self, kind: TimerKind) {
        self.set(kind, None);
    }

    /// The earliest, and its reason.
    pub const fn poll(&self) -> Option<(Instant, TimerKind)> {
        self.earliest
    }

    /// Takes the earliest if its moment has come.
    pub fn expire(&mut self, now: Instant) -> Option<TimerKind> {
        let (_, kind) = self.earliest.filter(|(at, _)| *at <= now)?;
        self.clear(kind);
        Some(kind)
    }

    fn find(&self) -> Option<(Instant, TimerKind)> {
        TimerKind::ALL.into_iter().filter_map(|kind| Some((self.get(kind)?, kind))).min()
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_has_its_place() {
        for (place, kind) in TimerKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.place(), place);
        }
    }

    #[test]
    fn never_is_not_set() {
        let mut timers = Timers::new();
        timers.set(TimerKind::Dead, Some(Instant::MAX));
        assert_eq!((timers.poll(), timers.expire(Instant::MAX)), (None, None));
    }

    proptest! {
        #[test]
        fn the_earliest_is_at_hand(
            steps in prop::collection::vec((0..3_u8, 0..TimerKind::ALL.len(), 0..50_u64), 0..100),
        ) {
            let (mut timers, mut model) = (Timers::new(), BTreeMap::new());
            for (action, kind, micros) in steps {
                let (kind, at) = (TimerKind::ALL[kind], Instant::from_micros(micros));
                match action {
                    0 => {
                        timers.set(kind, Some(at));
                        model.insert(kind, at);
                    }
                    1 => {
                        timers.set_earlier(kind, at);
                        let set = model.entry(kind).or_insert(at);
                        *set = at.min(*set);
                    }
                    _ => {
                        let mut due: std::vec::Vec<_> = model.extract_if(.., |_, set| *set <= at).collect();
                        due.sort_unstable_by_key(|(kind, at)| (*at, *kind));
                        for (kind, _) in due {
                            prop_assert_eq!(timers.expire(at), Some(kind));
                        }
                        prop_assert_eq!(timers.expire(at), None);
                        timers.clear(kind);
                        model.remove(&kind);
                    }
                }
                prop_assert_eq!(timers.poll(), model.iter().map(|(kind, at)| (*at, *kind)).min());
            }
        }
    }
}
