//! What is known of a server from before it runs until after it has stopped.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use mfp_tokio::{Event, Notice, Runtime};

use crate::server::Server;
use crate::trace;

/// How far a server is, and what it has counted of events.
#[derive(Debug)]
pub(crate) struct Ops {
    began: Instant,
    /// Weak, since the server has this.
    server: OnceLock<Weak<Server>>,
    expected: AtomicUsize,
    asked_for: AtomicUsize,
    stopping: AtomicBool,
    /// The commits that there were when the last one failed, and one: there is trouble until there are more.
    failed_after: AtomicU64,
    pub(super) events: Counts,
    /// What has become of spans.
    pub(crate) spans: Arc<trace::Counts>,
}

/// What only events tell.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) quarantines: AtomicU64,
    pub(super) handshakes_failed: AtomicU64,
    pub(super) missed: AtomicU64,
}

impl Ops {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            server: OnceLock::new(),
            expected: AtomicUsize::new(0),
            asked_for: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            failed_after: AtomicU64::new(0),
            events: Counts::default(),
            spans: Arc::default(),
        }
    }

    /// So many channels are in the configuration.
    pub(crate) fn expect_channels(&self, count: usize) {
        self.expected.store(count, Ordering::Relaxed);
    }

    /// One of them is there, or was asked for.
    pub(crate) fn channel_asked_for(&self) {
        self.asked_for.fetch_add(1, Ordering::Relaxed);
    }

    /// Agents are bound, and it listens.
    pub(crate) fn runs(&self, server: &Arc<Server>) {
        // It is told once.
        let _ = self.server.set(Arc::downgrade(server));
    }

    pub(crate) fn stops(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Counts the events of a runtime until it ends.
    pub(crate) fn follow(self: &Arc<Self>, runtime: &Runtime) {
        let (ops, runtime, mut events) = (Arc::clone(self), runtime.clone(), runtime.events());
        tokio::spawn(async move {
            while let Some(notice) = events.recv().await {
                ops.note(&runtime, &notice);
            }
        });
    }

    fn note(&self, runtime: &Runtime, notice: &Notice) {
        let (counter, by) = match notice {
            Notice::Missed(count) => (&self.events.missed, *count),
            Notice::Event(Event::AgentQuarantined { .. } | Event::ChannelQuarantined { .. }) => {
                (&self.events.quarantines, 1)
            }
            Notice::Event(Event::HandshakeFailed { .. }) => (&self.events.handshakes_failed, 1),
            Notice::Event(Event::StoreFailed) => {
                let commits = runtime.store_stats().map_or(0, |store| store.commits);
                self.failed_after.store(commits.saturating_add(1), Ordering::Relaxed);
                return;
            }
            _ => return,
        };
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// The server, while it is there.
    pub(super) fn server(&self) -> Option<Arc<Server>> {
        self.server.get()?.upgrade()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn channels_are_asked_for(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed) >= self.expected.load(Ordering::Relaxed)
    }

    /// Whether the last that is known of the store is that a commit has failed.
    pub(super) fn store_fails(&self, commits: u64) -> bool {
        self.failed_after.load(Ordering::Relaxed) > commits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_too_fast_is_counted() {
        let runtime = Runtime::builder().build().await.unwrap();
        let ops = Ops::new(Instant::now());
        ops.note(&runtime, &Notice::Missed(7));
        ops.note(&runtime, &Notice::Missed(2));
        let page = crate::ops::metrics::render(&ops).unwrap();
        assert!(page.lines().any(|line| line == "mfp_events_missed_total 9"), "{page}");
        runtime.shutdown().await;
    }
}
