use std::future::Future;
use std::time::Duration;

use mfp_smol::{AgentHandle, ChannelId, Context, Delivery, HandlerError, Inbox, Runtime};
use smol::Timer;
use smol::future::or;

pub(super) const LONG: Duration = Duration::from_secs(30);

/// What comes of it, within a time that is enough anywhere.
pub(super) async fn soon<T>(work: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(LONG).await;
        None
    };
    or(async { Some(work.await) }, late).await.unwrap()
}

/// Answers with the same bytes.
pub(super) async fn echo(context: Context, message: Delivery) -> Result<(), HandlerError> {
    context.reply(&*message.payload).await?;
    Ok(())
}

/// Alice, and bob with an inbox, and a channel.
pub(super) struct Pair {
    pub(super) alice: AgentHandle,
    pub(super) bobs: Inbox,
    pub(super) channel: ChannelId,
}

pub(super) async fn pair(runtime: &Runtime) -> Pair {
    let (alice, _) = runtime.bind_stream("alice").await.unwrap();
    let (bob, bobs) = runtime.bind_stream("bob").await.unwrap();
    let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
    Pair { alice, bobs, channel }
}

/// The next payload of an inbox, which is then done with.
pub(super) async fn next(inbox: &mut Inbox) -> Vec<u8> {
    let incoming = soon(inbox.recv()).await.unwrap();
    let payload = incoming.payload.to_vec();
    incoming.done();
    payload
}
