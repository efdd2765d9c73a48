//! The server's end of the control socket.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use mfp_tokio::MessageId;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::protocol::{Answer, Fault, LONGEST, Request};
use crate::server::Server;
use crate::trace::Taken;

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// The socket of a server that runs. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    task: AbortHandle,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // If somebody has removed it, all is well.
        let _ = fs::remove_file(&self.path);
    }
}

/// What a connection has taken and not finished. It is taken back when the connection ends.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) messages: HashMap<MessageId, Taken>,
}

impl Control {
    /// Listens at `path`, for processes of this user, and of root.
    pub(crate) async fn listen(path: &Path, server: Arc<Server>) -> Result<Self> {
        clear(path).await?;
        let listener = UnixListener::bind(path).with_context(|| format!("no socket at {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let task = tokio::spawn(accept(listener, server)).abort_handle();
        Ok(Self { path: path.to_owned(), task })
    }
}

/// Removes the socket of a server that has been killed. One that somebody listens at is another server's.
async fn clear(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
        Ok(there) if !there.file_type().is_socket() => bail!("{} is there, and is no socket", path.display()),
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            bail!("a server runs already: it answers at {}", path.display())
        }
        Ok(_) => fs::remove_file(path).with_context(|| path.display().to_string()),
    }
}

async fn accept(listener: UnixListener, server: Arc<Server>) {
    let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no control connection can be accepted at the moment");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let uid = match allowed(&stream) {
            Ok(uid) => uid,
            Err(why) => {
                tracing::warn!(why, "a control connection was refused");
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!("a control connection was refused: there are too many");
            continue;
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            serve(stream, uid, &server).await;
            drop(place);
        });
    }
}

/// Whose the other process is: this user's, or root's.
fn allowed(stream: &UnixStream) -> Result<u32, &'static str> {
    let other = stream.peer_cred().map_err(|_| "it is not known whose it is")?.uid();
    if other == 0 || other == rustix::process::geteuid().as_raw() { Ok(other) } else { Err("it is another user's") }
}

async fn serve(stream: UnixStream, uid: u32, server: &Arc<Server>) {
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LONGEST));
    let mut held = Held::default();
    // What was said while something else was still being done.
    let mut early = None;
    loop {
        let line = match early.take() {
            Some(line) => Some(line),
            None => lines.next().await,
        };
        let Some(line) = line else { return };
        let line = match line {
            Ok(line) => line,
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                tracing::warn!("a control request was refused: it is too long");
                let fault = Fault::new("malformed", format!("a request has at most {LONGEST} bytes"));
                let _ = send(&mut lines, Answer::Error(fault)).await;
                return;
            }
            Err(LinesCodecError::Io(_)) => return,
        };
        let request: Request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "a control request was refused: it is malformed");
                if send(&mut lines, Answer::Error(Fault::new("malformed", error.to_string()))).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let ended = if matches!(request, Request::Tail {}) {
            tail(&mut lines, server).await
        } else {
            let told = server.audit.as_ref().and_then(|audit| Some((audit, request.for_audit()?)));
            let waits = request.waits();
            let act = server.act(request, &mut held);
            tokio::pin!(act);
            let done = if waits {
                tokio::select! {
                    done = &mut act => done,
                    next = lines.next() => match next {
                        // Whoever has asked is gone, and nothing is taken for them.
                        None => return,
                        next => {
                            early = next;
                            act.await
                        }
                    },
                }
            } else {
                act.await
            };
            if let Some((audit, asked)) = told {
                let refused = done.as_ref().err().map(ToString::to_string);
                audit.say("Operator", Some(uid), serde_json::json!({ "asked": asked, "refused": refused }));
            }
            send(&mut lines, done.map_or_else(Answer::Error, Answer::Ok)).await
        };
        if ended.is_err() {
            return;
        }
    }
}

type Lines = Framed<UnixStream, LinesCodec>;

async fn send(lines: &mut Lines, answer: Answer) -> Result<(), LinesCodecError> {
    let line = serde_json::to_string(&answer).map_err(io::Error::other)?;
    lines.send(line).await
}

/// Events, until the other side has gone or the runtime has stopped.
async fn tail(lines: &mut Lines, server: &Server) -> Result<(), LinesCodecError> {
    let mut events = server.runtime.events();
    send(lines, Answer::Ok(serde_json::json!({ "event": "Listening" }))).await?;
    loop {
        tokio::select! {
            notice = events.recv() => match notice {
                Some(notice) => send(lines, Answer::Ok(super::view::notice(&notice))).await?,
                None => return Ok(()),
            },
            // Whoever listens says nothing.
            _ = lines.next() => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}
