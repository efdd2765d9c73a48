//! Health and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::connections::Listener;
use super::state::Ops;
use super::{health, metrics};

/// A connection is for one request, so that none is held for long.
const LAST: (header::HeaderName, &str) = (header::CONNECTION, "close");

/// What serves; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Http(AbortHandle);

impl Drop for Http {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves health and metrics at an address.
pub(crate) async fn serve(address: SocketAddr, ops: Arc<Ops>) -> Result<Http> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot serve health at {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
    let routes = Router::new()
        .route("/health/live", get(|| async { verdict("live", &[]) }))
        .route("/health/ready", get(async |State(ops): State<Arc<Ops>>| verdict("ready", &health::not_ready(&ops))))
        .route(
            "/health/startup",
            get(async |State(ops): State<Arc<Ops>>| verdict("started", &health::not_started(&ops))),
        )
        .route("/metrics", get(page))
        .with_state(ops);
    let served = tokio::spawn(async move {
        if let Err(error) = axum::serve(Listener::new(listener), routes).await {
            tracing::error!(%error, "health and metrics are not served any more");
        }
    });
    Ok(Http(served.abort_handle()))
}

fn verdict(good: &str, why: &[&str]) -> Response {
    let (code, said) = if why.is_empty() {
        (StatusCode::OK, json!({ "status": good }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": format!("not {good}"), "reasons": why }))
    };
    // Yesterday's health is no news.
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), LAST];
    (code, head, format!("{said}\n")).into_response()
}

async fn page(State(ops): State<Arc<Ops>>) -> Response {
    match metrics::render(&ops) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), LAST], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be told");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
