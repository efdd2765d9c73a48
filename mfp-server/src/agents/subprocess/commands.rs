//! What a program asks for: lines become what is to be done, and that becomes a line again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use mfp_tokio::{AgentHandle, ChannelId, Message, MessageId, RequestError, SendError};
use tokio::time::timeout;

use super::Shared;
use super::life::Told;
use crate::agents::protocol::{self, ChannelLine, FromProgram, MessageLine, ResultLine, StatusLine, ToProgram};
use crate::agents::serve;
use crate::trace::{self, Context, Taken};

/// How long a request waits for its answer where the program does not say.
const REQUEST: Duration = Duration::from_secs(30);
/// The longest that it may say.
const LONGEST_REQUEST: Duration = Duration::from_hours(1);
/// How long a message may wait for room.
const SEND: Duration = Duration::from_secs(30);

/// Why a line is not followed.
#[derive(Debug)]
pub(super) struct Failure {
    reference: Option<String>,
    id: Option<String>,
    pub(super) code: &'static str,
    message: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { reference: None, id: None, code, message: message.into() }
    }

    /// The same, for a line with this `ref`.
    pub(super) fn of(mut self, reference: Option<&str>) -> Self {
        self.reference = reference.map(ToOwned::to_owned);
        self
    }

    fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(super) fn line(&self) -> Vec<u8> {
        let (reference, id) = (self.reference.as_deref(), self.id.as_deref());
        ToProgram::Error { reference, id, code: self.code, message: &self.message }.line()
    }
}

/// What a line means.
#[derive(Debug)]
pub(super) enum Todo {
    Done(Taken),
    Failed(Taken, Option<String>),
    Reply(Reply),
    Ask(Ask),
}

/// An answer to a message.
#[derive(Debug)]
pub(super) struct Reply {
    incoming: Taken,
    payload: Vec<u8>,
    content_type: Option<String>,
    context: Option<Context>,
}

/// What a program asks for of itself.
#[derive(Debug)]
pub(super) enum Ask {
    Send { reference: Option<String>, to: Target, message: Outgoing },
    Request { reference: String, to: Target, message: Outgoing, within: Duration },
    Channels { reference: String },
    Status { reference: String },
}

/// Where a message goes.
#[derive(Debug)]
pub(super) enum Target {
    Channel(ChannelId),
    Agent(String),
}

#[derive(Debug)]
pub(super) struct Outgoing {
    payload: Vec<u8>,
    content_type: Option<String>,
    reply_to: Option<MessageId>,
    context: Option<Context>,
}

impl Ask {
    pub(super) fn reference(&self) -> Option<&str> {
        match self {
            Self::Send { reference, .. } => reference.as_deref(),
            Self::Request { reference, .. } | Self::Channels { reference } | Self::Status { reference } => {
                Some(reference)
            }
        }
    }
}

/// Reads a line. `take` hands over the message of an id if the program has it.
pub(super) fn parse(line: &[u8], take: impl FnOnce(MessageId) -> Option<Taken>) -> Result<Todo, Failure> {
    let line = serde_json::from_slice::<FromProgram>(line)
        .map_err(|error| Failure::new("bad_line", error.to_string().chars().take(200).collect::<String>()))?;
    let take = |id: &str| {
        let unknown = || Failure::new("unknown_message", "the program does not have this message").about(id);
        protocol::message_id(id).and_then(take).ok_or_else(unknown)
    };
    Ok(match line {
        FromProgram::Done { id } => Todo::Done(take(&id)?),
        FromProgram::Failed { id, reason } => Todo::Failed(take(&id)?, reason),
        FromProgram::Reply { id, payload, payload_base64, content_type, traceparent } => {
            // Looked at before the message is taken: after a bad answer there can be a good one.
            let payload = bytes(payload, payload_base64).map_err(|failure| failure.about(id.as_str()))?;
            let context = context(traceparent).map_err(|failure| failure.about(id.as_str()))?;
            Todo::Reply(Reply { incoming: take(&id)?, payload, content_type, context })
        }
        FromProgram::Send { reference, channel, to, payload, payload_base64, content_type, reply_to, traceparent } => {
            let of = |failure: Failure| failure.of(reference.as_deref());
            let reply_to = reply_to.map(|id| protocol::message_id(&id).ok_or_else(|| bad("reply_to is no id")));
            let reply_to = reply_to.transpose().map_err(of)?;
            let payload = bytes(payload, payload_base64).map_err(of)?;
            let (to, context) = (target(channel, to).map_err(of)?, context(traceparent).map_err(of)?);
            Todo::Ask(Ask::Send { reference, to, message: Outgoing { payload, content_type, reply_to, context } })
        }
        FromProgram::Request {
            reference,
            channel,
            to,
            payload,
            payload_base64,
            content_type,
            timeout_ms,
            traceparent,
        } => {
            let of = |failure: Failure| failure.of(Some(&reference));
            let payload = bytes(payload, payload_base64).map_err(of)?;
            let (to, context) = (target(channel, to).map_err(of)?, context(traceparent).map_err(of)?);
            let within = timeout_ms.map_or(REQUEST, Duration::from_millis).min(LONGEST_REQUEST);
            let message = Outgoing { payload, content_type, reply_to: None, context };
            Todo::Ask(Ask::Request { reference, to, message, within })
        }
        FromProgram::Channels { reference } => Todo::Ask(Ask::Channels { reference }),
        FromProgram::Status { reference } => Todo::Ask(Ask::Status { reference }),
    })
}

