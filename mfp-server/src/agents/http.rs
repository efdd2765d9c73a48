//! Requests over HTTP that are tried again, with bounded answers.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mfp_tokio::mfp_proto::crypto::rng::Rng;
use mfp_tokio::mfp_proto::policy::{Backoff, BackoffConfig};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::sleep;

use crate::agents::serve;
use crate::trace::Taken;

/// The longest wait between attempts, whatever a server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An endpoint, and how often it is tried.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    attempts: u32,
    /// The most bytes of an answer.
    max: usize,
}

/// An answer with a status of success.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why an attempt has failed.
enum Failure {
    /// The next one may do better, not before so long if the server says so.
    Again(anyhow::Error, Option<Duration>),
    Final(anyhow::Error),
}

/// The longest that all attempts and the answer may take.
pub(super) fn longest(timeout: Duration, attempts: u32) -> Duration {
    let attempt = timeout.saturating_add(LONGEST_WAIT.saturating_mul(3) / 2);
    attempt.saturating_mul(attempts.max(1)).saturating_add(serve::ANSWER_WITHIN)
}

/// The request with the header `traceparent`, if there is a trace: what handles the message continues it.
pub(super) fn traced(request: RequestBuilder, message: &Taken) -> RequestBuilder {
    match message.context() {
        Some(context) => request.header("traceparent", context.to_string()),
        None => request,
    }
}

/// A client for requests that take so long at most.
pub(crate) fn client(timeout: Duration) -> Result<Client> {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(Policy::none()).timeout(timeout);
    let client = client.user_agent(concat!("mfp/", env!("CARGO_PKG_VERSION"))).build();
    client.map_err(|error| anyhow::Error::new(error.without_url())).context("the HTTP client")
}

impl Endpoint {
    pub(super) fn new(url: &str, timeout: Duration, attempts: u32, max: usize) -> Result<Self> {
        let url = Url::parse(url).context("the URL")?;
        ensure!(matches!(url.scheme(), "http" | "https"), "the URL is neither http nor https");
        Ok(Self { client: client(timeout)?, url, attempts: attempts.max(1), max })
    }

    /// Posts until that succeeds, cannot succeed, or was tried often enough. `prepare` is asked for each attempt.
    pub(super) async fn post(&self, prepare: impl Fn(RequestBuilder) -> Result<RequestBuilder>) -> Result<Answer> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let (mut rng, mut backoff) = (Rng::new(seed), Backoff::new(BackoffConfig::default()));
        loop {
            let request = prepare(self.client.post(self.url.clone()))?;
            let (error, after) = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error, after)) => (error, after),
            };
            let delay = backoff.next_delay(&mut rng);
            if backoff.attempts() >= self.attempts {
                return Err(error);
            }
            // What the server asks for is a least: all that it has sent away must not come back in one moment.
            let delay = after.map_or(delay, |after| after.min(LONGEST_WAIT) + delay.min(Duration::from_secs(1)));
            tracing::debug!(target: "mfp::agent", ?delay, "an attempt has failed: {error:#}");
            sleep(delay).await;
        }
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        // URLs may have secrets in them, and these errors are logged.
        let again = |error: reqwest::Error| Failure::Again(anyhow::Error::new(error.without_url()), None);
        let response = request.send().await.map_err(again)?;
        let status = response.status();
        if status.is_success() {
            return self.read(response).await;
        }
        let error = anyhow::anyhow!("the endpoint says {}", status.as_u16());
        let retry = status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS;
        if retry || status.is_server_error() {
            return Err(Failure::Again(error, retry_after(response.headers())));
        }
        Err(Failure::Final(error))
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Failure> {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(ToOwned::to_owned);
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.max => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(Failure::Final(anyhow::anyhow!("the answer is too long"))),
                Ok(None) => return Ok(Answer { content_type, body }),
                Err(error) => return Err(Failure::Again(anyhow::Error::new(error.without_url()), None)),
            }
        }
    }
}

/// What the server asks for in seconds. A date is not read: its clock is not ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
