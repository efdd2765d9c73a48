//! Agents: handles to send with, handlers and inboxes to receive with.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use mfp_proto::agents::ToolError;
use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::{AgentStatus, ChannelStatus, Delivery, DeliveryId, Message, Outcome, Receipt};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::Instrument;

use crate::drive::Shared;
use crate::error::{Error, HandlerError, RequestError, SendError};
use crate::runtime::Runtime;
use crate::send::{Direction, Teller, Told, Until, Waiter};

/// Takes a delivery to its handler or inbox. Does not wait.
pub(crate) type Sink = Arc<dyn Fn(Incoming) + Send + Sync>;

/// An agent that this runtime has bound: what it may do. Cheap to clone; dropping it changes nothing.
///
/// All of its futures may be dropped at any time: what had a receipt is not lost, and what waited for room is not sent.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    pub(crate) runtime: Runtime,
    pub(crate) id: AgentId,
}

impl AgentHandle {
    /// The agent's id.
    pub const fn id(&self) -> AgentId {
        self.id
    }

    /// The runtime it lives in.
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Sends a message: bytes, or a [`Message`] with more to it. Returns when it is durable here.
    ///
    /// If the receiver's inbox is full it waits until there is room; who has waited longest on a channel goes first.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send<'a>(&self, channel: ChannelId, message: impl Into<Message<'a>>) -> Result<Receipt, SendError> {
        self.submit(channel, message.into(), Until::Accepted, true).await
    }

    /// The same, but a full inbox is an error at once: [`SendError::is_full`].
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn try_send<'a>(
        &self,
        channel: ChannelId,
        message: impl Into<Message<'a>>,
    ) -> Result<Receipt, SendError> {
        self.submit(channel, message.into(), Until::Accepted, false).await
    }

    /// The same as [`AgentHandle::send`], but returns when the message is durable at its receiver's runtime.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_acked<'a>(
        &self,
        channel: ChannelId,
        message: impl Into<Message<'a>>,
    ) -> Result<Receipt, SendError> {
        self.submit(channel, message.into(), Until::Acked, true).await
    }

    /// The same as [`AgentHandle::send`], and tells afterwards when the message is durable at its receiver's runtime too:
    /// for who has to go on at once and wants to know both.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_tracked<'a>(
        &self,
        channel: ChannelId,
        message: impl Into<Message<'a>>,
    ) -> Result<Sent, SendError> {
        let (message, (acked, wait)) = (message.into(), oneshot::channel());
        let told = self.wait(channel, message, |accepted| Waiter::twice(accepted, acked), true).await;
        Ok(Sent { receipt: receipt(&told)?, acked: wait })
    }

    /// Answers a message, on its channel.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn reply<'a>(&self, to: &Delivery, message: impl Into<Message<'a>>) -> Result<Receipt, SendError> {
        self.send(to.channel, message.into().reply_to(to.message)).await
    }

    /// Sends a request and returns the answer to it, which then is done with. The answer comes at once, whatever the
    /// agent's handlers are doing; so a handler may wait for one. `timeout` runs from the acceptance of the request;
    /// that it waits for room does not count. An answer that nobody waits for any more goes to the agent's handler.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request<'a>(
        &self,
        channel: ChannelId,
        message: impl Into<Message<'a>>,
        timeout: Duration,
    ) -> Result<Delivery, RequestError> {
        let message = message.into().answer_within(timeout);
        match self.wait(channel, message, |teller| Waiter::new(Until::Answered, teller), true).await? {
            Told::Answer(answer) => Ok(answer.take()),
            Told::Receipt(_) => Err(SendError::Uncertain.into()),
        }
    }

    async fn submit(
        &self,
        channel: ChannelId,
        message: Message<'_>,
        until: Until,
        may_wait: bool,
    ) -> Result<Receipt, SendError> {
        receipt(&self.wait(channel, message, |teller| Waiter::new(until, teller), may_wait).await)
    }

    async fn wait(
        &self,
        channel: ChannelId,
        message: Message<'_>,
        waiter: impl FnOnce(Teller) -> Waiter,
        may_wait: bool,
    ) -> Result<Told, RequestError> {
        let direction = Direction { channel, sender: self.id, answers: message.reply_to.is_some() };
        let (teller, wait) = oneshot::channel();
        let waiter = waiter(teller);
        let sent = self.runtime.shared.with(|core, now| core.submit(now, direction, &message, waiter, may_wait));
        sent.map_err(SendError::from)?;
        wait.await.unwrap_or(Err(SendError::Uncertain.into()))
    }

    /// The agent's channels.
    ///
    /// # Errors
    /// [`ToolError`] if the agent does not have this tool now.
    pub fn channels(&self) -> Result<Vec<ChannelStatus>, ToolError> {
        self.runtime.shared.read(|rt| rt.channels(&self.id))
    }

    /// The agent's state.
    ///
    /// # Errors
    /// [`ToolError`] if the agent does not have this tool now.
    pub fn status(&self) -> Result<AgentStatus, ToolError> {
        self.runtime.shared.read(|rt| rt.status(&self.id))
    }

    /// Gives the agent up: its channels are closed, what it had not finished becomes dead letters, its name is free.
    /// To pause, drop the [`Inbox`] instead.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn unbind(&self) -> Result<(), Error> {
        self.runtime
            .shared
            .durable(|core, now| {
                core.rt.unbind(now, &self.id)?;
                core.forget(&self.id);
                Ok(())
            })
            .await
    }
}

