//! The audit log: what an auditor asks about, in a file that only grows and shows what was done to it.

mod chain;
mod file;
mod files;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use mfp_tokio::{Event, Notice, Runtime};
use serde_json::{Value, json};

use crate::{config, control};
use chain::Entry;
use file::Log;

pub(crate) use chain::{Fault, Hash, Line, Whole, verify};
pub(crate) use files::read;

/// Entries that may wait for the disk. What comes then is counted, and the count is told.
const WAITING: usize = 65_536;
/// The longest that an entry is not on the disk.
const UNSYNCED: Duration = Duration::from_millis(500);
/// Between attempts to write while the disk refuses.
const PAUSE: Duration = Duration::from_secs(1);

/// Where entries are told. It holds up nobody.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    /// None is the end.
    entries: SyncSender<Option<Entry>>,
    missed: Arc<AtomicU64>,
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Writer(JoinHandle<()>);

impl Writer {
    /// Waits until all that was told is on the disk, or for as long as that may take.
    pub(crate) fn end(self, audit: &Audit, patience: Duration) {
        let start = Instant::now();
        let mut told = false;
        while !self.0.is_finished() {
            told = told || audit.entries.try_send(None).is_ok();
            if start.elapsed() > patience {
                tracing::error!("the end of the audit log is not written");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Audit {
    /// Opens the log and starts to write.
    pub(crate) fn open(config: &config::Audit) -> Result<(Self, Writer)> {
        let (log, torn) = Log::open(config)?;
        let (entries, told) = sync_channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        let audit = Self { entries, missed: Arc::clone(&missed) };
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || write(log, &told, &missed));
        let writer = writer.context("the thread of the audit log could not be started")?;
        if let Some(torn) = torn {
            audit.say("TornLine", None, json!({ "removed": torn }));
        }
        Ok((audit, Writer(writer)))
    }

    /// Tells an entry; `uid` is the user that said so.
    pub(crate) fn say(&self, event: &str, uid: Option<u32>, detail: Value) {
        let entry = Entry { time: now(), event: event.to_owned(), uid, detail };
        if self.entries.try_send(Some(entry)).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells the events of a runtime until it has stopped.
    pub(crate) fn follow(&self, runtime: &Runtime) -> tokio::task::JoinHandle<()> {
        let (audit, mut events) = (self.clone(), runtime.events());
        tokio::spawn(async move {
            while let Some(notice) = events.recv().await {
                if is_told(&notice) {
                    audit.event(&notice);
                }
                if matches!(notice, Notice::Event(Event::Drained { .. })) {
                    return;
                }
            }
        })
    }

    fn event(&self, notice: &Notice) {
        let mut shown = control::notice(notice);
        let event = shown.get("event").and_then(Value::as_str).unwrap_or("Unknown").to_owned();
        let detail = shown.get_mut("detail").map(Value::take);
        let detail = detail.or_else(|| shown.get("count").cloned()).unwrap_or_default();
        self.say(&event, None, detail);
    }
}

/// Attempts that are made again say nothing: what becomes of them does.
fn is_told(notice: &Notice) -> bool {
    !matches!(
        notice,
        Notice::Event(Event::ConnectFailed { .. } | Event::HandlerFailed { .. } | Event::HandlerTimedOut { .. })
    )
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

fn write(mut log: Log, told: &Receiver<Option<Entry>>, missed: &AtomicU64) {
    let mut unsynced: Option<Instant> = None;
    loop {
        let wait = unsynced.map_or(PAUSE, |since| UNSYNCED.saturating_sub(since.elapsed()));
        let next = told.recv_timeout(wait);
        let lost = missed.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let entry = Entry { time: now(), event: "Missed".into(), uid: None, detail: Value::from(lost) };
            persist(|| log.write(&entry));
            unsynced.get_or_insert_with(Instant::now);
        }
        if let Ok(Some(entry)) = &next {
            persist(|| log.write(entry));
            unsynced.get_or_insert_with(Instant::now);
        }
        let ended = matches!(next, Ok(None) | Err(RecvTimeoutError::Disconnected));
        if unsynced.is_some_and(|since| ended || since.elapsed() >= UNSYNCED) {
            persist(|| log.sync());
            unsynced = None;
        }
        if ended {
            return;
        }
    }
}

/// Until the disk takes it: what comes after it has to wait anyway.
fn persist(mut attempt: impl FnMut() -> std::io::Result<()>) {
    while let Err(error) = attempt() {
        tracing::error!(%error, "the audit log cannot be written at the moment");
        std::thread::sleep(PAUSE);
    }
}
