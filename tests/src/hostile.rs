//! Connections of strangers that mean no good, and a count of what is logged because of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Initiator, Local, Params, Peer};
use mfp_proto::id::{Identity, StoreId};
use mfp_proto::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// How strangers behave, one after the other.
const WAYS: usize = 5;

/// Connects `count` times to `address`, whose owner is `target`, from as many addresses of 127/8, `per_second` times a
/// second, and returns how many connections came about. A stranger sends garbage, half a header, a header with a huge
/// length, nothing, or a message 1 that is well-formed and of nobody whom the target knows; then it holds the connection for
/// `hold`, or until it is closed.
pub async fn attack(address: SocketAddr, target: &Identity, count: u32, per_second: u32, hold: Duration) -> u64 {
    let message1 = message1(target);
    let mut pace = interval(Duration::from_secs(1) / per_second.max(1));
    let (mut strangers, mut connected) = (JoinSet::new(), 0);
    for (number, way) in (0..count).zip((0..WAYS).cycle()) {
        pace.tick().await;
        let bytes = match way {
            0 => vec![0xa5; 32 << 10],
            1 => message1.get(..20).unwrap_or_default().to_vec(),
            2 => {
                let mut header = message1.clone();
                if let Some(lengths) = header.get_mut(8..16) {
                    lengths.fill(0x7f);
                }
                header
            }
            3 => Vec::new(),
            _ => message1.clone(),
        };
        strangers.spawn(stranger(address, number, bytes, hold));
        while let Some(ended) = strangers.try_join_next() {
            connected += u64::from(ended.is_ok_and(|ended| ended.is_ok()));
        }
    }
    while let Some(ended) = strangers.join_next().await {
        connected += u64::from(ended.is_ok_and(|ended| ended.is_ok()));
    }
    connected
}

async fn stranger(address: SocketAddr, number: u32, bytes: Vec<u8>, hold: Duration) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    let [_, a, b, c] = number.to_be_bytes();
    socket.bind((Ipv4Addr::new(127, 1 + a, b, 1 + c.min(253)), 0).into())?;
    let mut stream = socket.connect(address).await?;
    // That it is closed is what is to be expected.
    let _ = timeout(hold, async {
        stream.write_all(&bytes).await?;
        stream.read(&mut [0; 16]).await
    })
    .await;
    Ok(())
}

/// A message 1 to `target` of somebody whom it does not know; empty if there is none.
fn message1(target: &Identity) -> Vec<u8> {
    let Ok(nobody) = Identity::new([0x66; 32], "nobody", "nobody") else { return Vec::new() };
    let store_id = StoreId::from_bytes([0x66; 16]);
    let known = Peer { public: *target.public(), id: target.id(), psk: None, store_id, params: Params::default() };
    let local = Local::new(&nobody, &RustCrypto);
    let started = Initiator::start(Instant::ZERO, &local, &known, &mut Rng::new([0x66; 32]));
    started.map(|(_, message)| message.to_vec()).unwrap_or_default()
}

/// Counts what is logged as information or worse, and keeps nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct Lines;

static LINES: AtomicU64 = AtomicU64::new(0);

impl Lines {
    /// How many there were.
    pub fn count() -> u64 {
        LINES.load(Ordering::Relaxed)
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        LINES.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