/// A message that is durable here, and on its way.
#[derive(Debug)]
pub struct Sent {
    receipt: Receipt,
    acked: oneshot::Receiver<Result<Told, RequestError>>,
}

impl Sent {
    /// Its id and its channel.
    pub const fn receipt(&self) -> Receipt {
        self.receipt
    }

    /// Returns when it is durable at its receiver's runtime. Dropping the future, or this, changes nothing for the message.
    ///
    /// # Errors
    /// [`SendError`]: it is lost, or it is not known what became of it.
    pub async fn acked(self) -> Result<Receipt, SendError> {
        receipt(&self.acked.await.unwrap_or(Err(SendError::Uncertain.into())))
    }
}

fn receipt(told: &Result<Told, RequestError>) -> Result<Receipt, SendError> {
    match told {
        Ok(Told::Receipt(receipt)) => Ok(*receipt),
        Err(RequestError::Send(error)) => Err(*error),
        Ok(Told::Answer(_)) | Err(RequestError::Unanswered) => Err(SendError::Uncertain),
    }
}

/// What a handler is given besides the message.
#[derive(Clone, Debug)]
pub struct Context {
    handle: AgentHandle,
    channel: ChannelId,
    message: MessageId,
}

impl Context {
    /// The agent whose handler this is.
    pub const fn handle(&self) -> &AgentHandle {
        &self.handle
    }

    /// The runtime it lives in.
    pub const fn runtime(&self) -> &Runtime {
        &self.handle.runtime
    }

    /// Answers the message that is being handled.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn reply<'a>(&self, message: impl Into<Message<'a>>) -> Result<Receipt, SendError> {
        self.handle.send(self.channel, message.into().reply_to(self.message)).await
    }
}

/// A message in somebody's hands. If it is dropped without a word it counts as failed, and comes again.
#[derive(Debug)]
pub struct Incoming {
    delivery: Delivery,
    attempt: Attempt,
}

impl Incoming {
    pub(crate) fn new(shared: &Arc<Shared>, delivery: Delivery) -> Self {
        let attempt = Attempt { shared: Some(Arc::clone(shared)), id: delivery.id, agent: delivery.to };
        Self { delivery, attempt }
    }

    /// The message is dealt with, and will not come again.
    pub fn done(self) {
        self.attempt.end(Outcome::Done);
    }

    fn take(self) -> Delivery {
        self.attempt.end(Outcome::Done);
        self.delivery
    }

