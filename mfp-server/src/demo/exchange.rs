//! Who sends and who receives, each with a control socket.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use crate::bench::input::Input;
use crate::bench::progress::Progress;
use crate::control::{Body, Client, ClientError, Request, Target};

/// How long a server may be away.
const PATIENCE: Duration = Duration::from_mins(1);
const A_MOMENT: Duration = Duration::from_millis(5);

/// Asks again while the server is away.
fn ask(client: &mut Option<Client>, socket: &Path, request: &Request) -> Result<Value> {
    let start = Instant::now();
    loop {
        let connected = match client.take() {
            Some(client) => Ok(client),
            None => Client::connect(socket),
        };
        let error = match connected {
            Ok(mut connected) => match connected.ask(request) {
                Ok(value) => {
                    *client = Some(connected);
                    return Ok(value);
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        // What is refused at first, as there is no channel yet, may be done later.
        let later = match &error {
            ClientError::Refused(fault) => fault.code == "unknown",
            _ => true,
        };
        if !later || start.elapsed() > PATIENCE {
            return Err(error.into());
        }
        sleep(A_MOMENT);
    }
}

/// alice: sends every line, one after the other, and keeps the receipts.
pub(super) struct Sender {
    thread: JoinHandle<Result<Vec<String>>>,
}

impl Sender {
    pub(super) fn start(socket: PathBuf, input: Arc<Input>) -> Self {
        let thread = thread::spawn(move || {
            let (mut client, mut receipts) = (None, Vec::new());
            for number in 0..input.messages {
                let to = Target::Agent { name: "bob".into(), peer: Some("b".into()) };
                let body = Body::new(input.payload(number), None);
                let (from, acked, ttl_ms, reply_to, traceparent) = ("alice".into(), false, None, None, None);
                let send = Request::Send { from, to, body, acked, ttl_ms, reply_to, traceparent };
                let receipt = ask(&mut client, &socket, &send)?;
                let message = receipt.get("message").and_then(Value::as_str);
                receipts.push(message.ok_or_else(|| anyhow!("a receipt names its message"))?.to_owned());
            }
            Ok(receipts)
        });
        Self { thread }
    }

    /// Whether it has ended, well or not.
    fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn join(self) -> Result<Vec<String>> {
        self.thread.join().map_err(|_| anyhow!("the sender has failed"))?
    }
}

/// A line as bob got it.
pub(super) struct Taken {
    pub(super) message: String,
    pub(super) payload: Vec<u8>,
}

#[derive(Default)]
struct Log {
    taken: Vec<Taken>,
    known: BTreeSet<String>,
    repeats: usize,
    ended: bool,
}

/// bob: takes every line.
pub(super) struct Receiver {
    log: Arc<(Mutex<Log>, Condvar)>,
    thread: JoinHandle<Result<()>>,
}

fn lock(mutex: &Mutex<Log>) -> MutexGuard<'_, Log> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    pub(super) fn start(socket: PathBuf, lines: u64, progress: Arc<Progress>) -> Self {
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let shared = Arc::clone(&log);
        let thread = thread::spawn(move || {
            let received = receive(&socket, lines, &shared, &progress);
            lock(&shared.0).ended = true;
            shared.1.notify_all();
            received
        });
        Self { log, thread }
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.log.0).taken.len()
    }

    /// Waits for so many lines, or for the end.
    pub(super) fn wait_for(&self, count: usize, sender: &Sender) -> Result<()> {
        let mut log = lock(&self.log.0);
        let mut last = (log.taken.len(), Instant::now());
        while log.taken.len() < count && !log.ended {
            if log.taken.len() > last.0 {
                last = (log.taken.len(), Instant::now());
            }
            if last.1.elapsed() > PATIENCE {
                let what = if sender.has_ended() { "received" } else { "sent" };
                bail!("nothing is {what} any more");
            }
            let wait = self.log.1.wait_timeout(log, Duration::from_millis(100));
            log = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// The lines, and how often one came again.
    pub(super) fn join(self) -> Result<(Vec<Taken>, usize)> {
        self.thread.join().map_err(|_| anyhow!("the receiver has failed"))??;
        let mut log = lock(&self.log.0);
        Ok((std::mem::take(&mut log.taken), log.repeats))
    }
}

fn receive(socket: &Path, lines: u64, shared: &(Mutex<Log>, Condvar), progress: &Progress) -> Result<()> {
    let (mut client, mut idle) = (None, Instant::now());
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    while lock(&shared.0).taken.len() < lines {
        let next = Request::Receive { agent: "bob".into(), timeout_ms: 1_000 };
        let taken = ask(&mut client, socket, &next)?;
        let Some(message) = taken.get("message").and_then(Value::as_str) else {
            if idle.elapsed() > PATIENCE {
                bail!("no line has come for {} s", PATIENCE.as_secs());
            }
            continue;
        };
        idle = Instant::now();
        let mut log = lock(&shared.0);
        if log.known.insert(message.to_owned()) {
            log.taken.push(Taken { message: message.to_owned(), payload: Body::of(&taken)?.bytes()? });
            progress.step();
        } else {
            log.repeats += 1;
        }
        drop(log);
        shared.1.notify_all();
        let (agent, message) = ("bob".into(), message.to_owned());
        let finish = Request::Finish { agent, message, failed: false, reply: None, traceparent: None };
        // If the server dies first, the line comes again.
        if let Some(connected) = &mut client
            && connected.ask(&finish).is_err()
        {
            client = None;
        }
    }
    Ok(())
}
