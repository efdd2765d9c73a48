//! Streams that always have something to read, and are none of tokio's own, which end a task's turn by themselves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mfp_tokio::mfp_proto::handshake::Source;
use mfp_tokio::{Address, Mode, Origin};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{sleep, timeout};

use super::net::{LONG, acquaint, open};
use super::support::{on_both, runtime};

/// Counts what happens in a row, until other tasks have had their turn.
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
            tokio::spawn(async move { now.store(0, Ordering::SeqCst) });
        }
    }
}

/// Reads that may follow each other before others have had a turn.
const IN_A_ROW: u32 = 2_000;

/// With several threads the one that would have its turn may be kept waiting by the operating system, for as long as that
/// likes.
fn assert_turns(longest: u32) {
    let alone = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
    assert!(longest > 0 && (longest < IN_A_ROW || !alone), "{longest} reads in a row");
}

/// One byte at a time of much, or without end if there is no stream.
struct Greedy(Option<BufStream<DuplexStream>>, Row);

impl AsyncRead for Greedy {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self(inner, row) = &mut *self;
        if let Some(inner) = inner {
            let byte = ready!(Pin::new(&mut *inner).poll_fill_buf(cx))?.get(..1).unwrap_or_default();
            buf.put_slice(byte);
            let len = byte.len();
            Pin::new(inner).consume(len);
        } else if row.longest.load(Ordering::SeqCst) < 10 * IN_A_ROW {
            // Should nobody stop it, the test would never end.
            let len = buf.remaining();
            buf.initialize_unfilled().fill(0);
            buf.advance(len);
        }
        row.count();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greedy {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().map_or(Poll::Ready(Ok(buf.len())), |inner| Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |inner| Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |inner| Pin::new(inner).poll_shutdown(cx))
    }
}

#[test]
fn a_stream_that_always_has_something_lets_others_have_their_turn() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let (far, longest) = (one.clone(), Arc::<AtomicU32>::default());
        let seen = Arc::clone(&longest);
        let address = Address::with(move || {
            let (near, pipe) = tokio::io::duplex(1 << 20);
            far.carry(pipe, Origin::Accepted(Source::Named([1; 16])));
            let row = Row { longest: Arc::clone(&seen), ..Row::default() };
            std::future::ready(Ok(Greedy(Some(BufStream::with_capacity(1 << 20, 1 << 10, near)), row)))
        });
        acquaint(&one, &other, Mode::Volatile, address).await;
        let (alice, _inbox, _bob, channel) = open(&one, &other).await;
        let answer = alice.request(channel, vec![7; 200_000].as_slice(), LONG).await.unwrap();
        assert_eq!(answer.payload.len(), 200_000);
        assert_turns(longest.load(Ordering::SeqCst));
    });
}

#[test]
fn a_stream_that_never_ends_lets_others_have_their_turn_while_it_is_closed() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let (dials, longest) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let (dialed, seen) = (Arc::clone(&dials), Arc::clone(&longest));
        let address = Address::with(move || {
            dialed.fetch_add(1, Ordering::SeqCst);
            let row = Row { longest: Arc::clone(&seen), ..Row::default() };
            std::future::ready(Ok(Greedy(None, row)))
        });
        acquaint(&one, &other, Mode::Volatile, address).await;
        let again = async {
            while dials.load(Ordering::SeqCst) < 2 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, again).await.unwrap();
        timeout(LONG, other.shutdown()).await.unwrap();
        assert_turns(longest.load(Ordering::SeqCst));
    });
}
