//! The back ends that need nothing: echo and log.

use std::sync::Arc;

use mfp_tokio::{AgentHandle, Inbox};

use crate::agents::serve::{self, Service};
use crate::agents::text;
use crate::trace::{Taken, line};

/// Messages that wait for room for their echo.
const ECHOES: usize = 64;

/// Each message is its own answer. An answer is not: two that echo each other would never stop.
pub(super) fn echo(handle: AgentHandle, inbox: Inbox) -> Service {
    Service::start(|stop| async move {
        serve::each(inbox, stop, ECHOES, |incoming: Taken| {
            let handle = handle.clone();
            async move {
                if incoming.reply_to.is_some() {
                    return incoming.done();
                }
                let payload = Arc::clone(&incoming.payload);
                let content_type = incoming.meta.as_ref().and_then(|meta| meta.content_type.clone());
                serve::answer(&handle, incoming, &payload, content_type.as_deref()).await;
            }
        })
        .await;
    })
}

/// Each message becomes a line of the log.
pub(super) fn log(name: &str, mut inbox: Inbox) -> Service {
    let name = name.to_owned();
    Service::start(|mut stop| async move {
        loop {
            let incoming = tokio::select! {
                _ = stop.asked() => return,
                incoming = inbox.recv() => incoming,
            };
            let Some(incoming) = incoming.map(Taken::new) else { return };
            line!(
                info,
                *incoming.about(),
                agent = name,
                from = %text::escaped(incoming.from.name.as_bytes()),
                bytes = incoming.payload.len(),
                payload = %text::shown(&incoming.payload),
            );
            incoming.done();
        }
    })
}
