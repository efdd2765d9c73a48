//! Two runtimes of this project, each with an agent, and a channel between them: on tokio, and on smol.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::measure::{Running, Transport};

/// Messages that have no receipt yet, at most.
const UNDER_WAY: usize = 256;
const LONG: Duration = Duration::from_mins(1);

/// The two drivers have one API.
macro_rules! ours {
    ($name:ident, $driver:ident, $run:path) => {
        pub(crate) mod $name {
            use $driver::mfp_proto::crypto::Secret;
            use $driver::{
                AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Inbox, Key, Mode, PeerConfig, Runtime,
                StoreOptions,
            };

            use super::*;

            /// Both ends.
            pub(crate) struct Ours {
                runtimes: [Runtime; 2],
                alice: AgentHandle,
                channel: ChannelId,
                message: Vec<u8>,
                received: watch::Receiver<u64>,
                /// At how many messages received it is told.
                goal: Arc<AtomicU64>,
                sent: u64,
                under_way: usize,
            }

            async fn runtime(folder: Option<&Path>, name: &str) -> Runtime {
                let builder = Runtime::builder();
                let builder = match folder {
                    Some(folder) => {
                        builder.sqlite(StoreOptions::new(folder.join(name), Key::Bytes(Secret::from_bytes([7; 32]))))
                    }
                    None => builder,
                };
                builder.build().await.unwrap()
            }

            impl Ours {
                /// Over TCP on loopback. Without a folder nothing is stored.
                pub(crate) async fn new(len: usize, folder: Option<&Path>) -> Self {
                    let (near, far) = (runtime(folder, "near").await, runtime(folder, "far").await);
                    let address = far.listen("127.0.0.1:0").await.unwrap().to_string();
                    for (from, to, address) in [(&far, &near, Address::None), (&near, &far, Address::tcp(address))] {
                        let mut config = PeerConfig::new(to.public_key(), to.id());
                        config.accept = AcceptPolicy::all();
                        // A sender waits before what it has sent is out of the cache, as the others wait for the socket.
                        config.queue_items = 1_024;
                        config.queue_bytes = (2 << 20).max(4 * u64::try_from(len).unwrap());
                        config.mode = if folder.is_some() { Mode::Durable } else { Mode::Volatile };
                        from.add_peer(config, address).await.unwrap();
                    }
                    let (bob, bobs) = far.bind_stream("bob").await.unwrap();
                    let (alice, alices) = near.bind_stream("alice").await.unwrap();
                    let channel =
                        near.open_channel(&alice.id(), &far.id(), "bob", ChannelOptions::default()).await.unwrap();
                    near.opened(&alice.id(), &channel).await.unwrap();
                    let (told, received) = watch::channel(0);
                    let goal = Arc::new(AtomicU64::new(0));
                    tokio::spawn($run(receive(bob, bobs, told, Arc::clone(&goal))));
                    // Answers are for who asked: this inbox remains empty.
                    tokio::spawn(async move { drop({ alices }.recv().await) });
                    let under_way = if folder.is_some() { UNDER_WAY } else { 1 };
                    Self {
                        runtimes: [near, far],
                        alice,
                        channel,
                        message: vec![0x5a; len],
                        received,
                        goal,
                        sent: 0,
                        under_way,
                    }
                }
            }

            /// Counts what is a message, and answers what asks for an answer: it begins with another byte.
            async fn receive(bob: AgentHandle, mut inbox: Inbox, told: watch::Sender<u64>, goal: Arc<AtomicU64>) {
                let mut count = 0;
                while let Some(incoming) = inbox.recv().await {
                    if incoming.payload.first() == Some(&0x5b) {
                        bob.reply(&incoming, &*incoming.payload).await.unwrap();
                    } else {
                        count += 1;
                        if count == goal.load(Ordering::Relaxed) {
                            told.send_replace(count);
                        }
                    }
                    incoming.done();
                }
            }

            impl Transport for Ours {
                fn messages(&mut self, count: u32) -> Running<'_> {
                    self.sent += u64::from(count);
                    let (alice, channel, message) = (self.alice.clone(), self.channel, self.message.clone());
                    let (mut received, sent, under_way) = (self.received.clone(), self.sent, self.under_way);
                    self.goal.store(self.sent, Ordering::Relaxed);
                    $run(async move {
                        let sends = stream::iter(0..count).map(|_| alice.send(channel, message.as_slice()));
                        if under_way > 1 {
                            sends.buffered(under_way).for_each(async |receipt| assert!(receipt.is_ok())).await;
                        } else {
                            sends.for_each(async |receipt| assert!(receipt.await.is_ok())).await;
                        }
                        received.wait_for(|received| *received == sent).await.unwrap();
                    })
                }

                fn commits(&self) -> u64 {
                    self.runtimes[0].store_stats().map_or(0, |stats| stats.commits)
                }

                fn round_trips<'a>(&'a mut self, count: u32, record: &'a mut Vec<Duration>) -> Running<'a> {
                    Box::pin(async move {
                        let message = vec![0x5b; self.message.len()];
                        for _ in 0..count {
                            let start = Instant::now();
                            self.alice.request(self.channel, message.as_slice(), LONG).await.unwrap();
                            record.push(start.elapsed());
                        }
                    })
                }
            }
        }
    };
}

ours!(on_tokio, mfp_tokio, here);
ours!(on_smol, mfp_smol, on_its_thread);

fn here<'a>(work: impl Future<Output = ()> + Send + 'static) -> Running<'a> {
    Box::pin(work)
}

/// Where its connections are carried too.
fn on_its_thread<'a>(work: impl Future<Output = ()> + Send + 'static) -> Running<'a> {
    Box::pin(smol::spawn(work))
}
