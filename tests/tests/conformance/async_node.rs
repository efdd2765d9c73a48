//! The adapter of the drivers for executors, which have the same API.

/// Implements [`Node`](crate::node::Node) for the crate `$driver`. What depends on the executor is in the module
/// `$executor`: `block_on`, `spawn` and `connect`.
macro_rules! async_node {
    ($driver:ident, $executor:ident) => {
        use std::collections::HashMap;
        use std::io::ErrorKind;
        use std::net::SocketAddr;
        use std::sync::mpsc::{self, Receiver};
        use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
        use std::time::Duration;

        use mfp_proto::id::{AgentId, ChannelId, RuntimeId};
        use mfp_proto::runtime::{ChannelOptions, Event, Message, PeerConfig, PeerStatus, Receipt, Stats};
        use $driver::{Address, AgentHandle, Context, Delivery, Notice, OpenError, RequestError, Runtime, SendError};

        use crate::node::{Disk, Failure, Handler, Node, Received, Setup};
        use $executor::{block_on, connect, spawn};

        pub(crate) fn start(setup: &Setup) -> Arc<dyn Node> {
            let builder = Runtime::builder().identity(setup.identity.clone()).config(setup.config.clone());
            let builder = match &setup.disk {
                Disk::Memory(_) => builder.store(setup.disk.open()),
                Disk::File(path) => builder.sqlite(crate::node::options(path)),
            };
            let (runtime, address) = block_on(async {
                let runtime = builder.build().await.unwrap();
                let address = runtime.listen("127.0.0.1:0").await.unwrap();
                (runtime, address)
            });
            Arc::new(AsyncNode { runtime, address, places: Arc::default(), agents: Mutex::default() })
        }

        struct AsyncNode {
            runtime: Runtime,
            address: SocketAddr,
            /// Where peers listen.
            places: Arc<Mutex<HashMap<RuntimeId, SocketAddr>>>,
            agents: Mutex<HashMap<AgentId, AgentHandle>>,
        }

        fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
            mutex.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn failure(error: SendError) -> Failure {
            match error {
                error if error.is_full() => Failure::Full,
                SendError::Uncertain => Failure::Uncertain,
                error => Failure::Refused(format!("{error:?}")),
            }
        }

        impl AsyncNode {
            fn agent(&self, agent: AgentId) -> AgentHandle {
                lock(&self.agents)[&agent].clone()
            }

            fn add(&self, agent: AgentHandle) -> AgentId {
                let id = agent.id();
                lock(&self.agents).insert(id, agent);
                id
            }
        }

        impl Node for AsyncNode {
            fn address(&self) -> SocketAddr {
                self.address
            }

            fn add_peer(&self, peer: PeerConfig, address: Option<SocketAddr>) {
                let id = peer.id;
                lock(&self.places).extend(address.map(|address| (id, address)));
                let places = Arc::clone(&self.places);
                let dial = move || {
                    let place = lock(&places).get(&id).copied();
                    async move { connect(place.ok_or(ErrorKind::AddrNotAvailable)?).await }
                };
                let address = if peer.dial { Address::with(dial) } else { Address::None };
                block_on(self.runtime.add_peer(peer, address)).unwrap();
            }

            fn locate(&self, peer: RuntimeId, address: SocketAddr) {
                lock(&self.places).insert(peer, address);
            }

            fn bind(&self, name: &str) -> (AgentId, Receiver<Received>) {
                let (agent, mut inbox) = block_on(self.runtime.bind_stream(name)).unwrap();
                let (sender, received) = mpsc::channel();
                spawn(async move {
                    while let Some(incoming) = inbox.recv().await {
                        let (message, payload) = (incoming.message, incoming.payload.clone());
                        if sender.send(Received::new(message, &payload, move || incoming.done())).is_err() {
                            return;
                        }
                    }
                });
                (self.add(agent), received)
            }

            fn handle(&self, name: &str, handler: Handler) -> AgentId {
                let handler = move |context: Context, message: Delivery| async move {
                    if let Some(answer) = handler(&message.payload) {
                        context.reply(&answer).await?;
                    }
                    Ok(())
                };
                self.add(block_on(self.runtime.bind(name, handler)).unwrap())
            }

            fn open(&self, agent: AgentId, peer: RuntimeId, name: &str) -> Result<ChannelId, Failure> {
                block_on(async {
                    let asked = self.runtime.open_channel(&agent, &peer, name, ChannelOptions::default()).await;
                    let channel = asked.map_err(|error| Failure::Refused(error.to_string()))?;
                    match self.runtime.opened(&agent, &channel).await {
                        Ok(()) => Ok(channel),
                        Err(OpenError::Rejected(code)) => Err(Failure::Refused(format!("{code:?}"))),
                        Err(error) => Err(Failure::Refused(error.to_string())),
                    }
                })
            }

            fn close(&self, channel: ChannelId) {
                block_on(self.runtime.close_channel(&channel)).unwrap();
            }

            fn send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
                block_on(self.agent(agent).send(channel, message)).map_err(failure)
            }

            fn try_send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
                block_on(self.agent(agent).try_send(channel, message)).map_err(failure)
            }

            fn send_acked(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
                block_on(self.agent(agent).send_acked(channel, message)).map_err(failure)
            }

            fn send_tracked(
                &self,
                agent: AgentId,
                channel: ChannelId,
                message: Message<'_>,
            ) -> Result<(Receipt, Result<Receipt, Failure>), Failure> {
                let sent = block_on(self.agent(agent).send_tracked(channel, message)).map_err(failure)?;
                Ok((sent.receipt(), block_on(sent.acked()).map_err(failure)))
            }

            fn request(
                &self,
                agent: AgentId,
                on: ChannelId,
                payload: &[u8],
                wait: Duration,
            ) -> Result<Vec<u8>, Failure> {
                match block_on(self.agent(agent).request(on, payload, wait)) {
                    Ok(answer) => Ok(answer.payload.to_vec()),
                    Err(RequestError::Unanswered) => Err(Failure::Unanswered),
                    Err(RequestError::Send(error)) => Err(failure(error)),
                    Err(error) => Err(Failure::Refused(error.to_string())),
                }
            }

            fn events(&self) -> Receiver<Event> {
                let (sender, received) = mpsc::channel();
                let mut events = self.runtime.events();
                spawn(async move {
                    while let Some(notice) = events.recv().await {
                        if let Notice::Event(event) = notice
                            && sender.send(event).is_err()
                        {
                            return;
                        }
                    }
                });
                received
            }

            fn stats(&self) -> Stats {
                self.runtime.stats()
            }

            fn peer(&self, peer: RuntimeId) -> Option<PeerStatus> {
                self.runtime.peer(&peer)
            }

            fn rotate(&self, peer: RuntimeId) -> bool {
                block_on(self.runtime.rotate_peer(&peer)).is_ok()
            }

            fn redial(&self, peer: RuntimeId) {
                block_on(self.runtime.redial(&peer)).unwrap();
            }

            fn shutdown(&self) -> u32 {
                block_on(self.runtime.shutdown())
            }
        }
    };
}
