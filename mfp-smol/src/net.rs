//! Connections: which there are, to whom and from where.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mfp_proto::id::RuntimeId;
use mfp_proto::link::ConnId;
use mfp_proto::policy::{Rate, RateLimiter};
use mfp_proto::runtime::Origin;
use mfp_proto::time::Instant;
use smol::future::yield_now;
use smol::net::{AsyncToSocketAddrs, TcpListener, TcpStream};
use smol::{Task, Timer};

use crate::bell::Bell;
use crate::buffer::{Input, Output, Pool};
use crate::drive::{Core, Shared};
use crate::link::{Io, Link, Turn, within};

/// The pause of a listener that the operating system gives no connection, for want of file descriptors for instance.
const PAUSE: Duration = Duration::from_millis(100);

type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Where a peer is to be connected to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Address {
    /// Nowhere: it connects to this runtime.
    None,
    /// A host and a port, as in `agents.example.org:7001` or `[::1]:7001`. Names are looked up at each attempt.
    Tcp(String),
    /// Wherever this leads: a Unix socket, a TLS stream, a proxy. See [`Address::with`].
    Other(Dial),
}

/// A way to connect, see [`Address::with`].
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn() -> Dialing + Send + Sync>);

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Tcp(address) => write!(f, "Tcp({address:?})"),
            Self::Other(dial) => dial.fmt(f),
        }
    }
}

impl Address {
    /// A host and a port.
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::Tcp(address.into())
    }

    /// Whatever `dial` connects to, in the time that the peer's configuration has for it. It is called for each attempt.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use mfp_smol::Address;
    /// use smol::net::unix::UnixStream;
    ///
    /// let address = Address::with(|| UnixStream::connect("/run/mfp.sock"));
    /// # }
    /// ```
    pub fn with<T: Io, F>(dial: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        Self::Other(Dial(Arc::new(move || {
            let dialing = dial();
            Box::pin(async move { Ok(Box::new(dialing.await?) as Box<dyn Io>) })
        })))
    }

    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    async fn dial(&self) -> io::Result<Box<dyn Io>> {
        match self {
            Self::None => Err(io::ErrorKind::AddrNotAvailable.into()),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Other(Dial(dial)) => dial().await,
        }
    }
}

/// Bounds on connections that others make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetLimits {
    /// Connections in all; those beyond are closed at once. Default: 8,192.
    pub connections: usize,
    /// Connections accepted a second; those beyond are closed at once. Default: 1,000.
    pub accepts_per_second: u32,
    /// Connections accepted at once beyond that rate. Default: 1,000.
    pub accept_burst: u32,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self { connections: 8_192, accepts_per_second: 1_000, accept_burst: 1_000 }
    }
}

/// What became of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetStats {
    /// Connections that there are now.
    pub connections: usize,
    /// Connections that others made, and that were taken.
    pub accepted: u64,
    /// Those that were closed at once, for there were too many.
    pub refused: u64,
    /// Connections that this runtime made.
    pub dialed: u64,
    /// Attempts to connect that failed.
    pub dials_failed: u64,
}

/// The way to a peer.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) address: Address,
    /// How long connecting may take: after that the core has given up, and plans the next attempt.
    pub(crate) patience: Duration,
}

/// A connection, as the core's side of the driver sees it.
struct Conn {
    bell: Arc<Bell>,
    /// There is something to send.
    transmit: bool,
    /// The core is done with it.
    closed: bool,
}

/// All connections, and the way to each peer.
#[derive(Default)]
pub(crate) struct Net {
    conns: HashMap<ConnId, Conn>,
    next: u64,
    pub(crate) routes: HashMap<RuntimeId, Route>,
    /// Each ends when it is dropped.
    listeners: Vec<Task<()>>,
    /// Its own task is at work.
    serving: Option<ConnId>,
    limits: NetLimits,
    accepts: Option<(Rate, RateLimiter)>,
    stats: NetStats,
}

impl Net {
    pub(crate) fn new(limits: NetLimits) -> Self {
        let rate = Rate::new(limits.accepts_per_second, Duration::from_secs(1), limits.accept_burst).ok();
        Self { limits, accepts: rate.map(|rate| (rate, RateLimiter::new())), ..Self::default() }
    }

