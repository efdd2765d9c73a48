//! A connection to the control socket for tasks, which must not block.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::codec::{Framed, LinesCodec};

use crate::control::{Answer, ClientError, LONGEST_ANSWER, Request};

/// Between two attempts to reach a server.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// A connection. Whoever gives up waiting for an answer drops it, since that answer would be taken for the next one's.
#[derive(Debug)]
pub(super) struct Link {
    lines: Framed<UnixStream, LinesCodec>,
}

fn broken(why: impl Into<anyhow::Error>) -> ClientError {
    ClientError::Broken(why.into().to_string())
}

impl Link {
    /// Connects. Somebody may be starting the server again, so that it is tried until `deadline`, and at least once.
    pub(super) async fn connect(socket: &Path, deadline: Instant) -> Result<Self, ClientError> {
        loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => {
                    return Ok(Self { lines: Framed::new(stream, LinesCodec::new_with_max_length(LONGEST_ANSWER)) });
                }
                Err(error) if Instant::now() + PAUSE >= deadline => {
                    let error = io::Error::new(error.kind(), format!("{}: {error}", socket.display()));
                    return Err(ClientError::Absent(error));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Asks, and waits for the answer; `None` if there is none by then. After that, and after an error that is no refusal,
    /// this connection is of no more use.
    pub(super) async fn ask(&mut self, request: &Request, deadline: Instant) -> Result<Option<Value>, ClientError> {
        let line = serde_json::to_string(request).map_err(broken)?;
        let answer = async {
            self.lines.send(line).await.map_err(broken)?;
            self.lines.next().await.ok_or_else(|| ClientError::Broken("it was closed".to_owned()))?.map_err(broken)
        };
        let Ok(line) = timeout_at(deadline, answer).await else { return Ok(None) };
        match serde_json::from_str(&line?).map_err(broken)? {
            Answer::Ok(value) => Ok(Some(value)),
            Answer::Error(fault) => Err(ClientError::Refused(fault)),
        }
    }
}
