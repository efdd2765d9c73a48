//! Messages on their way: a span from the call until the other side has the message, and lines of the log.

use std::fmt::Display;
use std::time::Duration;

use mfp_tokio::{AgentHandle, ChannelId, Delivery, Message, Receipt, RequestError, SendError};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind};
use opentelemetry_sdk::trace::Span;
use tracing::Level;

use super::about::{About, line};
use super::context::Context;
use super::span::{begin, end, short};
use super::taken::Taken;

/// Sends a message of an agent. With `acked`, returns when the other side has it.
pub(crate) async fn send(
    agent: &AgentHandle,
    channel: ChannelId,
    mut message: Message<'_>,
    acked: bool,
) -> Result<Receipt, SendError> {
    let Some(mut sending) = Sending::begin(agent, channel, &mut message) else {
        return if acked { agent.send_acked(channel, message).await } else { agent.send(channel, message).await };
    };
    let sent = agent.send_tracked(channel, message).await.inspect_err(|error| sending.failed("not sent", error))?;
    let receipt = sent.receipt();
    sending.accepted(&receipt);
    let arrives = async move {
        match sent.acked().await {
            Ok(_) => sending.acked(),
            Err(error) => {
                sending.failed("not acked", &error);
                return Err(error);
            }
        }
        Ok(())
    };
    if acked {
        arrives.await?;
    } else {
        // There are no more of them than messages that wait for a peer.
        tokio::spawn(arrives);
    }
    Ok(receipt)
}

/// Answers a message: the answer continues what `context` says, or else the message.
pub(crate) async fn reply(
    agent: &AgentHandle,
    to: &Taken,
    message: Message<'_>,
    context: Option<Context>,
) -> Result<Receipt, SendError> {
    let mut message = message.reply_to(to.message);
    message.trace = context.or_else(|| to.context()).map(Context::to_bytes);
    send(agent, to.channel, message, false).await
}

/// Sends a request and returns the answer, with what it continues.
pub(crate) async fn request(
    agent: &AgentHandle,
    channel: ChannelId,
    mut message: Message<'_>,
    within: Duration,
) -> Result<(Delivery, Option<Context>), RequestError> {
    let mut sending = Sending::begin(agent, channel, &mut message);
    let answer = agent.request(channel, message, within).await;
    match answer {
        Ok(answer) => {
            if let Some(sending) = &mut sending {
                sending.is(answer.reply_to);
                sending.acked();
            }
            let context = super::taken::answered(&answer);
            Ok((answer, context))
        }
        Err(error) => {
            if let Some(sending) = &mut sending {
                sending.failed("not answered", &error);
            }
            Err(error)
        }
    }
}

/// A message that somebody wants to hear of.
struct Sending {
    about: About,
    span: Option<Span>,
}

impl Sending {
    /// The span continues what the message does, and the message then continues the span. None if nobody looks.
    fn begin(agent: &AgentHandle, channel: ChannelId, message: &mut Message<'_>) -> Option<Self> {
        let logged = tracing::enabled!(target: "mfp::message", Level::DEBUG);
        if super::export::tracer().is_none() && !logged {
            return None;
        }
        let context = message.trace.as_ref().and_then(Context::from_bytes);
        let mut about = About::sending(agent, channel, context);
        let span = begin("message send", SpanKind::Producer, &mut about, message.payload.len());
        message.trace = about.context.map(Context::to_bytes);
        Some(Self { about, span })
    }

    fn is(&mut self, message: Option<mfp_tokio::MessageId>) {
        self.about.message = message;
        if let (Some(span), Some(message)) = (&mut self.span, message) {
            span.set_attribute(KeyValue::new("messaging.message.id", short(&message)));
        }
    }

    fn accepted(&mut self, receipt: &Receipt) {
        self.is(Some(receipt.message));
        if let Some(span) = &mut self.span {
            span.add_event("accepted", Vec::new());
        }
        line!(debug, self.about, "sent");
    }

    fn acked(&mut self) {
        line!(debug, self.about, "acked");
        end(&mut self.span, Ok(()));
    }

    fn failed(&mut self, what: &str, error: &dyn Display) {
        line!(debug, self.about, error = %error, "{what}");
        end(&mut self.span, Err(error));
    }
}
