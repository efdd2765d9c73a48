//! Streams that panic, or always have something to read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use mfp_smol::mfp_proto::handshake::Source;
use mfp_smol::{Address, Io, Mode, Origin, Runtime};
use smol::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader};
use smol::net::{TcpListener, TcpStream};
use smol::stream::StreamExt;

use super::net::{acquaint, open};
use super::support::{LONG, soon};

async fn runtime() -> Runtime {
    Runtime::builder().build().await.unwrap()
}

/// The way to a runtime, over streams that these wrap.
async fn through<T: Io>(far: &Runtime, wrap: impl Fn(TcpStream) -> T + Send + Sync + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, far) = (listener.local_addr().unwrap(), far.clone());
    let accepting = smol::spawn(async move {
        while let Some(Ok(stream)) = listener.incoming().next().await {
            far.carry(stream, Origin::Accepted(Source::Named([1; 16])));
        }
    });
    accepting.detach();
    let wrap = Arc::new(wrap);
    Address::with(move || {
        let wrap = Arc::clone(&wrap);
        async move { Ok(wrap(TcpStream::connect(address).await?)) }
    })
}

/// What reads as `read` says, and is written as the stream in it.
struct Reads<T, F>(T, F);

impl<T: Unpin, F: FnMut(&mut T, &mut Context<'_>, &mut [u8]) -> Poll<io::Result<usize>> + Unpin> AsyncRead
    for Reads<T, F>
{
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self(inner, read) = &mut *self;
        read(inner, cx, buf)
    }
}

impl<T: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Reads<T, F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[test]
fn a_stream_that_panics_is_a_lost_connection() {
    smol::block_on(async {
        let (one, other) = (runtime().await, runtime().await);
        let breaks = Arc::new(AtomicBool::new(false));
        let fragile = Arc::clone(&breaks);
        let address = through(&one, move |stream| {
            let fragile = Arc::clone(&fragile);
            Reads(stream, move |inner: &mut TcpStream, cx: &mut Context<'_>, buf: &mut [u8]| {
                assert!(!fragile.swap(false, Ordering::SeqCst), "breaks on purpose");
                Pin::new(inner).poll_read(cx, buf)
            })
        });
        acquaint(&one, &other, Mode::Durable, address.await).await;
        let (alice, _inbox, _bob, channel) = open(&one, &other).await;
        breaks.store(true, Ordering::SeqCst);
        assert_eq!(&*alice.request(channel, "again", LONG).await.unwrap().payload, b"again");
        assert!(!breaks.load(Ordering::SeqCst) && other.net_stats().dialed > 1);
        soon(other.shutdown()).await;
        soon(one.shutdown()).await;
        assert_eq!((one.net_stats().connections, other.net_stats().connections), (0, 0));
    });
}

/// Counts what happens in a row, until other tasks of the executor have had their turn.
#[derive(Default)]
struct Row {
    now: Arc<AtomicU32>,
    longest: Arc<AtomicU32>,
}

impl Row {
    fn count(&self) {
        let row = self.now.fetch_add(1, Ordering::SeqCst);
        self.longest.fetch_max(row, Ordering::SeqCst);
        if row == 0 {
            let now = Arc::clone(&self.now);
            smol::spawn(async move { now.store(0, Ordering::SeqCst) }).detach();
        }
    }
}

/// Reads that may follow each other before others have had a turn. There is some play in it, for there may be many others.
const IN_A_ROW: u32 = 2_000;

#[test]
fn a_stream_that_always_has_something_lets_others_have_their_turn() {
    smol::block_on(async {
        let (one, other) = (runtime().await, runtime().await);
        let longest = Arc::<AtomicU32>::default();
        let seen = Arc::clone(&longest);
        let address = through(&one, move |stream| {
            let row = Row { longest: Arc::clone(&seen), ..Row::default() };
            let buffered = BufReader::with_capacity(1 << 20, stream);
            // One byte at a time of much.
            Reads(buffered, move |inner: &mut BufReader<TcpStream>, cx: &mut Context<'_>, buf: &mut [u8]| {
                std::task::ready!(Pin::new(&mut *inner).poll_fill_buf(cx))?;
                row.count();
                Pin::new(inner).poll_read(cx, &mut buf[..1])
            })
        });
        acquaint(&one, &other, Mode::Volatile, address.await).await;
        let (alice, _inbox, _bob, channel) = open(&one, &other).await;
        let answer = alice.request(channel, vec![7; 200_000].as_slice(), LONG).await.unwrap();
        assert_eq!(answer.payload.len(), 200_000);
        let longest = longest.load(Ordering::SeqCst);
        assert!((1..IN_A_ROW).contains(&longest), "{longest} reads in a row");
    });
}

#[test]
fn a_stream_that_never_ends_lets_others_have_their_turn_while_it_is_closed() {
    smol::block_on(async {
        let (one, other) = (runtime().await, runtime().await);
        let (dials, longest) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let (dialed, seen) = (Arc::clone(&dials), Arc::clone(&longest));
        let address = Address::with(move || {
            dialed.fetch_add(1, Ordering::SeqCst);
            let row = Row { longest: Arc::clone(&seen), ..Row::default() };
            let endless = Reads(smol::io::sink(), move |_: &mut _, _: &mut Context<'_>, buf: &mut [u8]| {
                row.count();
                // Should nobody stop it, this test would never end.
                let len = if row.longest.load(Ordering::SeqCst) < 10 * IN_A_ROW { buf.len() } else { 0 };
                buf.fill(0);
                Poll::Ready(Ok(len))
            });
            std::future::ready(Ok(endless))
        });
        acquaint(&one, &other, Mode::Volatile, address).await;
        soon(async {
            while dials.load(Ordering::SeqCst) < 2 {
                smol::Timer::after(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        soon(other.shutdown()).await;
        let longest = longest.load(Ordering::SeqCst);
        assert!((1..IN_A_ROW).contains(&longest), "{longest} reads in a row");
    });
}
