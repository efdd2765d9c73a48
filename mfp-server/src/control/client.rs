//! The commands' end of the control socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::protocol::{Answer, Fault, LONGEST_ANSWER, Request};

/// A connection to a server that runs.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// No server is there.
    Absent(io::Error),
    /// It has gone, or says what cannot be understood.
    Broken(String),
    /// It has said no.
    Refused(Fault),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(error) => write!(f, "no server is there: {error}"),
            Self::Broken(why) => write!(f, "the connection to the server broke: {why}"),
            Self::Refused(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ClientError {}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(socket).map_err(|error| {
            ClientError::Absent(io::Error::new(error.kind(), format!("{}: {error}", socket.display())))
        })?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        let mut line = serde_json::to_vec(request).map_err(|error| ClientError::Broken(error.to_string()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(|error| ClientError::Broken(error.to_string()))?;
        self.next()
    }

    /// The next line of an answer that has several.
    pub(crate) fn next(&mut self) -> Result<Value, ClientError> {
        let mut line = Vec::new();
        let most = u64::try_from(LONGEST_ANSWER).unwrap_or(u64::MAX);
        let read = (&mut self.stream).take(most).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Err(ClientError::Broken("it was closed".into())),
            Ok(_) => {}
            Err(error) => return Err(ClientError::Broken(error.to_string())),
        }
        match serde_json::from_slice(&line) {
            Ok(Answer::Ok(value)) => Ok(value),
            Ok(Answer::Error(fault)) => Err(ClientError::Refused(fault)),
            Err(error) => Err(ClientError::Broken(error.to_string())),
        }
    }
}
