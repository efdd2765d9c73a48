extern crate std;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

/// The token bucket by its definition: remembers every admitted request, and admits another if then every window that
/// ends with it holds at most `burst + w × count / per`.
#[derive(Debug, Default)]
struct History(Vec<u64>);

impl History {
    fn clamp(&self, now: u64) -> u64 {
        self.0.last().map_or(now, |last| now.max(*last))
    }

    /// Whether every window from an admitted request to `now` has room for `requests` more, given a burst.
    fn has_room(&self, now: u64, requests: u128, (count, per, burst): (u32, u64, u128)) -> bool {
        self.0.iter().enumerate().all(|(i, start)| {
            let held = (self.0.len() - i) as u128 + requests;
            held * u128::from(per) <= burst * u128::from(per) + u128::from(now - start) * u128::from(count)
        })
    }

    fn admits(&mut self, now: u64, rate: &Rate) -> bool {
        let now = self.clamp(now);
        let admitted = self.has_room(now, 1, (rate.count, rate.per, u128::from(rate.burst)));
        if admitted {
            self.0.push(now);
        }
        admitted
    }

    fn is_full(&self, now: u64, rate: &Rate) -> bool {
        self.has_room(self.clamp(now), 0, (rate.count, rate.per, 0))
    }
}

fn rates() -> impl Strategy<Value = Rate> {
    let micros = prop_oneof![Just(1), 1..1_000u64, Just(1_000_000), Just(3_600_000_000), any::<u64>()];
    let count = prop_oneof![1..10u32, Just(1_000_000), any::<u32>()];
    let burst = prop_oneof![8 => 1..8u32, 1 => any::<u32>()];
    (count, micros, burst).prop_filter_map("a valid rate", |(count, micros, burst)| {
        Rate::new(count, Duration::from_micros(micros), burst).ok()
    })
}

/// A gap between requests: nothing, about the interval between two tokens, a bucketful, back in time, or anything.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Eighths(u64),
    Buckets(u64),
    Micros(u64),
    Back(u64),
}

impl Gap {
    fn after(self, now: u64, rate: &Rate) -> u64 {
        let ahead = match self {
            Self::Eighths(n) => (rate.per / u64::from(rate.count) / 8).saturating_mul(n).saturating_add(n),
            Self::Buckets(n) => {
                (rate.per / u64::from(rate.count)).saturating_mul(u64::from(rate.burst).saturating_mul(n))
            }
            Self::Micros(n) => n,
            Self::Back(n) => return now.saturating_sub(n),
        };
        now.saturating_add(ahead)
    }
}

