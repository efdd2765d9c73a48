extern crate std;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const OPEN_FOR: Duration = Duration::from_micros(100);

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn retry_after(micros: u64) -> Result<(), BreakerOpen> {
    Err(BreakerOpen { retry_after: Duration::from_micros(micros) })
}

/// Opens after 2 failures for 100 µs, closes after 2 successes.
fn closed() -> Breaker {
    Breaker::new(BreakerConfig::new(2, OPEN_FOR, 2).unwrap())
}

fn failed_once_at(micros: u64) -> Breaker {
    let mut breaker = closed();
    breaker.on_failure(at(micros));
    breaker
}

fn failed_once() -> Breaker {
    failed_once_at(5)
}

/// Until 110.
fn open() -> Breaker {
    let mut breaker = failed_once();
    breaker.on_failure(at(10));
    breaker
}

/// From 110 to 210.
fn trial() -> Breaker {
    let mut breaker = open();
    breaker.allow(at(110)).unwrap();
    breaker
}

fn succeeded_once() -> Breaker {
    let mut breaker = trial();
    breaker.on_success(at(120));
    breaker
}

fn second_trial() -> Breaker {
    let mut breaker = succeeded_once();
    breaker.allow(at(120)).unwrap();
    breaker
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Allow,
    Success,
    Failure,
    Timeout,
}
use Input::{Allow, Failure, Success, Timeout};

impl Input {
    /// The answer of `allow`; `Ok` from the others.
    fn apply(self, breaker: &mut Breaker, now: Instant) -> Result<(), BreakerOpen> {
        match self {
            Allow => return breaker.allow(now),
            Success => breaker.on_success(now),
            Failure => breaker.on_failure(now),
            Timeout => breaker.handle_timeout(now),
        }
        Ok(())
    }
}

#[test]
fn the_state_table() {
    use BreakerState::{Closed, HalfOpen, Open};
    // From, at, input: answer, state after it, timeout after it, and the answer to a call right after it.
    type Row =
        (fn() -> Breaker, u64, Input, Result<(), BreakerOpen>, BreakerState, Option<u64>, Result<(), BreakerOpen>);
    let rows: [Row; 34] = [
        (closed, 10, Allow, Ok(()), Closed, None, Ok(())),
        (closed, 10, Success, Ok(()), Closed, None, Ok(())),
        (closed, 10, Failure, Ok(()), Closed, None, Ok(())),
        (closed, 10, Timeout, Ok(()), Closed, None, Ok(())),
        (failed_once, 10, Allow, Ok(()), Closed, None, Ok(())),
        (failed_once, 10, Success, Ok(()), Closed, None, Ok(())),
        (failed_once, 10, Failure, Ok(()), Open, Some(110), retry_after(100)),
        (failed_once, 10, Timeout, Ok(()), Closed, None, Ok(())),
        // Still open.
        (open, 109, Allow, retry_after(1), Open, Some(110), retry_after(1)),
        (open, 109, Success, Ok(()), Open, Some(110), retry_after(1)),
        (open, 109, Failure, Ok(()), Open, Some(110), retry_after(1)),
        (open, 109, Timeout, Ok(()), Open, Some(110), retry_after(1)),
        // A stale `now` counts as 10.
        (open, 3, Allow, retry_after(100), Open, Some(110), retry_after(100)),
        (open, 3, Failure, Ok(()), Open, Some(110), retry_after(100)),
        // Its time is up.
        (open, 110, Allow, Ok(()), HalfOpen, None, retry_after(100)),
        (open, 110, Success, Ok(()), HalfOpen, None, Ok(())),
        (open, 110, Failure, Ok(()), Open, Some(210), retry_after(100)),
        (open, 110, Timeout, Ok(()), HalfOpen, None, Ok(())),
        // A trial is under way.
        (trial, 150, Allow, retry_after(60), HalfOpen, None, retry_after(60)),
        (trial, 150, Success, Ok(()), HalfOpen, None, Ok(())),
        (trial, 150, Failure, Ok(()), Open, Some(250), retry_after(100)),
        (trial, 150, Timeout, Ok(()), HalfOpen, None, retry_after(60)),
        // The trial has no outcome.
        (trial, 210, Allow, Ok(()), HalfOpen, None, retry_after(100)),
        (trial, 210, Success, Ok(()), HalfOpen, None, Ok(())),
        (trial, 210, Failure, Ok(()), Open, Some(310), retry_after(100)),
        (trial, 210, Timeout, Ok(()), HalfOpen, None, Ok(())),
        // One success of two.
        (succeeded_once, 120, Allow, Ok(()), HalfOpen, None, retry_after(100)),
        (succeeded_once, 120, Success, Ok(()), Closed, None, Ok(())),
        (succeeded_once, 120, Failure, Ok(()), Open, Some(220), retry_after(100)),
        (succeeded_once, 120, Timeout, Ok(()), HalfOpen, None, Ok(())),
        (second_trial, 130, Allow, retry_after(90), HalfOpen, None, retry_after(90)),
        (second_trial, 130, Success, Ok(()), Closed, None, Ok(())),
        (second_trial, 130, Failure, Ok(()), Open, Some(230), retry_after(100)),
        (second_trial, 130, Timeout, Ok(()), HalfOpen, None, retry_after(90)),
    ];
    for (row, (from, now, input, answer, state, timeout, next)) in rows.into_iter().enumerate() {
        let mut breaker = from();
        assert_eq!(input.apply(&mut breaker, at(now)), answer, "row {row}: answer");
        assert_eq!(breaker.state(at(now)), state, "row {row}: state");
        assert_eq!(breaker.poll_timeout(), timeout.map(at), "row {row}: timeout");
        assert_eq!(breaker.allow(at(now)), next, "row {row}: next call");
    }
}

