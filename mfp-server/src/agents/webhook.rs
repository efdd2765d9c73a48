//! Agents that are HTTP endpoints: each message is posted, signed, and the answer's body is the answer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::{AgentHandle, Inbox};
use reqwest::header::CONTENT_TYPE;
use sha2::Sha256;

use crate::agents::PAYLOAD;
use crate::agents::http::{Endpoint, traced};
use crate::agents::protocol::MessageLine;
use crate::agents::serve::{self, Service};
use crate::config;
use crate::trace::Taken;

/// An endpoint that gets messages.
pub(super) struct Webhook {
    endpoint: Endpoint,
    secret: Secret,
    concurrency: usize,
}

impl Webhook {
    pub(super) fn new(config: &config::Webhook) -> Result<Self> {
        let endpoint = Endpoint::new(&config.url, config.timeout, config.attempts, PAYLOAD)?;
        Ok(Self { endpoint, secret: config.secret.clone(), concurrency: config.concurrency })
    }

    async fn handle(&self, handle: &AgentHandle, incoming: Taken) {
        let answer = match self.post(&incoming).await {
            Ok(answer) => answer,
            Err(error) => return serve::fail(incoming, &error),
        };
        // The answer to an answer would never stop.
        if answer.body.is_empty() || incoming.reply_to.is_some() {
            return incoming.done();
        }
        serve::answer(handle, incoming, &answer.body, answer.content_type.as_deref()).await;
    }

    async fn post(&self, incoming: &Taken) -> Result<crate::agents::http::Answer> {
        let body = serde_json::to_vec(&MessageLine::new(incoming, incoming.context()))?;
        let id = incoming.message.to_string();
        self.endpoint
            .post(|request| {
                // Of each attempt: who checks the signature may refuse what is old.
                let timestamp =
                    SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs().to_string();
                let signature = format!("v1={}", self.sign(&timestamp, &body)?);
                Ok(traced(request, incoming)
                    .header(CONTENT_TYPE, "application/json")
                    .header("mfp-message-id", &id)
                    .header("mfp-timestamp", timestamp)
                    .header("mfp-signature", signature)
                    .body(body.clone()))
            })
            .await
    }

    fn sign(&self, timestamp: &str, body: &[u8]) -> Result<String> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()).context("the key of the signature")?;
        let mac = mac.chain_update(timestamp).chain_update(".").chain_update(body);
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}

pub(super) fn serve(webhook: Webhook, handle: AgentHandle, inbox: Inbox) -> Service {
    let webhook = Arc::new(webhook);
    Service::start(|stop| async move {
        serve::each(inbox, stop, webhook.concurrency, |incoming| {
            let (webhook, handle) = (Arc::clone(&webhook), handle.clone());
            async move { webhook.handle(&handle, incoming).await }
        })
        .await;
    })
}
