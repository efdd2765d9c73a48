use std::fmt;
use std::time::Duration;

use super::exchange::Outcome;
use super::input::Input;

/// What it has to say at the end.
pub(super) struct Report {
    source: String,
    messages: u64,
    skipped: u64,
    bytes: u64,
    elapsed: Duration,
    latencies: Vec<Duration>,
    pairs: u32,
    channels: usize,
    global_state: [u8; 32],
    checks: Vec<Check>,
}

/// One thing that was verified.
struct Check {
    passed: bool,
    text: String,
}

impl Report {
    pub(super) fn new(input: &Input, outcome: &Outcome) -> Self {
        let checks = checks(input, outcome);
        let mut latencies: Vec<_> = outcome.lanes.iter().flat_map(|lane| lane.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        Self {
            source: input.name.clone(),
            messages: input.messages,
            skipped: input.skipped,
            bytes: outcome.lanes.iter().map(|lane| lane.bytes).sum(),
            elapsed: outcome.elapsed,
            latencies,
            pairs: outcome.pairs,
            channels: outcome.lanes.len(),
            global_state: outcome.global_state,
            checks,
        }
    }

    /// Whether every check has passed.
    pub(super) fn is_success(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    /// The same for programs.
    pub(super) fn json(&self) -> serde_json::Value {
        let micros = |percent| u64::try_from(self.percentile(percent).as_micros()).unwrap_or(u64::MAX);
        let check = |check: &Check| serde_json::json!({ "passed": check.passed, "text": check.text });
        serde_json::json!({
            "source": self.source,
            "messages": self.messages,
            "bytes": self.bytes,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "p50_us": micros(50),
            "p99_us": micros(99),
            "pairs": self.pairs,
            "channels": self.channels,
            "global_state": hex::encode(self.global_state),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
        })
    }

    /// The latency that so many percent of the messages did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1) - 1;
        self.latencies.get(rank).copied().unwrap_or_default()
    }
}

fn checks(input: &Input, outcome: &Outcome) -> Vec<Check> {
    let lanes = &outcome.lanes;
    let (wrong, failed) = lanes.iter().fold((0, 0), |(wrong, failed), lane| (wrong + lane.wrong, failed + lane.failed));
    let right = input.messages.saturating_sub(wrong + failed);
    let reason = lanes.iter().find_map(|lane| lane.failure.as_deref());
    let ordered = lanes.iter().filter(|lane| lane.in_order).count();
    let stats = &outcome.stats;
    let finished = outcome.remaining == 0 && stats.dead_letters == 0 && stats.messages_processed == stats.messages_sent;
    let of_channels = |some: usize| format!("{some} of {}", count(lanes.len() as u64, "channel"));
    let missing = reason.map(|reason| format!("; {failed} are missing: {reason}")).unwrap_or_default();
    let answers = format!("{right} of {} answers are the SHA-256 of what was sent{missing}", input.messages);
    vec![
        Check { passed: right == input.messages, text: answers },
        Check {
            passed: ordered == lanes.len(),
            text: format!("bob got them in alice's order on {}", of_channels(ordered)),
        },
        Check {
            passed: finished,
            text: format!("{} of {} messages and answers are finished", stats.messages_processed, stats.messages_sent),
        },
        Check {
            passed: outcome.included == lanes.len(),
            text: format!("{} proven part of the global state", of_channels(outcome.included)),
        },
    ]
}

/// "1 channel", "2 channels".
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

impl fmt::Display for Report {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        writeln!(f, "source         {}", self.source)?;
        write!(f, "messages       {}, each with its answer", self.messages)?;
        match self.skipped {
            0 => writeln!(f)?,
            1 => writeln!(f, " (1 empty line is skipped: a message has at least one byte)")?,
            more => writeln!(f, " ({more} empty lines are skipped: a message has at least one byte)")?,
        }
        writeln!(f, "bytes          {} (without the answers)", self.bytes)?;
        let (pairs, channels) = (count(u64::from(self.pairs), "pair"), count(self.channels as u64, "channel"));
        writeln!(f, "agents         {pairs}, {channels}")?;
        if self.messages == 0 {
            writeln!(f, "               nothing to send")?;
        } else {
            let rate = self.messages as f64 / seconds;
            writeln!(f, "time           {:.3} s", self.elapsed.as_secs_f64())?;
            writeln!(f, "rate           {rate:.0} questions/s, {:.0} messages/s with the answers", 2.0 * rate)?;
            writeln!(
                f,
                "latency        p50 {:.0?}, p99 {:.0?}, to the answer",
                self.percentile(50),
                self.percentile(99)
            )?;
        }
        writeln!(f, "global state   {}", hex::encode(self.global_state))?;
        for check in &self.checks {
            writeln!(f, "{}  {}", if check.passed { "verified     " } else { "NOT VERIFIED " }, check.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::exchange::Lane;

    fn outcome() -> Outcome {
        let millis = |range: std::ops::RangeInclusive<u64>| range.map(Duration::from_millis).collect();
        let lane = |latencies| Lane { latencies, in_order: true, ..Lane::default() };
        let mut stats = mfp_tokio::Stats::default();
        (stats.messages_sent, stats.messages_processed) = (400, 400);
        Outcome {
            lanes: vec![lane(millis(101..=200)), lane(millis(1..=100))],
            elapsed: Duration::from_secs(1),
            pairs: 1,
            global_state: [0; 32],
            included: 2,
            remaining: 0,
            stats,
        }
    }

    fn report(change: impl FnOnce(&mut Outcome)) -> Report {
        let mut outcome = outcome();
        change(&mut outcome);
        let input = Input { name: "test".to_owned(), payloads: Vec::new(), messages: 200, skipped: 0 };
        Report::new(&input, &outcome)
    }

    #[test]
    fn percentiles_are_of_all_channels_together() {
        let report = report(|_| {});
        assert_eq!(report.percentile(50), Duration::from_millis(100));
        assert_eq!(report.percentile(99), Duration::from_millis(198));
        assert_eq!(report.percentile(100), Duration::from_millis(200));
    }

    #[test]
    fn each_check_can_fail() {
        assert!(report(|_| {}).is_success());
        let failures: [fn(&mut Outcome); 7] = [
            |outcome| outcome.lanes[1].wrong = 1,
            |outcome| outcome.lanes[1].failed = 1,
            |outcome| outcome.lanes[1].in_order = false,
            |outcome| outcome.included = 1,
            |outcome| outcome.remaining = 1,
            |outcome| outcome.stats.dead_letters = 1,
            |outcome| outcome.stats.messages_processed = 399,
        ];
        for failure in failures {
            let report = report(failure);
            assert!(!report.is_success());
            assert_eq!(report.to_string().matches("NOT VERIFIED").count(), 1);
        }
    }
}
