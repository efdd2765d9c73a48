//! Peers, the links with them, and channels to their agents.

use std::io;
use std::net::SocketAddr;

use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::id::{AgentId, AgentName, ChannelId, RuntimeId};
use mfp_proto::runtime::{AcceptPolicy, AdminError, ChannelOptions, Origin, PeerConfig, PeerStatus};
use tokio::net::ToSocketAddrs;
use tokio::sync::oneshot;

use crate::error::{Error, OpenError};
use crate::link::Io;
use crate::net::{Address, NetStats, Route};
use crate::runtime::Runtime;

impl Runtime {
    /// Its public key, which its peers configure.
    pub fn public_key(&self) -> PublicKey {
        self.shared.read(|rt| *rt.public_key())
    }

    /// Listens for peers until the runtime shuts down, and returns the local address. A host name, an IPv6 address and
    /// port 0 are possible; call it again for further addresses.
    ///
    /// # Errors
    /// Whatever the operating system says of the address.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<SocketAddr> {
        self.shared.listen(address).await
    }

    /// Takes a connection that was made elsewhere: a Unix socket, a TLS stream, a pipe. With [`Origin::Accepted`] it is from
    /// somebody who will say who it is. With [`Origin::Dialed`] it leads to a peer that this side is to greet, and is
    /// closed unless an attempt to connect to that peer is under way; [`Address::with`] makes such connections when they
    /// are wanted.
    pub fn carry(&self, io: impl Io, origin: Origin) {
        self.shared.carry(io, origin);
    }

    /// Adds a peer. Unless `address` is [`Address::None`] this side connects, and connects again whenever the link is lost.
    /// What was stored of it is there again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add_peer(&self, mut config: PeerConfig, address: Address) -> Result<(), Error> {
        config.dial = !address.is_none();
        self.shared
            .durable(|core, now| {
                let (id, patience) = (config.id, config.link.handshake);
                core.rt.add_peer(now, config)?;
                core.net.routes.insert(id, Route { address, patience });
                Ok(())
            })
            .await
    }

    /// A peer has moved: from the next attempt on this side connects there. A connection that there is stays. It changes
    /// nothing where the peer was added without an address, since then it is the peer that connects.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such peer.
    pub fn set_address(&self, peer: &RuntimeId, address: Address) -> Result<(), Error> {
        self.shared.look(|core| {
            core.net.routes.get_mut(peer).ok_or(AdminError::UnknownPeer)?.address = address;
            Ok(())
        })
    }

    /// Removes a peer, with all channels to it and everything that is stored of it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_peer(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared
            .durable(|core, now| {
                core.rt.remove_peer(now, peer)?;
                core.net.routes.remove(peer);
                Ok(())
            })
            .await
    }

    /// What channels a peer may open from now on.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_accept_policy(&self, peer: &RuntimeId, policy: AcceptPolicy) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.set_accept_policy(now, peer, policy)).await
    }

    /// A peer, and the link with it.
    pub fn peer(&self, peer: &RuntimeId) -> Option<PeerStatus> {
        self.shared.read(|rt| rt.peer(peer))
    }

    /// All peers, in the order of their ids.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.shared.read(|rt| rt.peers().collect())
    }

    /// What became of connections.
    pub fn net_stats(&self) -> NetStats {
        self.shared.look(|core| core.net.stats())
    }

    /// Asks a peer for a channel from `agent` to its agent with the name `remote`. What is sent before the answer waits
    /// for it; [`opened`](Self::opened) tells the answer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open_channel(
        &self,
        agent: &AgentId,
        peer: &RuntimeId,
        remote: &str,
        options: ChannelOptions,
    ) -> Result<ChannelId, Error> {
        let remote = AgentName::new(remote)?;
        self.shared.durable(|core, now| core.rt.open_channel(now, agent, peer, &remote, options)).await
    }

    /// Waits until the peer has accepted a channel. The peer may be away for as long as it likes. The last thousand
    /// refusals are remembered for whoever asks later.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn opened(&self, agent: &AgentId, channel: &ChannelId) -> Result<(), OpenError> {
        let (told, answer) = oneshot::channel();
        let open = self.shared.look(|core| {
            if core.has_ended() {
                return Err(OpenError::Unknown);
            }
            let channels = core.rt.channels(agent).unwrap_or_default();
            let Some(status) = channels.into_iter().find(|status| status.id == *channel) else {
                let refused = core.refusals.iter().find(|(refused, _)| refused == channel);
                return Err(refused.map_or(OpenError::Unknown, |(_, code)| OpenError::Rejected(*code)));
            };
            if status.closing {
                return Err(OpenError::Closed);
            }
            // Before the answer nobody knows the other agent's id.
            let open = status.peer.agent != AgentId::from_bytes([0; AgentId::LEN]);
            if !open {
                let waiting = core.openings.entry(*channel).or_default();
                waiting.retain(|waiting| !waiting.is_closed());
                waiting.push(told);
            }
            Ok(open)
        })?;
        if open { Ok(()) } else { answer.await.map_err(|_| OpenError::Unknown)? }
    }

    /// The operator's word for a link that is suspended because this side's store went back: what the peer may have missed
    /// is given up.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_local_loss(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.accept_local_loss(now, peer)).await
    }

    /// The operator's word for a link that is suspended because the peer's store went back, or its claim was wrong: what
    /// the peer has lost is given up.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_gap(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.accept_gap(now, peer)).await
    }

    /// The operator's word for a link that is suspended because the peer has a new store: it starts anew.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_reset(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.accept_reset(now, peer)).await
    }

    /// Starts the link with a peer anew, whatever state it is in. The peer sees a new store, and is asked.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reset_peer(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.reset_peer(now, peer)).await
    }

    /// Rotates the keys of the session with a peer now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rotate_peer(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.rotate_peer(now, peer)).await
    }

    /// Tries to connect to a peer at once, if this side connects and there is no session.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn redial(&self, peer: &RuntimeId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.redial(now, peer)).await
    }

    /// Drops what waits on a channel to a peer and has not begun to be sent; its senders are told. Returns how many
    /// messages that were.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn purge_channel(&self, channel: &ChannelId) -> Result<u32, Error> {
        self.shared.durable(|core, now| core.rt.purge(now, channel)).await
    }
}
