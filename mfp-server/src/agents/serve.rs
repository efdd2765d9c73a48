//! A back end as a task: how it is told to stop, and how it takes messages so many at a time.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use mfp_tokio::{AgentHandle, Inbox, Message};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use crate::trace::{self, Context, Taken};

/// How long an answer may wait for room at its receiver.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What serves an agent. Dropping it asks it to stop at once.
#[derive(Debug)]
pub(super) struct Service {
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
}

impl Service {
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(Stop) -> F) -> Self {
        let (stop, asked) = watch::channel(None);
        let task = tokio::spawn(serve(Stop { asked }));
        Self { stop, task }
    }

    /// Asks it to stop and waits for that; what has not stopped in time is cut off.
    pub(super) async fn stop(mut self, within: Duration) {
        let deadline = Instant::now() + within;
        self.stop.send_replace(Some(deadline));
        // It keeps to the deadline by itself; the rest is for its last steps.
        if timeout_at(deadline + Duration::from_millis(500), &mut self.task).await.is_err() {
            self.task.abort();
            // A task that was cancelled has dropped what it had when this returns.
            let _ = (&mut self.task).await;
        }
    }
}

/// Tells a service when it has to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    asked: watch::Receiver<Option<Instant>>,
}

impl Stop {
    /// Returns by when it has to have stopped, once it has to.
    pub(super) async fn asked(&mut self) -> Instant {
        match self.asked.wait_for(Option::is_some).await {
            Ok(deadline) => (*deadline).unwrap_or_else(Instant::now),
            // Nobody is left who could wait.
            Err(_) => Instant::now(),
        }
    }
}

/// Handles messages, each in a task of its own, so many at a time. Those of one channel come one by one from the inbox.
pub(super) async fn each<F, Fut>(mut inbox: Inbox, mut stop: Stop, concurrency: usize, handle: F)
where
    F: Fn(Taken) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let concurrency = concurrency.max(1);
    let mut tasks = JoinSet::new();
    let deadline = loop {
        tokio::select! {
            deadline = stop.asked() => break deadline,
            incoming = inbox.recv(), if tasks.len() < concurrency => match incoming {
                Some(incoming) => { tasks.spawn(handle(Taken::new(incoming))); }
                None => break Instant::now(),
            },
            Some(_) = tasks.join_next() => {}
        }
    };
    // The inbox stays until then: dropped, it would detach the agent under the hands of these.
    let _ = timeout_at(deadline, async { while tasks.join_next().await.is_some() {} }).await;
    // In this order: after the agent is detached, what is cut off is no failed attempt.
    drop(inbox);
    tasks.shutdown().await;
}

/// Answers a message and is done with it. If the answer cannot be sent the message has failed.
pub(super) async fn answer(handle: &AgentHandle, incoming: Taken, payload: &[u8], content_type: Option<&str>) {
    match reply(handle, &incoming, payload, content_type, None).await {
        Ok(()) => incoming.done(),
        Err(error) => fail(incoming, &error),
    }
}

/// Sends the answer to a message, which then still has to be finished. It continues what the agent says, or else what came.
pub(super) async fn reply(
    handle: &AgentHandle,
    incoming: &Taken,
    payload: &[u8],
    content_type: Option<&str>,
    context: Option<Context>,
) -> Result<()> {
    let mut message = Message::new(payload);
    message.content_type = content_type.and_then(legal_content_type);
    timeout(ANSWER_WITHIN, trace::reply(handle, incoming, message, context))
        .await
        .map_err(|_| anyhow::anyhow!("the answer found no room in time"))??;
    Ok(())
}

/// Says why a message has failed, and gives it back.
pub(super) fn fail(incoming: Taken, error: &anyhow::Error) {
    trace::line!(warn, *incoming.about(), "failed: {error:#}");
    incoming.failed();
}

/// The content type as it may travel: with parameters if they fit, else without, else none.
fn legal_content_type(content_type: &str) -> Option<&str> {
    let legal = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let bare = content_type.split(';').next().unwrap_or_default().trim_end();
    [content_type, bare].into_iter().find(|text| legal(text))
}
