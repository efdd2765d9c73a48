//! The control socket: how `mfp`'s commands talk to a server that runs. A Unix socket for its owner alone, JSON lines.

mod act;
mod client;
mod listen;
mod protocol;
mod view;

pub(crate) use client::{Client, ClientError};
pub(crate) use listen::Control;
pub(crate) use protocol::{Answer, Body, Fault, LONGEST_ANSWER, Request, Subject, Target, Word};
pub(crate) use view::notice;