    /// The message could not be dealt with: it comes again after a while, and in the end becomes a dead letter.
    pub fn failed(self) {
        self.attempt.end(Outcome::Failed);
    }
}

impl Deref for Incoming {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

/// Owes the core a word on one delivery. A panic, and the end of its task, drop it too.
#[derive(Debug)]
struct Attempt {
    shared: Option<Arc<Shared>>,
    id: DeliveryId,
    agent: AgentId,
}

impl Attempt {
    fn end(mut self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Outcome) {
        let Some(shared) = self.shared.take() else { return };
        shared.with(|core, now| {
            // An error says that the core has given up this attempt: nothing is left to do.
            if core.rt.handle_processed(now, self.id, outcome).is_ok() && outcome == Outcome::Done {
                core.rooms.note(self.agent);
            }
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.shared.is_some() && std::thread::panicking() {
            tracing::error!(agent = %self.agent, "a handler panicked");
        }
        self.tell(Outcome::Failed);
    }
}

/// The messages of an agent, pulled one by one. Dropping it detaches the agent: its messages wait until its name is
/// bound again.
#[derive(Debug)]
pub struct Inbox {
    // Dropped in this order: once the agent is detached, what is dropped unread does not count as an attempt.
    _attachment: Attachment,
    incoming: mpsc::Receiver<Incoming>,
}

impl Inbox {
    pub(crate) const fn new(attachment: Attachment, incoming: mpsc::Receiver<Incoming>) -> Self {
        Self { _attachment: attachment, incoming }
    }

    /// The next message; `None` when the agent is gone or the runtime has stopped. At most one message of each
    /// channel is out at a time, so that their order holds. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }
}

/// Somebody handles an agent's messages, until this is dropped.
#[derive(Debug)]
pub(crate) struct Attachment {
    shared: Option<Arc<Shared>>,
    agent: AgentId,
}

impl Attachment {
    pub(crate) const fn new(shared: Arc<Shared>, agent: AgentId) -> Self {
        Self { shared: Some(shared), agent }
    }

    /// From now on it lasts as long as the agent.
    pub(crate) fn keep(mut self) {
        self.shared = None;
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.with(|core, now| {
                // An error says that the agent is gone, or will be detached after the load.
                let _ = core.rt.detach(now, &self.agent);
                core.forget(&self.agent);
            });
        }
    }
}

/// A sink that runs a handler, each message in a task of its own.
pub(crate) fn handler_sink<H, F>(handler: H) -> Sink
where
    H: Fn(Context, Delivery) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |incoming: Incoming| {
        let Incoming { delivery, attempt } = incoming;
        let Some(shared) = attempt.shared.clone() else { return };
        let executor = shared.executor.clone();
        let handle = AgentHandle { runtime: Runtime { shared }, id: delivery.to };
        let context = Context { handle, channel: delivery.channel, message: delivery.message };
        let span = tracing::debug_span!("handle", agent = %delivery.to, message_id = %delivery.message);
        let handler = Arc::clone(&handler);
        let task = async move {
            match handler(context, delivery).await {
                Ok(()) => attempt.end(Outcome::Done),
                Err(error) => {
                    tracing::warn!(error, "a handler failed");
                    attempt.end(Outcome::Failed);
                }
            }
        };
        executor.spawn(task.instrument(span));
    })
}

/// A sink that fills an inbox of an agent that may have so many channels. The core hands over one message of each at a
/// time, and one that was not taken in time once more: twice as many suffice for an inbox that somebody reads. Beyond,
/// a delivery fails and comes again.
pub(crate) fn inbox_sink(channels: u32) -> (Sink, mpsc::Receiver<Incoming>) {
    let (sender, receiver) = mpsc::channel((channels as usize).max(1).saturating_mul(2).min(Semaphore::MAX_PERMITS));
    let sink = move |incoming: Incoming| drop(sender.try_send(incoming));
    (Arc::new(sink), receiver)
}
