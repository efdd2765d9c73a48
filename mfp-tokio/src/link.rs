//! One connection: a task that moves bytes between it and the core.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mfp_proto::link::ConnId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::bell::Bell;
use crate::buffer::{Input, Output, Pool};
use crate::drive::Shared;

/// How long the other side may take for the last bytes of a connection that the core has closed.
const LINGER: Duration = Duration::from_secs(5);

/// What can carry a link: a TCP connection, a Unix socket, a TLS stream, a pipe in memory.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A connection, until it is over.
pub(crate) struct Link<T> {
    io: T,
    conn: ConnId,
    bell: Arc<Bell>,
    shared: Arc<Shared>,
    input: Input,
    output: Output,
    /// Whether anything was ever written.
    spoke: bool,
}

impl<T: Io> Link<T> {
    pub(crate) fn new(io: T, conn: ConnId, bell: Arc<Bell>, shared: Arc<Shared>) -> Self {
        Self { io, conn, bell, shared, input: Input::new(), output: Output::default(), spoke: false }
    }

    pub(crate) async fn run(mut self) {
        let (mut closed, mut reads) = self.serve();
        while !closed {
            if poll_fn(|cx| self.poll_turn(cx, reads)).await.is_err() {
                let conn = self.conn;
                return self.shared.with(|core, now| core.disconnected(now, conn));
            }
            (closed, reads) = self.serve();
        }
        // An error says that the other side has gone first.
        let _ = timeout(LINGER, self.close()).await;
        let conn = self.conn;
        self.shared.with(|core, _| core.forget_conn(conn));
    }

    /// Tells the core what has come, and takes what it has to send. Whether it has closed the connection, and whether
    /// more is to be read.
    fn serve(&mut self) -> (bool, bool) {
        let Self { shared, conn, input, output, .. } = self;
        shared.with(|core, now| core.serve(now, *conn, input, output, &shared.pool))
    }

    /// Writes and reads what can be written and read now. Ready when that was something for the core, or it has rung.
    fn poll_turn(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<io::Result<()>> {
        let mut happened = self.poll_flush(cx)?.is_ready();
        if reads {
            match self.poll_read(cx, &Arc::clone(&self.shared).pool) {
                Poll::Ready(read) => {
                    read?;
                    happened = true;
                }
                Poll::Pending => self.input.rest(&self.shared.pool),
            }
        }
        happened |= self.bell.poll_rung(cx).is_ready();
        if happened { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Ready when something was written, and nothing is left.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Pending;
        }
        while !self.output.is_empty() {
            let len = ready!(Pin::new(&mut self.io).poll_write(cx, self.output.bytes()))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.spoke = true;
            self.output.written(len, &self.shared.pool);
        }
        // What buffers by itself, as TLS does, is told that nothing follows for now.
        let _ = Pin::new(&mut self.io).poll_flush(cx)?;
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, pool: &Pool) -> Poll<io::Result<()>> {
        let mut room = ReadBuf::new(self.input.room(pool));
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut room))?;
        let len = room.filled().len();
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
        self.io.shutdown().await?;
        let mut rest = [0; 512];
        while self.io.read(&mut rest).await? > 0 {}
        Ok(())
    }
}
