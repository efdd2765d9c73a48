//! What a line of the log about a message says of it, so that it can be joined with those of the other side.

use mfp_tokio::{AgentHandle, AgentId, ChannelId, Delivery, MessageId, RuntimeId};
use tracing::Value;
use tracing::field::display;

use super::context::Context;

/// Ids of a message: those that its other side has too, in full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// None before it is accepted.
    pub(crate) message: Option<MessageId>,
    pub(crate) channel: ChannelId,
    /// The runtime at the other end, which is this one where both agents are here.
    pub(crate) peer: Option<RuntimeId>,
    /// The agent at this end.
    pub(crate) agent: AgentId,
    /// The span of it here, or what came with it.
    pub(crate) context: Option<Context>,
}

impl About {
    /// A message that this agent sends.
    pub(super) fn sending(agent: &AgentHandle, channel: ChannelId, context: Option<Context>) -> Self {
        let channels = agent.channels().unwrap_or_default();
        let peer = channels.iter().find(|one| one.id == channel).map(|one| one.peer.runtime);
        Self { message: None, channel, peer, agent: agent.id(), context }
    }

    /// A message that has come.
    pub(super) fn taken(delivery: &Delivery, context: Option<Context>) -> Self {
        let Delivery { to, channel, message, ref from, .. } = *delivery;
        Self { message: Some(message), channel, peer: Some(from.runtime), agent: to, context }
    }

    pub(crate) fn message_id(&self) -> impl Value {
        self.message.map(display)
    }

    pub(crate) fn peer(&self) -> impl Value {
        self.peer.map(display)
    }

    pub(crate) fn trace_id(&self) -> impl Value {
        self.context.map(|context| display(context.trace_id()))
    }

    pub(crate) fn span_id(&self) -> impl Value {
        self.context.map(|context| display(context.span_id()))
    }
}

/// A line about a message: `line!(debug, about, "what happened")`, with more fields where there are any.
macro_rules! line {
    ($level:ident, $about:expr, $($rest:tt)+) => {{
        let about = &$about;
        tracing::$level!(
            target: "mfp::message",
            message_id = about.message_id(),
            channel = %about.channel,
            peer = about.peer(),
            agent_id = %about.agent,
            trace_id = about.trace_id(),
            span_id = about.span_id(),
            $($rest)+
        )
    }};
}

pub(crate) use line;
