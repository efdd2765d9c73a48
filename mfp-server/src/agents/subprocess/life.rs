//! One life of a program: what it is given, what it says, and its end.

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mfp_tokio::{Inbox, Incoming, MessageId};
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::commands::{self, Failure, Todo};
use super::lines::Line;
use super::process::{Process, Started, Writer};
use super::{End, Shared};
use crate::agents::protocol::{MessageLine, ToProgram};
use crate::agents::serve::Stop;
use crate::trace::{Taken, line};

/// What a program has asked for, and has not been done. More is refused.
const COMMANDS: usize = 64;
/// How long a program that has to go has between the signals.
const GRACE: Duration = Duration::from_secs(2);
/// How long after its end its last words are read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a task of a life has to say in the end: a line, or nothing.
pub(super) type Told = Option<Vec<u8>>;

/// The state of one life.
struct Life<'a> {
    shared: &'a Arc<Shared>,
    writer: Writer,
    /// Messages that the program has, and by when it has to have finished each.
    pending: HashMap<MessageId, (Taken, Instant)>,
    /// Answers that are being sent. They hold a place as messages do.
    replies: FuturesUnordered<BoxFuture<'static, Told>>,
    commands: FuturesUnordered<BoxFuture<'static, Told>>,
    finished: bool,
    last_complaint: Option<Instant>,
    complaints: u64,
}

/// What is next for a program that has to go, and when.
#[derive(Clone, Copy)]
struct Leaving {
    signal: Signal,
    at: Instant,
    kill_at: Instant,
}

/// Serves a program until its end.
pub(super) async fn live(shared: &Arc<Shared>, program: Started, inbox: &mut Inbox, stop: &mut Stop) -> End {
    let (mut process, writer, mut lines) = program;
    let mut life = Life {
        shared,
        writer,
        pending: HashMap::new(),
        replies: FuturesUnordered::new(),
        commands: FuturesUnordered::new(),
        finished: false,
        last_complaint: None,
        complaints: 0,
    };
    life.say(ToProgram::hello(&shared.name, &shared.handle.runtime().id()).line());
    let (mut leaving, mut stopping, mut reading): (Option<Leaving>, Option<Instant>, _) = (None, None, true);
    let status = loop {
        let full = life.is_full();
        let takes = leaving.is_none() && !full && life.pending.len() + life.replies.len() < shared.concurrency;
        let overdue = life.pending.values().map(|(_, deadline)| *deadline).min();
        tokio::select! {
            status = process.wait() => break status.ok(),
            deadline = stop.asked(), if stopping.is_none() => {
                stopping = Some(deadline);
                leaving = Some(Leaving::until(deadline));
                // The end of its standard input tells a program to finish what it has.
                life.writer.lines = None;
            }
            Some(()) = OptionFuture::from(leaving.map(|next| sleep_until(next.at))) => {
                leaving = leaving.map(|next| next.take(&process));
            }
            Some(()) = OptionFuture::from(overdue.map(sleep_until)) => life.give_up(),
            _ = &mut life.writer.task, if leaving.is_none() => {
                tracing::warn!(target: "mfp::agent", agent = shared.name, "the program reads nothing more, and is ended");
                leaving = Some(Leaving::now());
            }
            // Wakes this loop; what waits for room is looked at then.
            () = room(life.writer.lines.as_ref()), if full => {}
            line = lines.next(), if reading && !full => match line {
                Ok(Some(line)) => life.hear(line),
                Ok(None) | Err(_) => reading = false,
            },
            Some(told) = life.replies.next(), if !full => life.tell(told),
            Some(told) = life.commands.next(), if !full => life.tell(told),
            incoming = inbox.recv(), if takes => if let Some(incoming) = incoming {
                life.give(incoming);
            } else {
                // The agent is gone, or the runtime has stopped.
                let deadline = Instant::now() + GRACE;
                (stopping, leaving) = (Some(deadline), Some(Leaving::until(deadline)));
                life.writer.lines = None;
            },
        }
    };
    life.log_end(status, stopping.is_some());
    process.end().await;
    // What it said before its end counts.
    let last = Instant::now() + LAST_WORDS;
    while reading && let Ok(Ok(Some(line))) = timeout_at(last, lines.next()).await {
        life.hear(line);
    }
    let deadline = stopping.unwrap_or_else(|| Instant::now() + shared.timeout);
    let _ = timeout_at(deadline, async {
        while life.replies.next().await.is_some() {}
        while life.commands.next().await.is_some() {}
    })
    .await;
    if stopping.is_some() {
        return End::Stopped(life.pending.into_values().map(|(incoming, _)| incoming).collect());
    }
    // What is still pending is dropped here, and so comes again.
    End::Exited { finished: life.finished }
}

