//! The message that this session holds, and the connection that holds it at the server.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::link::{Link, PAUSE};
use super::session::fault;
use crate::control::{ClientError, Fault, Request};

/// Ids that are remembered as finished while the server does not know it yet.
const REMEMBERED: usize = 256;
/// How much later than asked an answer may come.
const GRACE: Duration = Duration::from_secs(5);

/// What has been taken. Only one message at a time is, so that a model that forgets to finish it loses nothing.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Taken out while it is in use: if whoever uses it is cancelled it is dropped, and the server takes all back.
    link: Option<Link>,
    held: Option<Value>,
    /// Finished here when the connection had gone. When they come again they are finished at once.
    finished: VecDeque<String>,
}

pub(super) fn id(message: &Value) -> Option<&str> {
    message.get("message").and_then(Value::as_str)
}

impl Inbox {
    pub(super) fn held(&self) -> Option<&Value> {
        self.held.as_ref()
    }

    /// Whether this is the message that is held.
    pub(super) fn holds(&self, message: &str) -> bool {
        self.held.as_ref().and_then(id) == Some(message)
    }

    /// The message that is held is dealt with. If the connection has gone, that is told to the server later.
    pub(super) async fn finish(&mut self, agent: &str) -> Result<(), Fault> {
        let Some(message) = self.held.as_ref().and_then(id).map(str::to_owned) else { return Ok(()) };
        let done = match self.link.take() {
            Some(mut link) => {
                let done = finish(&mut link, agent, &message).await;
                self.link = Some(link).filter(|_| matches!(done, Ok(()) | Err(ClientError::Refused(_))));
                done
            }
            None => Err(ClientError::Broken("it has gone".to_owned())),
        };
        self.held = None;
        match done {
            Ok(()) => Ok(()),
            Err(ClientError::Refused(fault)) => Err(fault),
            Err(_) => {
                self.finished.truncate(REMEMBERED - 1);
                self.finished.push_front(message);
                Ok(())
            }
        }
    }

    /// The next message, which is held from then on; null if none has come by `deadline`.
    pub(super) async fn next(&mut self, socket: &Path, agent: &str, deadline: Instant) -> Result<Value, Fault> {
        if let Some(held) = &self.held {
            return Ok(held.clone());
        }
        loop {
            let mut link = match self.link.take() {
                Some(link) => link,
                None => Link::connect(socket, deadline).await.map_err(fault)?,
            };
            let wait = deadline.saturating_duration_since(Instant::now());
            let timeout_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let request = Request::Receive { agent: agent.to_owned(), timeout_ms };
            let failure = match link.ask(&request, deadline + GRACE).await {
                Ok(Some(message)) => match id(&message) {
                    Some(known) if self.finished.iter().any(|one| one == known) => {
                        let known = known.to_owned();
                        match finish(&mut link, agent, &known).await {
                            Ok(()) => {
                                self.finished.retain(|one| *one != known);
                                self.link = Some(link);
                                continue;
                            }
                            Err(failure) => failure,
                        }
                    }
                    Some(_) => {
                        self.link = Some(link);
                        self.held = Some(message.clone());
                        return Ok(message);
                    }
                    None => {
                        self.link = Some(link);
                        return Ok(Value::Null);
                    }
                },
                Ok(None) => ClientError::Broken("it does not answer".to_owned()),
                Err(failure) => failure,
            };
            match failure {
                // It stops, and may be started again.
                ClientError::Refused(ref fault) if fault.code == "stopped" => {}
                ClientError::Broken(_) => {}
                failure => {
                    self.link = Some(link);
                    return Err(fault(failure));
                }
            }
            if Instant::now() + PAUSE >= deadline {
                return Err(fault(failure));
            }
            sleep(PAUSE).await;
        }
    }

    /// Finishes what is named. What is not held here is told, and is no obstacle.
    pub(super) async fn ack(&mut self, agent: &str, ids: &[String]) -> (Vec<String>, Vec<Value>) {
        let (mut acked, mut not_acked) = (Vec::new(), Vec::new());
        for id in ids {
            let done = if self.holds(id) {
                self.finish(agent).await
            } else {
                Err(Fault::new("unknown", "it is not held here: it was finished before, or given back"))
            };
            match done {
                Ok(()) => acked.push(id.clone()),
                Err(fault) => not_acked.push(json!({ "id": id, "why": fault.message })),
            }
        }
        (acked, not_acked)
    }
}

async fn finish(link: &mut Link, agent: &str, message: &str) -> Result<(), ClientError> {
    let (agent, message) = (agent.to_owned(), message.to_owned());
    let request = Request::Finish { agent, message, failed: false, reply: None, traceparent: None };
    match link.ask(&request, Instant::now() + GRACE).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(ClientError::Broken("it does not answer".to_owned())),
        Err(error) => Err(error),
    }
}
