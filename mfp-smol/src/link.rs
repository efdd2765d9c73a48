//! One connection: a task that moves bytes between it and the core.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mfp_proto::link::ConnId;
use smol::Timer;
use smol::future::{or, yield_now};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::bell::Bell;
use crate::buffer::{Input, Output};
use crate::drive::Shared;

/// How long the other side may take for the last bytes of a connection that the core has closed.
const LINGER: Duration = Duration::from_secs(5);

/// Turns of a connection after which others have theirs: the executor does not interrupt one that always has something
/// to do, and has few threads.
const TURNS: u32 = 16;

/// What can carry a link: a TCP connection, a Unix socket, a TLS stream, a pipe in memory.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// What comes of it within that time.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let late = async {
        Timer::after(time).await;
        None
    };
    or(async { Some(work.await) }, late).await
}

/// A connection, until it is over.
pub(crate) struct Link<T> {
    io: T,
    seat: Seat,
    bell: Arc<Bell>,
    input: Input,
    output: Output,
    /// Whether anything was ever written.
    spoke: bool,
    /// What was written may still be in a buffer of the stream's own, as TLS has one.
    unflushed: bool,
}

/// A connection's place at the core, which hears when the connection is gone, whatever ends it: also a stream that panics.
struct Seat {
    shared: Arc<Shared>,
    conn: ConnId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.with(|core, now| core.disconnected(now, self.conn));
    }
}

/// What a connection is to do until the core is asked again.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// Close: the core is done with it.
    pub(crate) closed: bool,
    /// Read: there is room for what comes.
    pub(crate) reads: bool,
    /// Ask again as soon as everything is written: there is more to send.
    pub(crate) more: bool,
}

impl<T: Io> Link<T> {
    pub(crate) fn new(io: T, conn: ConnId, bell: Arc<Bell>, shared: Arc<Shared>) -> Self {
        let seat = Seat { shared, conn };
        Self { io, seat, bell, input: Input::new(), output: Output::default(), spoke: false, unflushed: false }
    }

    pub(crate) async fn run(mut self) {
        let (mut turn, mut turns) = (self.serve(), 0);
        while !turn.closed {
            if poll_fn(|cx| self.poll_turn(cx, turn)).await.is_err() {
                return;
            }
            turn = self.serve();
            turns = (turns + 1) % TURNS;
            if turns == 0 {
                yield_now().await;
            }
        }
        // An error says that the other side has gone first.
        let _ = within(LINGER, self.close()).await;
    }

    /// Tells the core what has come, and takes what it has to send.
    fn serve(&mut self) -> Turn {
        let Self { seat: Seat { shared, conn }, input, output, .. } = self;
        shared.with(|core, now| core.serve(now, *conn, input, output, &shared.pool))
    }

    /// Writes and reads what can be written and read now. Ready when that was something for the core, or it has rung.
    fn poll_turn(&mut self, cx: &mut Context<'_>, turn: Turn) -> Poll<io::Result<()>> {
        let mut happened = self.poll_flush(cx)?.is_ready() && turn.more;
        if turn.reads {
            match self.poll_read(cx) {
                Poll::Ready(read) => {
                    read?;
                    happened = true;
                }
                Poll::Pending => self.input.rest(&self.seat.shared.pool),
            }
        }
        happened |= self.bell.poll_rung(cx).is_ready();
        if happened { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Ready when nothing is left to be written.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let len = ready!(Pin::new(&mut self.io).poll_write(cx, self.output.bytes()))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.spoke, self.unflushed) = (true, true);
            self.output.written(len, &self.seat.shared.pool);
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let len = ready!(Pin::new(&mut self.io).poll_read(cx, self.input.room(&self.seat.shared.pool)))?;
        self.input.filled(len);
        Poll::Ready(if len == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) })
    }

    /// Writes what is left and closes. Waits for the other side to close too: if there is something that nobody has read,
    /// the operating system may drop what was written last.
    async fn close(&mut self) -> io::Result<()> {
        if !self.spoke && self.output.is_empty() {
            return Ok(());
        }
        self.io.write_all(self.output.bytes()).await?;
        self.io.close().await?;
        let mut rest = [0; 512];
        while self.io.read(&mut rest).await? > 0 {
            // Else no time would pass for whoever sends without end.
            yield_now().await;
        }
        Ok(())
    }
}
