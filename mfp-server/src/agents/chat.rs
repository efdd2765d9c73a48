//! Agents that are language models behind a chat endpoint in the manner of OpenAI.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use mfp_tokio::{AgentHandle, ChannelId, Inbox};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::agents::PAYLOAD;
use crate::agents::conversations::{Conversations, Turn};
use crate::agents::http::{Endpoint, traced};
use crate::agents::serve::{self, Service};
use crate::config::Llm;
use crate::trace::Taken;

/// The most bytes of a response: the text and what is said about it.
const RESPONSE: usize = 4 << 20;

/// A chat endpoint and the conversations with it.
pub(super) struct Chat {
    endpoint: Endpoint,
    config: Llm,
    /// Marked as sensitive, so that nothing prints it.
    authorization: Option<HeaderValue>,
    conversations: Mutex<Conversations>,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Response {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

/// A channel is busy until this is dropped.
struct Busy<'a> {
    chat: &'a Chat,
    channel: ChannelId,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.chat.conversations().give_back(&self.channel);
    }
}

impl Chat {
    pub(super) fn new(config: &Llm) -> Result<Self> {
        let url = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
        let authorization = config.api_key.as_ref().map(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {key}"));
            if let Ok(value) = &mut value {
                value.set_sensitive(true);
            }
            value
        });
        Ok(Self {
            endpoint: Endpoint::new(&url, config.timeout, config.attempts, RESPONSE)?,
            config: config.clone(),
            authorization: authorization.transpose().ok().context("the API key is no text for a header")?,
            conversations: Mutex::new(Conversations::new(config.turns, config.conversations)),
        })
    }

    fn conversations(&self) -> MutexGuard<'_, Conversations> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handle(&self, handle: &AgentHandle, incoming: Taken) {
        // The answer to an answer would never stop.
        if incoming.reply_to.is_some() {
            return incoming.done();
        }
        let channel = incoming.channel;
        if !self.conversations().take(channel) {
            // Only if this message took too long, and is still asked about.
            return incoming.failed();
        }
        let _busy = Busy { chat: self, channel };
        match self.answer(handle, &incoming).await {
            Ok(()) => incoming.done(),
            Err(error) => serve::fail(incoming, &error),
        }
    }

    async fn answer(&self, handle: &AgentHandle, incoming: &Taken) -> Result<()> {
        let question = std::str::from_utf8(&incoming.payload).context("the message is no text")?;
        let known = self.conversations().known(&incoming.message);
        let answer = match known {
            Some(known) if known.sent => return Ok(()),
            Some(known) => known.answer,
            None => {
                let turns = self.conversations().turns(&incoming.channel);
                let answer = self.ask(&turns, question, incoming).await?;
                self.conversations().learn(incoming.message, &answer);
                answer
            }
        };
        serve::reply(handle, incoming, answer.as_bytes(), Some("text/plain; charset=utf-8"), None).await?;
        let turn = Turn { question: question.to_owned(), answer };
        self.conversations().sent(incoming.channel, &incoming.message, turn);
        Ok(())
    }

    async fn ask(&self, turns: &[Turn], question: &str, incoming: &Taken) -> Result<String> {
        let said = |role, content| Said { role, content };
        let mut messages: Vec<_> = self.config.system.iter().map(|system| said("system", system)).collect();
        for turn in turns {
            messages.extend([said("user", &turn.question), said("assistant", &turn.answer)]);
        }
        messages.push(said("user", question));
        let request = Request {
            model: &self.config.model,
            messages,
            max_tokens: self.config.max_tokens,
            temperature: self.config.temperature_millis.map(|millis| f64::from(millis) / 1_000.0),
        };
        let body = serde_json::to_vec(&request)?;
        let post = self.endpoint.post(|request| {
            let request = traced(request, incoming).header(CONTENT_TYPE, "application/json").body(body.clone());
            Ok(match &self.authorization {
                Some(value) => request.header(AUTHORIZATION, value.clone()),
                None => request,
            })
        });
        let answer = post.await?;
        let Ok(response) = serde_json::from_slice::<Response>(&answer.body) else {
            bail!("the endpoint's answer is no chat completion");
        };
        let text = response.choices.into_iter().next().and_then(|choice| choice.message.content);
        let text = text.filter(|text| !text.is_empty()).context("the endpoint's answer has no text")?;
        ensure!(text.len() <= PAYLOAD, "the answer is too long");
        Ok(text)
    }
}

pub(super) fn serve(chat: Chat, handle: AgentHandle, inbox: Inbox) -> Service {
    let chat = Arc::new(chat);
    Service::start(|stop| async move {
        serve::each(inbox, stop, chat.config.concurrency, |incoming| {
            let (chat, handle) = (Arc::clone(&chat), handle.clone());
            async move { chat.handle(&handle, incoming).await }
        })
        .await;
    })
}
