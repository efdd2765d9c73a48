//! Does what is asked over the control socket.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mfp_tokio::{AgentHandle, AgentId, ChannelId, ChannelOptions, Message, MessageId, RuntimeId};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::listen::Held;
use super::protocol::{Body, Fault, Request, Subject, Target, Word};
use super::view;
use crate::server::Server;
use crate::trace::{self, Context, Taken};

/// The longest that a request may wait for anything.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What is refused is told in the words of the driver.
fn refused(error: impl Display) -> Fault {
    Fault::new("refused", error.to_string())
}

impl Server {
    pub(super) async fn act(self: &Arc<Self>, request: Request, held: &mut Held) -> Result<Value, Fault> {
        match request {
            Request::Status {} => Ok(view::status(self)),
            Request::Agents {} => Ok(self.runtime.agents().iter().map(|agent| view::agent(self, agent)).collect()),
            Request::Peers {} => Ok(self.runtime.peers().iter().map(|peer| view::peer(self, peer)).collect()),
            Request::Channels { agent } => self.channels(agent.as_deref()),
            Request::Send { from, to, body, acked, ttl_ms, reply_to, traceparent } => {
                let (channel, payload) = (self.channel(&self.agent(&from)?, &to)?, body.bytes()?);
                let mut message = Message::new(&payload);
                message.content_type = body.content_type.as_deref();
                message.ttl = ttl_ms.map(Duration::from_millis);
                message.reply_to = reply_to.as_deref().map(message_id).transpose()?;
                message.trace = context(traceparent.as_deref())?.map(Context::to_bytes);
                self.send(&from, channel, message, acked).await
            }
            Request::Ask { from, to, body, timeout_ms, traceparent } => {
                let context = context(traceparent.as_deref())?;
                self.request(&from, &to, &body, timeout_ms, context).await
            }
            Request::Tail {} => Err(Fault::new("malformed", "nothing else can be asked in a connection that listens")),
            Request::Receive { agent, timeout_ms } => self.receive(&agent, timeout_ms, held).await,
            Request::Finish { agent, message, failed, reply, traceparent } => {
                let reply = reply.map(|body| Ok((body, context(traceparent.as_deref())?))).transpose()?;
                self.finish(&agent, &message, failed, reply, held).await
            }
            Request::Quarantine(Subject::Agent(name)) => {
                self.runtime.quarantine_agent(&self.agent_id(&name)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Quarantine(Subject::Channel(id)) => {
                self.runtime.quarantine_channel(&self.any_channel(&id)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Restore(Subject::Agent(name)) => {
                self.runtime.restore_agent(&self.agent_id(&name)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Restore(Subject::Channel(id)) => {
                self.runtime.restore_channel(&self.any_channel(&id)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Open { agent, peer, to } => self.open(&agent, &peer, &to).await,
            Request::Close { channel } => {
                let channel = self.any_channel(&channel)?;
                self.runtime.close_channel(&channel).await.map_err(refused)?;
                Ok(json!({ "channel": channel.to_string() }))
            }
            Request::Rotate { peer } => {
                self.runtime.rotate_peer(&self.peer_id(&peer)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Redial { peer } => {
                self.runtime.redial(&self.peer_id(&peer)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Recover { peer, word } => self.recover(&peer, word).await,
            Request::DeadLetters {} => Ok(self.runtime.dead_letters().iter().map(view::dead_letter).collect()),
            Request::Retry { message } => {
                self.runtime.retry(&self.dead_letter(&message)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Purge { message } => {
                self.runtime.purge(&self.dead_letter(&message)?).await.map_err(refused)?;
                Ok(Value::Null)
            }
            Request::Backup { path } => {
                if !Path::new(&path).is_absolute() {
                    return Err(Fault::new("malformed", "the path of a backup is absolute"));
                }
                self.runtime.backup(&path).await.map_err(refused)?;
                Ok(json!({ "path": path }))
            }
            Request::Reload {} => self.reload().await.map(|changes| json!({ "changes": changes })),
        }
    }

    fn channels(&self, agent: Option<&str>) -> Result<Value, Fault> {
        if let Some(name) = agent {
            self.agent(name)?;
        }
        let mut all = Vec::new();
        for (name, handle) in self.agents().iter().filter(|(name, _)| agent.is_none_or(|only| only == *name)) {
            // One that is quarantined, or has none, shows none.
            let channels = handle.channels().unwrap_or_default();
            all.extend(channels.iter().map(|channel| view::channel(self, name, channel)));
        }
        Ok(Value::Array(all))
    }

    async fn send(&self, from: &str, channel: ChannelId, message: Message<'_>, acked: bool) -> Result<Value, Fault> {
        let agent = self.agent(from)?;
        let sent = trace::send(&agent, channel, message, acked).await;
        sent.map(|receipt| view::receipt(&receipt)).map_err(|error| Fault::new("not-sent", error.to_string()))
    }

    async fn request(
        &self,
        from: &str,
        to: &Target,
        body: &Body,
        timeout_ms: u64,
        context: Option<Context>,
    ) -> Result<Value, Fault> {
        let agent = self.agent(from)?;
        let channel = self.channel(&agent, to)?;
        let payload = body.bytes()?;
        let mut message = Message::new(&payload);
        message.content_type = body.content_type.as_deref();
        message.trace = context.map(Context::to_bytes);
        let wait = Duration::from_millis(timeout_ms).min(LONGEST_WAIT);
        let answer = trace::request(&agent, channel, message, wait).await;
        let answer = answer.map_err(|error| Fault::new("unanswered", error.to_string()));
        answer.map(|(answer, context)| view::delivery(self, &answer, context))
    }

    async fn receive(&self, agent: &str, timeout_ms: u64, held: &mut Held) -> Result<Value, Fault> {
        let inbox = self.inbox(agent)?;
        let wait = Duration::from_millis(timeout_ms).min(LONGEST_WAIT);
        let next = timeout(wait, async { inbox.lock().await.recv().await }).await;
        match next {
            Err(_) => Ok(Value::Null),
            Ok(None) => Err(Fault::new("stopped", "the runtime has stopped")),
            Ok(Some(incoming)) => {
                let incoming = Taken::new(incoming);
                let shown = view::delivery(self, &incoming, incoming.context());
                held.messages.insert(incoming.message, incoming);
                Ok(shown)
            }
        }
    }

    async fn finish(
        &self,
        agent: &str,
        message: &str,
        failed: bool,
        reply: Option<(Body, Option<Context>)>,
        held: &mut Held,
    ) -> Result<Value, Fault> {
        let agent = self.agent(agent)?;
        let id = parse::<{ MessageId::LEN }>(message).map(MessageId::from_bytes);
        let known = id.and_then(|id| held.messages.remove(&id)).filter(|incoming| incoming.to == agent.id());
        let incoming = known.ok_or_else(|| Fault::unknown("message that was taken here", message))?;
        if failed {
            incoming.failed();
            return Ok(Value::Null);
        }
        if let Some((body, context)) = reply {
            let payload = body.bytes()?;
            let mut message = Message::new(&payload);
            message.content_type = body.content_type.as_deref();
            trace::reply(&agent, &incoming, message, context)
                .await
                .map_err(|error| Fault::new("not-sent", error.to_string()))?;
        }
        incoming.done();
        Ok(Value::Null)
    }

    async fn open(&self, agent: &str, peer: &str, to: &str) -> Result<Value, Fault> {
        let (handle, peer) = (self.agent(agent)?, self.peer_id(peer)?);
        let asked = self.runtime.open_channel(&handle.id(), &peer, to, ChannelOptions::default()).await;
        let channel = asked.map_err(refused)?;
        // The peer may be away for as long as it likes.
        match timeout(Duration::from_secs(30), self.runtime.opened(&handle.id(), &channel)).await {
            Ok(Ok(())) => Ok(json!({ "channel": channel.to_string(), "open": true })),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Ok(json!({ "channel": channel.to_string(), "open": false })),
        }
    }

    async fn recover(&self, peer: &str, word: Word) -> Result<Value, Fault> {
        let peer = self.peer_id(peer)?;
        let said = match word {
            Word::AcceptLocalLoss => self.runtime.accept_local_loss(&peer).await,
            Word::AcceptGap => self.runtime.accept_gap(&peer).await,
            Word::AcceptReset => self.runtime.accept_reset(&peer).await,
            Word::Reset => self.runtime.reset_peer(&peer).await,
        };
        said.map_err(refused)?;
        Ok(Value::Null)
    }

    pub(super) fn agent(&self, name: &str) -> Result<AgentHandle, Fault> {
        self.agents().get(name).cloned().ok_or_else(|| Fault::unknown("agent", name))
    }

    fn agent_id(&self, name: &str) -> Result<AgentId, Fault> {
        let all = self.runtime.agents();
        let known = all.iter().find(|agent| agent.name.as_str() == name);
        known.map(|agent| agent.id).ok_or_else(|| Fault::unknown("agent", name))
    }

    /// A peer by its name, or by how its id begins.
    fn peer_id(&self, name: &str) -> Result<RuntimeId, Fault> {
        if let Some(id) = self.peer_named(name) {
            return Ok(id);
        }
        one(self.runtime.peers().iter().map(|peer| peer.id), name).ok_or_else(|| Fault::unknown("peer", name))
    }

    /// A channel of an agent.
    fn channel(&self, agent: &AgentHandle, to: &Target) -> Result<ChannelId, Fault> {
        let channels = agent.channels().map_err(refused)?;
        let mut open = channels.iter().filter(|channel| !channel.closing);
        match to {
            Target::Channel(id) => one(open.map(|channel| channel.id), id).ok_or_else(|| Fault::unknown("channel", id)),
            Target::Agent { name, peer } => {
                let runtime = match peer {
                    Some(peer) => self.peer_id(peer)?,
                    None => self.runtime.id(),
                };
                let there = open.find(|channel| channel.peer.runtime == runtime && *channel.peer.name == **name);
                there.map(|channel| channel.id).ok_or_else(|| {
                    let peer = peer.as_deref().map(|peer| format!(" of peer `{peer}`")).unwrap_or_default();
                    Fault::new(
                        "unknown",
                        format!("there is no channel to agent `{name}`{peer}; `mfp channels` lists them"),
                    )
                })
            }
        }
    }

    /// A channel of any agent.
    fn any_channel(&self, id: &str) -> Result<ChannelId, Fault> {
        let channels = self.agents().values().flat_map(|agent| agent.channels().unwrap_or_default());
        let mut ids: Vec<_> = channels.map(|channel| channel.id).collect();
        ids.sort_unstable();
        ids.dedup();
        // Those of an agent that is quarantined do not show, and are named in full.
        let whole = || parse::<{ ChannelId::LEN }>(id).map(ChannelId::from_bytes);
        one(ids.into_iter(), id).or_else(whole).ok_or_else(|| Fault::unknown("channel", id))
    }

    fn dead_letter(&self, id: &str) -> Result<MessageId, Fault> {
        let letters = self.runtime.dead_letters();
        one(letters.iter().map(|letter| letter.message.id), id).ok_or_else(|| Fault::unknown("dead letter", id))
    }
}

/// The only one whose name begins so.
fn one<T: Display + Copy>(all: impl Iterator<Item = T>, begin: &str) -> Option<T> {
    if begin.is_empty() {
        return None;
    }
    let mut found = all.filter(|id| id.to_string().starts_with(begin));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn context(traceparent: Option<&str>) -> Result<Option<Context>, Fault> {
    let wrong = |text| Fault::new("malformed", format!("`{text}` is no W3C trace context"));
    traceparent.map(|text| Context::parse(text).ok_or_else(|| wrong(text))).transpose()
}

fn message_id(text: &str) -> Result<MessageId, Fault> {
    let id = parse::<{ MessageId::LEN }>(text).map(MessageId::from_bytes);
    id.ok_or_else(|| Fault::new("malformed", format!("`{text}` is not the id of a message")))
}

fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