impl Leaving {
    /// Half of the time for itself, then it is asked to end, and in the end made to.
    fn until(deadline: Instant) -> Self {
        let quarter = deadline.saturating_duration_since(Instant::now()) / 4;
        Self { signal: Signal::SIGTERM, at: deadline - quarter * 2, kill_at: deadline - quarter }
    }

    fn now() -> Self {
        let now = Instant::now();
        Self { signal: Signal::SIGTERM, at: now, kill_at: now + GRACE }
    }

    fn take(self, process: &Process) -> Self {
        process.signal(self.signal);
        let at = if self.signal == Signal::SIGTERM { self.kill_at } else { Instant::now() + GRACE };
        Self { signal: Signal::SIGKILL, at, ..self }
    }
}

impl Life<'_> {
    /// Queues a line; there is room, as [`Self::is_full`] is asked before anything that has something to say.
    fn say(&self, line: Vec<u8>) {
        if let Some(lines) = &self.writer.lines {
            // A writer that has ended has no more to lose.
            let _ = lines.try_send(line);
        }
    }

    fn tell(&self, told: Told) {
        if let Some(line) = told {
            self.say(line);
        }
    }

    fn is_full(&self) -> bool {
        self.writer.lines.as_ref().is_some_and(|lines| !lines.is_closed() && lines.capacity() == 0)
    }

    /// Gives the program a message. One that it has already, given again because it took long, it is not told twice.
    fn give(&mut self, incoming: Incoming) {
        let (id, incoming) = (incoming.message, Taken::new(incoming));
        if let Some((held, _)) = self.pending.get_mut(&id) {
            *held = incoming;
            return;
        }
        self.say(ToProgram::Message(MessageLine::new(&incoming, incoming.context())).line());
        self.pending.insert(id, (incoming, Instant::now() + self.shared.timeout));
    }

    /// Messages whose time is over have failed.
    fn give_up(&mut self) {
        let now = Instant::now();
        let name = &self.shared.name;
        let overdue = self.pending.extract_if(|_, (_, deadline)| *deadline <= now);
        for (_, (incoming, _)) in overdue {
            line!(warn, *incoming.about(), agent = name, "the program did not finish it in time");
            incoming.failed();
        }
    }

    /// Does what a line says.
    fn hear(&mut self, line: Line) {
        let text = match line {
            Line::Text(text) if text.iter().all(u8::is_ascii_whitespace) => return,
            Line::Text(text) => text,
            Line::TooLong => return self.complain(&Failure::new("too_long", "the line is too long")),
        };
        match commands::parse(&text, |id| self.pending.remove(&id).map(|(incoming, _)| incoming)) {
            Ok(Todo::Done(incoming)) => {
                self.finished = true;
                incoming.done();
            }
            Ok(Todo::Failed(incoming, reason)) => {
                line!(warn, *incoming.about(), agent = self.shared.name, reason, "failed");
                incoming.failed();
            }
            Ok(Todo::Reply(reply)) => {
                self.finished = true;
                self.replies.push(commands::reply(self.shared, reply));
            }
            Ok(Todo::Ask(ask)) if self.commands.len() < COMMANDS => {
                self.commands.push(commands::ask(Arc::clone(self.shared), ask));
            }
            Ok(Todo::Ask(ask)) => {
                self.complain(&Failure::new("busy", "too much is asked for at once").of(ask.reference()));
            }
            Err(failure) => self.complain(&failure),
        }
    }

    /// Tells the program what was wrong with a line, and the log now and then.
    fn complain(&mut self, failure: &Failure) {
        self.say(failure.line());
        self.complaints += 1;
        if self.last_complaint.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
            self.last_complaint = Some(Instant::now());
            let lines = std::mem::take(&mut self.complaints);
            tracing::warn!(target: "mfp::agent", agent = self.shared.name, lines, code = failure.code, "a line was refused");
        }
    }

    fn log_end(&self, status: Option<ExitStatus>, expected: bool) {
        let (agent, unfinished) = (&self.shared.name, self.pending.len());
        let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        if expected {
            tracing::info!(target: "mfp::agent", agent, status, unfinished, "the program has ended");
        } else {
            tracing::warn!(target: "mfp::agent", agent, status, unfinished, "the program has ended by itself");
        }
    }
}

/// Waits until there is room for a line, or nobody who would read it.
async fn room(lines: Option<&mpsc::Sender<Vec<u8>>>) {
    if let Some(lines) = lines {
        drop(lines.reserve().await);
    }
}
