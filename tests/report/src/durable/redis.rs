//! A stream of Redis, a consumer group of one, and an acknowledgement for each read.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use fred::interfaces::{ClientLike as _, StreamsInterface as _};
use fred::prelude::{Builder, Client, Config};
use fred::types::streams::{XID, XReadResponse};
use tokio::sync::Semaphore;

use super::{Carrier, LEN, Publishing};

const STREAM: &str = "bench";
const GROUP: &str = "consumers";
/// Messages of one read at most.
const READ: u64 = 64;

pub(super) struct Redis {
    client: Client,
}

/// A client of its own connection: the server answers on it in order, so that one that waits for messages is for nothing
/// else.
async fn connect(port: u16) -> Result<Client> {
    let client = Builder::from_config(Config::from_url(&format!("redis://127.0.0.1:{port}"))?).build()?;
    client.init().await?;
    Ok(client)
}

impl Redis {
    pub(super) async fn new(port: u16, consumed: Arc<Semaphore>) -> Result<Self> {
        let (client, own) = (connect(port).await?, connect(port).await?);
        let () = own.xgroup_create(STREAM, GROUP, "0", true).await.context("making a consumer group")?;
        tokio::spawn(async move {
            // An error ends this, and then what waits for the permits says that it hangs.
            while let Ok(read) =
                own.xreadgroup_map(GROUP, "one", Some(READ), Some(0), false, STREAM, XID::NewInGroup).await
            {
                let read: XReadResponse<String, String, String, Vec<u8>> = read;
                let ids: Vec<String> = read.into_values().flatten().map(|(id, _)| id).collect();
                let acked: Result<usize, _> = own.xack(STREAM, GROUP, ids).await;
                consumed.add_permits(acked.unwrap_or(0));
            }
        });
        Ok(Self { client })
    }
}

impl Carrier for Redis {
    fn name(&self) -> &'static str {
        "Redis stream, appendfsync always"
    }

    fn publish(&self) -> Publishing {
        let client = self.client.clone();
        Box::pin(async move {
            let _: String = client.xadd(STREAM, false, None, XID::Auto, ("m", &[0x5a; LEN][..])).await?;
            Ok(())
        })
    }
}
