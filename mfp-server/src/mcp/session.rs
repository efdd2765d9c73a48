//! What the tools do.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::arguments::{self, Nothing, parse};
use super::inbox::Inbox;
use super::link::Link;
use crate::control::{ClientError, Fault, Request, Target};

/// How long a server may take to be there again. A call that can be tried again is, so long.
const RESTART: Duration = Duration::from_secs(5);
/// How long a reading takes at most.
const READING: Duration = Duration::from_secs(15);

/// One host's session with one agent.
#[derive(Debug)]
pub(super) struct Session {
    socket: PathBuf,
    agent: String,
    /// Messages are taken by one call at a time.
    inbox: Mutex<Inbox>,
}

/// The id of a message, and the trace context that it came with.
type Held = (String, Option<String>);

/// An error in the server's words, or about the server.
pub(super) fn fault(error: ClientError) -> Fault {
    match error {
        ClientError::Refused(fault) => fault,
        ClientError::Absent(_) => Fault::new("absent", error.to_string()),
        ClientError::Broken(_) => Fault::new("broken", error.to_string()),
    }
}

impl Session {
    pub(super) fn new(socket: PathBuf, agent: String) -> Self {
        Self { socket, agent, inbox: Mutex::default() }
    }

    pub(super) async fn channels(&self, arguments: Value) -> Result<Value, Fault> {
        parse::<Nothing>(arguments)?;
        let channels = self.read(&Request::Channels { agent: Some(self.agent.clone()) }).await?;
        Ok(json!({ "channels": channels }))
    }

    pub(super) async fn status(&self, arguments: Value) -> Result<Value, Fault> {
        parse::<Nothing>(arguments)?;
        let agents = self.read(&Request::Agents {}).await?;
        let mut agents = agents.as_array().into_iter().flatten();
        let agent = agents.find(|agent| agent.get("name").and_then(Value::as_str) == Some(&self.agent));
        let server = self.read(&Request::Status {}).await?;
        // While somebody waits for the next message there is none that is held.
        let held = self.inbox.try_lock().ok().and_then(|inbox| inbox.held().and_then(|it| it.get("message")).cloned());
        Ok(json!({ "agent": agent, "server": server, "held": held }))
    }

    pub(super) async fn receive(&self, arguments: Value) -> Result<Value, Fault> {
        let arguments: arguments::Receive = parse(arguments)?;
        let deadline = Instant::now() + arguments.timeout()?;
        let acks = arguments.acks()?;
        let Ok(mut inbox) = timeout_at(deadline, self.inbox.lock()).await else {
            return Err(Fault::new("busy", "another call waits for the next message"));
        };
        let (acked, not_acked) = inbox.ack(&self.agent, acks).await;
        let mut next = inbox.next(&self.socket, &self.agent, deadline).await?;
        let mut result =
            json!({ "message": next.is_null().then_some(Value::Null), "acked": acked, "not_acked": not_acked });
        if let (Some(result), Some(next)) = (result.as_object_mut(), next.as_object_mut()) {
            result.append(next);
        }
        Ok(result)
    }

    pub(super) async fn send(&self, arguments: Value) -> Result<Value, Fault> {
        let arguments: arguments::Send = parse(arguments)?;
        let (body, wait) = (arguments.body()?, arguments.timeout()?);
        let (to, answers) = self.target(&arguments).await?;
        let acked = arguments.acked();
        let reply_to = arguments.reply_to.clone();
        // An answer continues the trace of what it answers, if nothing else is said.
        let (answers_held, held_trace) = answers.unzip();
        let traceparent = arguments.traceparent.clone().or(held_trace.flatten());
        let from = self.agent.clone();
        let request = Request::Send { from, to, body, acked, ttl_ms: None, reply_to, traceparent };
        let deadline = Instant::now() + wait;
        let restarted = deadline.min(Instant::now() + RESTART);
        // One of its own, so that it is sure that nothing has been said over it.
        let mut link = Link::connect(&self.socket, restarted).await.map_err(fault)?;
        let sent = match link.ask(&request, deadline).await {
            Ok(Some(receipt)) => receipt,
            Ok(None) => return Err(uncertain(&format!("no answer came within {} s", wait.as_secs_f32()))),
            Err(error @ ClientError::Broken(_)) => return Err(uncertain(&error.to_string())),
            Err(error) => return Err(fault(error)),
        };
        let mut result = sent;
        if let (Some(held), Some(result)) = (answers_held, result.as_object_mut()) {
            let mut inbox = self.inbox.lock().await;
            if inbox.holds(&held) {
                // It is answered. If it cannot be finished it comes again, and that is no reason to answer it again.
                let finished = inbox.finish(&self.agent).await.is_ok();
                result.insert("finished".to_owned(), finished.into());
            }
        }
        Ok(result)
    }

    /// Where a message goes; and if it answers the message that is held, the id and the trace of that.
    async fn target(&self, arguments: &arguments::Send) -> Result<(Target, Option<Held>), Fault> {
        let to = arguments.to.as_deref();
        if let Some(reply_to) = arguments.reply_to.as_deref() {
            // Whoever waits for the next message has it locked, and then there is none that is held.
            let inbox = timeout(Duration::from_secs(1), self.inbox.lock()).await;
            let held = inbox.as_ref().ok().filter(|inbox| inbox.holds(reply_to)).and_then(|inbox| inbox.held());
            if let Some(held) = held {
                let text = |pointer| held.pointer(pointer).and_then(Value::as_str);
                let (name, peer) = (text("/from/agent").unwrap_or_default(), text("/from/peer"));
                let channel = text("/channel").unwrap_or_default();
                let sender = peer.map_or_else(|| name.to_owned(), |peer| format!("{name}@{peer}"));
                if to.is_some_and(|to| to != sender && (to.len() < 8 || !channel.starts_with(to))) {
                    let why = format!("the message that this answers is from `{sender}`: leave `to` out");
                    return Err(Fault::new("malformed", why));
                }
                let held = (reply_to.to_owned(), text("/traceparent").map(str::to_owned));
                return Ok((Target::Channel(channel.to_owned()), Some(held)));
            }
        }
        match to {
            Some(to) => Ok((Target::parse(to), None)),
            None if arguments.reply_to.is_some() => {
                let why =
                    "the message that this answers is not held here: say where it goes in `to`, or receive it again";
                Err(Fault::new("unknown", why))
            }
            None => Err(Fault::new("malformed", "say where it goes in `to`")),
        }
    }

    /// Asks what changes nothing, and again if the connection breaks.
    async fn read(&self, request: &Request) -> Result<Value, Fault> {
        let (start, end) = (Instant::now(), Instant::now() + READING);
        loop {
            let mut link = Link::connect(&self.socket, start + RESTART).await.map_err(fault)?;
            match link.ask(request, end).await {
                Ok(Some(answer)) => return Ok(answer),
                Err(ClientError::Broken(_)) if start.elapsed() < RESTART => {}
                Ok(None) => return Err(Fault::new("absent", "the server does not answer")),
                Err(error) => return Err(fault(error)),
            }
        }
    }
}

fn uncertain(why: &str) -> Fault {
    Fault::new("uncertain", format!("{why}: it is not known whether the message was sent"))
}