fn schedules() -> impl Strategy<Value = Vec<Gap>> {
    let gap = prop_oneof![
        6 => Just(Gap::Micros(0)),
        6 => (0..12u64).prop_map(Gap::Eighths),
        1 => (1..3u64).prop_map(Gap::Buckets),
        2 => (0..3_000_000u64).prop_map(Gap::Micros),
        1 => any::<u64>().prop_map(Gap::Micros),
        1 => (0..3_000_000u64).prop_map(Gap::Back),
    ];
    prop::collection::vec(gap, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_is_the_token_bucket(rate in rates(), start in prop_oneof![Just(0), any::<u64>()], gaps in schedules()) {
        let (mut limiter, mut history, mut now) = (RateLimiter::new(), History::default(), start);
        for gap in gaps {
            now = gap.after(now, &rate);
            let at = Instant::from_micros(now);
            prop_assert_eq!(limiter.is_full(at, &rate), history.is_full(now, &rate));
            let before = limiter.clone();
            let result = limiter.check(at, &rate);
            prop_assert_eq!(result.is_ok(), history.admits(now, &rate));
            if let Err(RateLimited { retry_after }) = result {
                prop_assert_eq!(&limiter, &before, "a refused request changes nothing");
                let seen = history.clamp(now);
                if let Some(then) = seen.checked_add(micros(retry_after)) {
                    prop_assert!(limiter.clone().check(Instant::from_micros(then), &rate).is_ok());
                }
                let early = Instant::from_micros(seen.saturating_add(micros(retry_after) - 1));
                prop_assert!(limiter.clone().check(early, &rate).is_err());
            }
        }
    }

    #[test]
    fn a_bucket_of_another_rate_is_wrong_by_one_bucketful(old in rates(), new in rates(), requests in 0..50usize) {
        let mut limiter = RateLimiter::new();
        for _ in 0..requests {
            let _ = limiter.check(Instant::ZERO, &old);
        }
        let refilled = (u128::from(new.per) * u128::from(new.burst)).div_ceil(u128::from(new.count));
        let refilled = Instant::from_micros(u64::try_from(refilled).unwrap());
        prop_assert!(limiter.is_full(refilled, &new));
    }
}

/// The moment at which the last of `requests` is admitted, each asked for as early as the limiter allows.
fn greedy(rate: &Rate, requests: u32) -> u64 {
    let (mut limiter, mut now) = (RateLimiter::new(), Instant::ZERO);
    for _ in 0..requests {
        if let Err(RateLimited { retry_after }) = limiter.check(now, rate) {
            now = now + retry_after;
            limiter.check(now, rate).unwrap();
        }
    }
    now.as_micros()
}

#[test]
fn no_rate_drifts() {
    for (count, per) in [(3, 1_000_000), (7, 86_400_000_000), (99_991, 1_000_000), (1_000_000, 1_000_000)] {
        let rate = Rate::new(count, Duration::from_micros(per), 5).unwrap();
        let requests = count.min(100_000);
        let exact = (u64::from(requests) * per).div_ceil(u64::from(count));
        assert_eq!(greedy(&rate, 5 + requests), exact, "{count} per {per} µs");
    }
}

#[test]
fn from_one_an_hour_to_a_million_a_second() {
    let slow = Rate::new(1, HOUR, 1).unwrap();
    let mut limiter = RateLimiter::new();
    assert_eq!(limiter.check(Instant::ZERO, &slow), Ok(()));
    assert_eq!(limiter.check(Instant::ZERO, &slow), Err(RateLimited { retry_after: HOUR }));
    assert!(Rate::new(1, HOUR, u32::MAX).is_ok());

    let fast = Rate::new(1_000_000, Duration::from_secs(1), 1).unwrap();
    let mut limiter = RateLimiter::new();
    for micros in 0..1_000 {
        let now = Instant::from_micros(micros);
        assert_eq!(limiter.check(now, &fast), Ok(()));
        assert_eq!(limiter.check(now, &fast), Err(RateLimited { retry_after: Duration::from_micros(1) }));
    }
}

#[test]
fn the_default_is_that_of_section_8() {
    assert_eq!(Rate::default(), Rate::new(5, Duration::from_secs(1), 10).unwrap());
    let (rate, mut limiter) = (Rate::default(), RateLimiter::new());
    for _ in 0..10 {
        assert!(limiter.check(Instant::ZERO, &rate).is_ok());
    }
    let retry_after = Duration::from_millis(200);
    assert_eq!(limiter.check(Instant::ZERO, &rate), Err(RateLimited { retry_after }));
    assert!(!limiter.is_full(Instant::from_micros(1_999_999), &rate));
    assert!(limiter.is_full(Instant::from_micros(2_000_000), &rate));
}

#[test]
fn a_stale_now_counts_as_the_last_admitted_request() {
    let rate = Rate::new(1, Duration::from_secs(1), 2).unwrap();
    let mut limiter = RateLimiter::new();
    let late = Instant::from_micros(10_000_000);
    assert!(limiter.check(late, &rate).is_ok());
    assert!(limiter.check(Instant::ZERO, &rate).is_ok());
    let refused = Err(RateLimited { retry_after: Duration::from_secs(1) });
    assert_eq!(limiter.check(Instant::ZERO, &rate), refused);
    assert_eq!(limiter.check(late, &rate), refused);
    assert!(limiter.check(late + Duration::from_secs(1), &rate).is_ok());
}

#[test]
fn what_is_no_rate_is_refused() {
    let second = Duration::from_secs(1);
    let endless = Duration::from_micros(u64::MAX);
    assert!(Rate::new(1, endless, 1).is_ok());
    for (count, per, burst) in [
        (0, second, 1),
        (1, Duration::ZERO, 1),
        (1, second, 0),
        (1, Duration::from_nanos(999), 1),
        (1, Duration::from_nanos(1_500), 1),
        (1, endless, 2),
        (1, Duration::MAX, 1),
    ] {
        assert_eq!(Rate::new(count, per, burst), Err(InvalidRate), "{count} per {per:?}, burst {burst}");
    }
}

#[test]
fn a_bucket_is_sixteen_bytes() {
    assert_eq!(size_of::<RateLimiter>(), 16);
}