    pub(crate) fn stats(&self) -> NetStats {
        NetStats { connections: self.conns.len(), ..self.stats }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    pub(crate) fn transmit(&mut self, conn: ConnId) {
        if let Some(entry) = self.conns.get_mut(&conn) {
            entry.transmit = true;
            if self.serving != Some(conn) {
                entry.bell.ring();
            }
        }
    }

    pub(crate) fn close(&mut self, conn: ConnId) {
        if let Some(entry) = self.conns.get_mut(&conn) {
            entry.closed = true;
            entry.bell.ring();
        }
    }

    /// Everybody looks again whether there is something to do.
    pub(crate) fn ring_all(&self) {
        for conn in self.conns.values() {
            conn.bell.ring();
        }
    }

    /// Takes no connections any more.
    pub(crate) fn stop_listening(&mut self) {
        self.listeners.clear();
    }

    /// Whether one more may be accepted now.
    fn admits(&mut self, now: Instant) -> bool {
        let admitted = self.conns.len() < self.limits.connections
            && self.accepts.as_mut().is_none_or(|(rate, limiter)| limiter.check(now, rate).is_ok());
        *(if admitted { &mut self.stats.accepted } else { &mut self.stats.refused }) += 1;
        admitted
    }
}

impl Core {
    /// There is a connection.
    fn connected(&mut self, now: Instant, origin: Origin) -> (ConnId, Arc<Bell>) {
        let conn = ConnId(self.net.next);
        self.net.next += 1;
        let bell = Arc::new(Bell::default());
        self.net.conns.insert(conn, Conn { bell: Arc::clone(&bell), transmit: false, closed: false });
        self.rt.handle_connected(now, conn, origin);
        (conn, bell)
    }

    /// A turn of a connection's task, see [`Link`].
    pub(crate) fn serve(
        &mut self,
        now: Instant,
        conn: ConnId,
        input: &mut Input,
        output: &mut Output,
        pool: &Pool,
    ) -> Turn {
        self.net.serving = Some(conn);
        if let Some(bytes) = input.bytes() {
            let progress = self.rt.handle_input(now, conn, bytes);
            input.used(progress);
            // The peer may have acked something that nobody waits for.
            self.rooms.note_remote();
            self.settle(now);
        }
        while output.is_empty()
            && let Some(entry) = self.net.conns.get_mut(&conn).filter(|entry| entry.transmit)
        {
            entry.transmit = false;
            let more = output.fill(pool, |out| self.rt.poll_transmit(now, conn, out));
            self.settle(now);
            if more && let Some(entry) = self.net.conns.get_mut(&conn) {
                entry.transmit = true;
            }
        }
        self.net.serving = None;
        let (closed, more) = self.net.conns.get(&conn).map_or((true, false), |entry| (entry.closed, entry.transmit));
        Turn { closed, reads: self.rt.takes_input(), more }
    }

    /// A connection is gone. If the core has closed it, it knows.
    pub(crate) fn disconnected(&mut self, now: Instant, conn: ConnId) {
        self.rt.handle_disconnected(now, conn);
        self.net.conns.remove(&conn);
        self.end_if_over();
    }
}

impl Shared {
    /// Takes a connection, and lets a task carry it.
    pub(crate) fn carry(self: &Arc<Self>, io: impl Io, origin: Origin) {
        let (conn, bell) = self.with(|core, now| core.connected(now, origin));
        smol::spawn(Link::new(io, conn, bell, Arc::clone(self)).run()).detach();
    }

    /// Connects to a peer, as the core asks.
    pub(crate) fn dial(self: &Arc<Self>, peer: RuntimeId) {
        let route = self.look(|core| core.net.routes.get(&peer).cloned());
        let Route { address, patience } = route.unwrap_or(Route { address: Address::None, patience: Duration::ZERO });
        let shared = Arc::clone(self);
        let dialing = smol::spawn(async move {
            let dialed = within(patience, address.dial()).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
            match dialed {
                Ok(io) => {
                    shared.look(|core| core.net.stats.dialed += 1);
                    shared.carry(io, Origin::Dialed(peer));
                }
                Err(error) => {
                    tracing::debug!(%peer, ?address, %error, "could not connect");
                    shared.with(|core, now| {
                        core.net.stats.dials_failed += 1;
                        core.rt.handle_connect_failed(now, &peer);
                    });
                }
            }
        });
        dialing.detach();
    }

    /// Listens for peers until the runtime shuts down.
    pub(crate) async fn listen(self: &Arc<Self>, address: impl AsyncToSocketAddrs) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        self.look(|core| {
            if core.has_ended() {
                return Err(io::Error::other("the runtime has stopped"));
            }
            core.net.listeners.push(smol::spawn(accept(Arc::clone(self), listener)));
            Ok(local)
        })
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                failing = false;
                if shared.with(|core, now| core.net.admits(now)) && stream.set_nodelay(true).is_ok() {
                    shared.carry(stream, Origin::Accepted(from.ip().into()));
                }
                // However many there are, others have their turn.
                yield_now().await;
            }
            // Of one connection, which is gone already.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                if !mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "no connection can be accepted at the moment");
                }
                Timer::after(PAUSE).await;
            }
        }
    }
}
