//! What systemd is told, where it asks to be told: a unit of `Type=notify`, with or without a watchdog.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::Server;

/// It runs: agents are bound, and it listens. Before that, whatever depends on this unit waits.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It drains, and then ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The configuration is read again, until this is dropped.
#[derive(Debug)]
pub(super) struct Reloading(());

impl Reloading {
    pub(super) fn begin() -> Self {
        // Since when, so that systemd knows which of its own words this answers.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "systemd is not told of the reload: there is no clock"),
        }
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// Shows systemd that the server is alive, until this is dropped.
#[derive(Debug)]
pub(super) struct Watchdog(AbortHandle);

impl Watchdog {
    /// None if systemd does not watch.
    pub(super) fn start(server: &Arc<Server>) -> Option<Self> {
        let longest = sd_notify::watchdog_enabled().filter(|longest| *longest > Duration::ZERO)?;
        let runtime = server.runtime.clone();
        let shows = tokio::spawn(async move {
            let mut pulse = tokio::time::interval(longest / 3);
            pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                pulse.tick().await;
                // It waits for the runtime's lock: whoever holds it for good is found.
                let _ = runtime.stats();
                tell(&[NotifyState::Watchdog]);
            }
        });
        Some(Self(shows.abort_handle()))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // Without `NOTIFY_SOCKET` nobody asks, and that is no error.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told how this server is");
    }
}
