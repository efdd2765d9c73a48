//! A stream of JetStream on disk, a durable consumer that pulls, and an acknowledgement for each message.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_nats::jetstream::{self, consumer, stream};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use super::{Carrier, LEN, Publishing};

const SUBJECT: &str = "bench";

pub(super) struct Nats {
    context: jetstream::Context,
    always: bool,
}

impl Nats {
    pub(super) async fn new(port: u16, always: bool, consumed: Arc<Semaphore>) -> Result<Self> {
        let url = format!("127.0.0.1:{port}");
        // A connection each, as producer and consumer would be two processes.
        let context = jetstream::new(async_nats::connect(&url).await?);
        let own = jetstream::new(async_nats::connect(&url).await?);
        let config = stream::Config {
            name: SUBJECT.to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            storage: stream::StorageType::File,
            ..stream::Config::default()
        };
        let stream = own.create_stream(config).await.context("making a stream")?;
        let pull = consumer::pull::Config {
            durable_name: Some(SUBJECT.to_owned()),
            ack_policy: consumer::AckPolicy::Explicit,
            ..consumer::pull::Config::default()
        };
        let mut messages = stream.create_consumer(pull).await.context("making a consumer")?.messages().await?;
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                // An error ends this, and then what waits for the permit says that it hangs.
                let Ok(message) = message else { return };
                if message.ack().await.is_err() {
                    return;
                }
                consumed.add_permits(1);
            }
        });
        Ok(Self { context, always })
    }
}

impl Carrier for Nats {
    fn name(&self) -> &'static str {
        if self.always { "NATS JetStream, sync_interval always" } else { "NATS JetStream" }
    }

    fn publish(&self) -> Publishing {
        let context = self.context.clone();
        Box::pin(async move {
            let told = context.publish(SUBJECT, vec![0x5a; LEN].into()).await.context("publishing")?;
            told.await.map(drop).context("waiting for what the server says")
        })
    }
}
