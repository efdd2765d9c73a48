//! Two runtimes in this process, each with its own sealed database, and a link over TCP between them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::{
    AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Key, Mode, PeerConfig, Runtime, StoreOptions,
};
use tokio::sync::Semaphore;

use super::{Carrier, LEN, Publishing};

pub(super) struct Ours {
    alice: AgentHandle,
    channel: ChannelId,
    /// Whether the sender waits until its peer has told that it has the message on its disk.
    acked: bool,
}

async fn runtime(path: &Path) -> Result<Runtime> {
    let store = StoreOptions::new(path.to_owned(), Key::Bytes(Secret::from_bytes([7; 32])));
    Ok(Runtime::builder().sqlite(store).build().await?)
}

impl Ours {
    pub(super) async fn new(folder: &Path, acked: bool, consumed: Arc<Semaphore>) -> Result<Self> {
        let near = runtime(&folder.join(format!("near-{acked}.db"))).await?;
        let far = runtime(&folder.join(format!("far-{acked}.db"))).await?;
        let address = far.listen("127.0.0.1:0").await?.to_string();
        for (from, to, address) in [(&far, &near, Address::None), (&near, &far, Address::tcp(address))] {
            let mut config = PeerConfig::new(to.public_key(), to.id());
            (config.accept, config.mode) = (AcceptPolicy::all(), Mode::Durable);
            from.add_peer(config, address).await?;
        }
        let (_, mut inbox) = far.bind_stream("bob").await?;
        let (alice, _) = near.bind_stream("alice").await?;
        let channel = near.open_channel(&alice.id(), &far.id(), "bob", ChannelOptions::default()).await?;
        near.opened(&alice.id(), &channel).await?;
        tokio::spawn(async move {
            // It lives as long as its messages are wanted.
            let _far = far;
            while let Some(message) = inbox.recv().await {
                message.done();
                consumed.add_permits(1);
            }
        });
        Ok(Self { alice, channel, acked })
    }
}

impl Carrier for Ours {
    fn name(&self) -> &'static str {
        if self.acked { "mfp-tokio, acked by the peer" } else { "mfp-tokio" }
    }

    fn publish(&self) -> Publishing {
        let (alice, channel, acked) = (self.alice.clone(), self.channel, self.acked);
        Box::pin(async move {
            let message = [0x5a; LEN];
            let receipt = if acked {
                alice.send_acked(channel, message.as_slice()).await
            } else {
                alice.send(channel, message.as_slice()).await
            };
            receipt.map(drop).context("sending")
        })
    }
}
