//! What a server shows of itself, as JSON.

use mfp_tokio::{AgentStatus, ChannelStatus, DeadLetter, Delivery, Notice, PeerStatus, Receipt};
use serde_json::{Value, json};

use super::protocol::Body;
use crate::server::Server;
use crate::trace::Context;

pub(super) fn status(server: &Server) -> Value {
    let (stats, net) = (server.runtime.stats(), server.runtime.net_stats());
    let store = server.runtime.store_stats().map(|store| {
        json!({ "used": store.used, "limit": store.limit, "commits": store.commits, "failures": store.failures })
    });
    json!({
        "runtime": server.runtime.id().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": server.started.elapsed().as_secs(),
        "agents": stats.agents,
        "channels": stats.channels + stats.remote_channels,
        "peers": stats.peers,
        "connections": net.connections,
        "messages_sent": stats.messages_sent,
        "messages_processed": stats.messages_processed,
        "messages_queued": stats.messages_queued,
        "inbox_messages": stats.inbox_messages,
        "dead_letters": stats.dead_letters,
        "store": store,
        "global_state": hex::encode(server.runtime.global_state()),
    })
}

pub(super) fn agent(server: &Server, status: &AgentStatus) -> Value {
    json!({
        "name": status.name.as_str(),
        "id": status.id.to_string(),
        "state": format!("{:?}", status.state).to_lowercase(),
        "attached": status.attached,
        "external": server.inbox(status.name.as_str()).is_ok(),
        "channels": status.channels,
        "inbox_bytes": status.inbox_bytes,
    })
}

pub(super) fn peer(server: &Server, status: &PeerStatus) -> Value {
    let link = status.link.as_ref();
    let state = match link {
        None => "not configured".to_owned(),
        Some(link) if link.suspended.is_some() => "suspended".to_owned(),
        Some(link) if link.session.as_ref().is_some_and(|session| session.confirmed) => "up".to_owned(),
        Some(link) if link.connecting => "connecting".to_owned(),
        Some(_) => "down".to_owned(),
    };
    let suspension = link.and_then(|link| link.suspended).map(|it| format!("{:?}", it.diagnosis));
    json!({
        "name": server.peer_name(&status.id),
        "id": status.id.to_string(),
        "state": state,
        "mode": format!("{:?}", status.mode).to_lowercase(),
        "suspended": suspension,
        "queued": status.queued,
        "queued_bytes": status.queued_bytes,
        "channels": status.channels,
        "sessions": status.stats.sessions,
        "breaker": link.map(|link| format!("{:?}", link.breaker).to_lowercase()),
        "rotations": link.and_then(|link| link.session.as_ref()).map(|session| session.rotations),
    })
}

pub(super) fn channel(server: &Server, agent: &str, status: &ChannelStatus) -> Value {
    json!({
        "id": status.id.to_string(),
        "agent": agent,
        "to": &*status.peer.name,
        "peer": server.peer_name(&status.peer.runtime),
        "outgoing": status.outgoing,
        "incoming": status.incoming,
        "frozen": status.frozen,
        "closing": status.closing,
    })
}

pub(super) fn receipt(receipt: &Receipt) -> Value {
    json!({ "message": receipt.message.to_string(), "channel": receipt.channel.to_string() })
}

pub(super) fn delivery(server: &Server, delivery: &Delivery, context: Option<Context>) -> Value {
    let content_type = delivery.meta.as_ref().and_then(|meta| meta.content_type.as_deref());
    json!({
        "message": delivery.message.to_string(),
        "channel": delivery.channel.to_string(),
        "from": { "peer": server.peer_name(&delivery.from.runtime), "agent": &*delivery.from.name },
        "reply_to": delivery.reply_to.map(|id| id.to_string()),
        "attempt": delivery.attempt(),
        "traceparent": context.map(|context| context.to_string()),
        "body": Body::new(&delivery.payload, content_type),
    })
}

pub(super) fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "message": letter.message.id.to_string(),
        "channel": letter.message.channel.to_string(),
        "sender": letter.sender.to_string(),
        "receiver": letter.receiver.to_string(),
        "cause": format!("{:?}", letter.cause),
        "attempts": letter.message.attempts,
        "bytes": letter.message.payload.len(),
    })
}

/// An event under its name, and what there is to it.
pub(crate) fn notice(notice: &Notice) -> Value {
    match notice {
        Notice::Event(event) => {
            let detail = format!("{event:?}");
            let name = detail.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
            json!({ "event": name, "detail": detail })
        }
        Notice::Missed(count) => json!({ "event": "Missed", "count": count }),
        _ => Value::Null,
    }
}