fn bad(message: &str) -> Failure {
    Failure::new("bad_line", message)
}

fn bytes(text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, Failure> {
    protocol::payload(text, base64).map_err(bad)
}

fn context(traceparent: Option<String>) -> Result<Option<Context>, Failure> {
    let wrong = || bad("traceparent is no W3C trace context");
    traceparent.map(|text| Context::parse(&text).ok_or_else(wrong)).transpose()
}

fn target(channel: Option<String>, to: Option<String>) -> Result<Target, Failure> {
    match (channel, to) {
        (Some(channel), None) => protocol::id(&channel)
            .map(|id| Target::Channel(ChannelId::from_bytes(id)))
            .ok_or_else(|| bad("channel is no id")),
        (None, Some(name)) => Ok(Target::Agent(name)),
        _ => Err(bad("either channel or to")),
    }
}

/// Sends an answer and finishes its message; says something only if that fails.
pub(super) fn reply(shared: &Arc<Shared>, reply: Reply) -> BoxFuture<'static, Told> {
    let shared = Arc::clone(shared);
    async move {
        let Reply { incoming, payload, content_type, context } = reply;
        match serve::reply(&shared.handle, &incoming, &payload, content_type.as_deref(), context).await {
            Ok(()) => {
                incoming.done();
                None
            }
            Err(error) => {
                let failure = Failure::new("refused", format!("{error:#}")).about(incoming.message.to_string());
                serve::fail(incoming, &error);
                Some(failure.line())
            }
        }
    }
    .boxed()
}

/// Does what a program asks for. The first poll of the future sends: so messages keep their order.
pub(super) fn ask(shared: Arc<Shared>, ask: Ask) -> BoxFuture<'static, Told> {
    async move {
        match follow(&shared.handle, &ask).await {
            Ok(line) => line,
            Err(failure) => Some(failure.of(ask.reference()).line()),
        }
    }
    .boxed()
}

async fn follow(handle: &AgentHandle, ask: &Ask) -> Result<Told, Failure> {
    let result = |reference: &str, value| Some(ToProgram::Result { reference, value }.line());
    let tool = |error: mfp_tokio::mfp_proto::agents::ToolError| Failure::new("refused", error.to_string());
    match ask {
        Ask::Send { reference, to, message } => {
            let sent = trace::send(handle, resolve(handle, to)?, message.message(), false);
            let receipt = timeout(SEND, sent).await.map_err(|_| full())?.map_err(|error| sending(&error))?;
            let sent = |reference| result(reference, ResultLine::Sent { message: receipt.message.to_string() });
            Ok(reference.as_deref().and_then(sent))
        }
        Ask::Request { reference, to, message, within } => {
            let request = trace::request(handle, resolve(handle, to)?, message.message(), *within);
            let answer = timeout(SEND.saturating_add(*within), request).await.map_err(|_| full())?;
            let (answer, context) = answer.map_err(|error| match error {
                RequestError::Send(error) => sending(&error),
                error => Failure::new("unanswered", error.to_string()),
            })?;
            Ok(result(reference, ResultLine::Answer { answer: MessageLine::new(&answer, context) }))
        }
        Ask::Channels { reference } => {
            let channels = handle.channels().map_err(tool)?.iter().map(ChannelLine::new).collect();
            Ok(result(reference, ResultLine::Channels { channels }))
        }
        Ask::Status { reference } => {
            let status = StatusLine::new(&handle.status().map_err(tool)?);
            Ok(result(reference, ResultLine::Status { status }))
        }
    }
}

impl Outgoing {
    fn message(&self) -> Message<'_> {
        let mut message = Message::new(&self.payload);
        message.content_type = self.content_type.as_deref();
        message.reply_to = self.reply_to;
        message.trace = self.context.map(Context::to_bytes);
        message
    }
}

/// The channel: as given, or the only open one to an agent of this name.
fn resolve(handle: &AgentHandle, to: &Target) -> Result<ChannelId, Failure> {
    let name = match to {
        Target::Channel(id) => return Ok(*id),
        Target::Agent(name) => name,
    };
    let channels = handle.channels().map_err(|error| Failure::new("refused", error.to_string()))?;
    let mut open = channels.iter().filter(|channel| *channel.peer.name == **name && !channel.closing);
    match (open.next(), open.next()) {
        (Some(channel), None) => Ok(channel.id),
        (None, _) => Err(Failure::new("unknown_channel", "no open channel goes to an agent of this name")),
        (Some(_), Some(_)) => Err(Failure::new("ambiguous", "more than one channel goes to an agent of this name")),
    }
}

fn full() -> Failure {
    Failure::new("full", "the receiver has had no room for too long")
}

fn sending(error: &SendError) -> Failure {
    let code = match error {
        SendError::Refused(_) => "refused",
        SendError::Lost(_) => "lost",
        _ => "uncertain",
    };
    Failure::new(code, error.to_string())
}