#[test]
fn the_counts_start_again() {
    let mut breaker = failed_once();
    breaker.on_success(at(10));
    breaker.on_failure(at(10));
    assert_eq!(breaker, failed_once_at(10), "a success between failures");

    let mut breaker = second_trial();
    breaker.on_success(at(130));
    breaker.on_failure(at(130));
    assert_eq!(breaker, failed_once_at(130), "closing forgets the failures before");

    let mut breaker = succeeded_once();
    breaker.on_failure(at(130));
    breaker.on_success(at(230));
    assert_eq!(breaker.state(at(230)), BreakerState::HalfOpen, "opening forgets the successes before");
}

#[test]
fn the_defaults_and_what_is_no_breaker() {
    assert_eq!(BreakerConfig::default(), BreakerConfig::new(5, Duration::from_secs(30), 1).unwrap());
    for (failures, duration, successes) in
        [(0, OPEN_FOR, 1), (1, OPEN_FOR, 0), (1, Duration::ZERO, 1), (1, Duration::from_nanos(999), 1)]
    {
        assert_eq!(BreakerConfig::new(failures, duration, successes), Err(InvalidBreaker));
    }
}

#[test]
fn the_end_of_time_does_not_overflow() {
    let mut breaker = Breaker::new(BreakerConfig::new(1, Duration::MAX, 1).unwrap());
    breaker.on_failure(at(7));
    assert_eq!(breaker.poll_timeout(), Some(Instant::MAX));
    assert_eq!(breaker.allow(at(8)), retry_after(u64::MAX - 8));
    assert_eq!(breaker.allow(Instant::MAX), Ok(()));
    breaker.on_failure(Instant::MAX);
    assert_eq!(breaker.poll_timeout(), Some(Instant::MAX));
}

/// What a run has shown so far, as far as the rules need it.
#[derive(Default)]
struct Observed {
    /// Outcomes since the state was last entered.
    outcomes: Vec<bool>,
    /// When it was.
    entered: u64,
    /// The last trial, if no success has come since.
    trial: Option<u64>,
}

impl Observed {
    fn all_were(&self, outcome: bool, count: u32) -> bool {
        self.outcomes.len() >= count as usize && self.outcomes.iter().rev().take(count as usize).all(|o| *o == outcome)
    }

    fn note(&mut self, input: Input, allowed: bool, now: u64, before: BreakerState) {
        match input {
            Success => {
                self.outcomes.push(true);
                self.trial = None;
            }
            Failure => self.outcomes.push(false),
            Allow if allowed && before == BreakerState::HalfOpen => self.trial = Some(now),
            Allow | Timeout => {}
        }
    }
}

proptest! {
    #[test]
    fn every_run_keeps_the_rules(
        failures in 1..4u32,
        successes in 1..4u32,
        duration in 1..200u64,
        run in prop::collection::vec(
            (prop_oneof![
                3 => Just(Allow), 2 => Just(Success), 4 => Just(Failure), 1 => Just(Timeout)
            ], 0..80u64),
            0..100,
        ),
    ) {
        use BreakerState::{Closed, HalfOpen, Open};
        let config = BreakerConfig::new(failures, Duration::from_micros(duration), successes).unwrap();
        let (mut breaker, mut seen, mut now) = (Breaker::new(config), Observed::default(), 0);
        let mut last = Closed;
        for (input, gap) in run {
            now += gap;
            let before = breaker.state(at(now));
            if last == Open {
                prop_assert_eq!(before == HalfOpen, now >= seen.entered + duration, "half-open when its time is up");
                if before == HalfOpen {
                    seen.outcomes.clear();
                }
            } else {
                prop_assert_eq!(before, last, "time changes no other state");
            }
            let answer = input.apply(&mut breaker, at(now));
            if let Err(BreakerOpen { retry_after }) = answer {
                let then = at(now) + retry_after;
                prop_assert!(breaker.clone().allow(then).is_ok());
                prop_assert!(breaker.clone().allow(at(then.as_micros() - 1)).is_err());
            } else if matches!(input, Allow) {
                prop_assert_ne!(before, Open);
                prop_assert!(seen.trial.is_none_or(|trial| trial + duration <= now), "one trial at a time");
            }
            seen.note(input, answer.is_ok(), now, before);
            let after = breaker.state(at(now));
            let expected = match (before, input) {
                (Closed, Failure) if seen.all_were(false, failures) => Open,
                (HalfOpen, Failure) => Open,
                (HalfOpen, Success) if seen.all_were(true, successes) => Closed,
                (state, _) => state,
            };
            prop_assert_eq!(after, expected);
            if after != before {
                seen = Observed { entered: now, ..Observed::default() };
            }
            let timeout = (after == Open).then(|| at(seen.entered + duration));
            prop_assert_eq!(breaker.poll_timeout(), timeout);
            last = after;
        }
    }
}
