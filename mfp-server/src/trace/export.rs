//! Gives spans to a collector, over HTTP, behind everybody's back: nothing here holds up a message.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context as Parent, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter,
    SpanProcessor,
};
use tokio::runtime::Handle;

use super::count::{Counts, WAITING};
use crate::config::{Config, Trace};

/// How long the collector may take for a batch.
const EXPORT: Duration = Duration::from_secs(5);
/// How long a span waits for others at most.
const GATHER: Duration = Duration::from_secs(1);
/// How long the last spans may take at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// The process has one, as it has one log.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What makes spans, if any are made.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// Spans are made and given to a collector, until this ends.
#[derive(Debug)]
pub(crate) struct Exporting(SdkTracerProvider);

impl Exporting {
    /// From now on spans are made, as the configuration says.
    pub(crate) fn start(trace: &Trace, config: &Config, counts: &Arc<Counts>) -> Result<Self> {
        let client = OnTokio { client: crate::agents::http_client(EXPORT)?, tokio: Handle::current() };
        let exporter = Otlp::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(client);
        let exporter = exporter.with_endpoint(&trace.url).with_timeout(EXPORT).build();
        let exporter = Counted { exporter: exporter.context("the exporter of traces")?, counts: Arc::clone(counts) };
        let batches = BatchConfigBuilder::default().with_max_queue_size(WAITING).with_scheduled_delay(GATHER).build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder().with_service_name("mfp").with_attributes([
            KeyValue::new("service.namespace", config.deployment.clone()),
            KeyValue::new("service.instance.id", config.instance.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("mfp.runtime", super::span::short(&config.identity.id())),
        ]);
        let share = Sampler::TraceIdRatioBased(f64::from(trace.sample_millis) / 1_000.0);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Bounded { batches, counts: Arc::clone(counts) })
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource.build())
            .build();
        // The first one stays: a process runs one server.
        let _ = TRACER.set(provider.tracer("mfp"));
        Ok(Self(provider))
    }

    /// Gives the last spans to the collector, within a bounded time.
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!(target: "mfp::trace", "the last spans did not reach the collector in time");
        }
    }
}

/// Counts what the collector gets, and what it does not.
#[derive(Debug)]
struct Counted {
    exporter: Otlp,
    counts: Arc<Counts>,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.counts.took(spans);
        let exported = self.exporter.export(batch).await;
        match &exported {
            Ok(()) => self.counts.sent(spans),
            Err(error) => self.counts.lost(spans, &error.to_string()),
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Batches of what there is room for. It counts what the batches would drop in silence.
#[derive(Debug)]
struct Bounded {
    batches: BatchSpanProcessor,
    counts: Arc<Counts>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, parent: &Parent) {
        self.batches.on_start(span, parent);
    }

    fn on_end(&self, span: SpanData) {
        if self.counts.has_room() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// The HTTP client of this program, for a thread that tokio does not know.
#[derive(Debug)]
struct OnTokio {
    client: reqwest::Client,
    tokio: Handle,
}

#[async_trait]
impl HttpClient for OnTokio {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.tokio.spawn(async move { client.send_bytes(request).await }).await?
    }
}
