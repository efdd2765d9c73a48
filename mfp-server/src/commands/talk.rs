//! Commands to a server that runs.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::{Failure, load, print, show};
use crate::cli::{self, Cli, Command, DeadLetters};
use crate::control::{Body, Client, Request, Subject, Target};

pub(super) fn run(cli: &Cli) -> Result<(), Failure> {
    let mut client = Client::connect(&socket(cli)?)?;
    let request = match &cli.command {
        Command::Status => Request::Status {},
        Command::Peers => Request::Peers {},
        Command::Channels { agent } => Request::Channels { agent: agent.clone() },
        Command::Agents => Request::Agents {},
        Command::Send(send) => Request::Send {
            from: send.address.from.clone(),
            to: Target::parse(&send.address.to),
            body: body(&send.address)?,
            acked: send.acked,
            ttl_ms: send.ttl.map(millis),
            reply_to: None,
            traceparent: send.address.traceparent.clone(),
        },
        Command::Request { send, timeout } => Request::Ask {
            from: send.from.clone(),
            to: Target::parse(&send.to),
            body: body(send)?,
            timeout_ms: millis(*timeout),
            traceparent: send.traceparent.clone(),
        },
        Command::Tail => return tail(cli, &mut client),
        Command::Receive { agent, reply, timeout } => {
            return receive(cli, &mut client, agent, reply.as_deref(), *timeout);
        }
        Command::Quarantine(of) => Request::Quarantine(subject(of)),
        Command::Restore(of) => Request::Restore(subject(of)),
        Command::Open { agent, peer, to } => Request::Open { agent: agent.clone(), peer: peer.clone(), to: to.clone() },
        Command::Close { channel } => Request::Close { channel: channel.clone() },
        Command::Rotate { peer } => Request::Rotate { peer: peer.clone() },
        Command::Redial { peer } => Request::Redial { peer: peer.clone() },
        Command::Recover { word, peer } => Request::Recover { peer: peer.clone(), word: *word },
        Command::DeadLetters(DeadLetters::List) => Request::DeadLetters {},
        Command::DeadLetters(DeadLetters::Retry { message }) => Request::Retry { message: message.clone() },
        Command::DeadLetters(DeadLetters::Purge { message }) => Request::Purge { message: message.clone() },
        Command::Backup { file } => Request::Backup { path: absolute(file)? },
        Command::Reload => Request::Reload {},
        other => return Err(anyhow::anyhow!("{other:?} needs no server").into()),
    };
    let answer = client.ask(&request)?;
    show::answer(cli, &answer);
    Ok(())
}

/// Where the server listens to commands.
pub(super) fn socket(cli: &Cli) -> Result<PathBuf, Failure> {
    match &cli.control {
        Some(socket) => Ok(socket.clone()),
        None => Ok(load(cli)?.control),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn body(address: &cli::Address) -> Result<Body, Failure> {
    let content_type = address.content_type.as_deref();
    if address.message != "-" {
        return Ok(Body::new(address.message.as_bytes(), content_type));
    }
    let mut payload = Vec::new();
    std::io::stdin().lock().read_to_end(&mut payload).context("standard input could not be read")?;
    Ok(Body::new(&payload, content_type))
}

fn subject(of: &cli::Subject) -> Subject {
    match (&of.agent, &of.channel) {
        (Some(agent), _) => Subject::Agent(agent.clone()),
        (None, channel) => Subject::Channel(channel.clone().unwrap_or_default()),
    }
}

fn absolute(file: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(file).context("the path of the backup")?;
    Ok(path.to_str().context("the path of the backup is not UTF-8")?.to_owned())
}

fn tail(cli: &Cli, client: &mut Client) -> Result<(), Failure> {
    let mut event = client.ask(&Request::Tail {})?;
    loop {
        show::event(cli, &event);
        event = client.next()?;
    }
}

fn receive(cli: &Cli, client: &mut Client, agent: &str, reply: Option<&str>, timeout: Duration) -> Result<(), Failure> {
    let taken = client.ask(&Request::Receive { agent: agent.to_owned(), timeout_ms: millis(timeout) })?;
    let Some(message) = taken.get("message").and_then(Value::as_str) else {
        print("no message has come");
        return Err(Failure::Check);
    };
    show::answer(cli, &taken);
    let reply = reply.map(|text| Body::new(text.as_bytes(), None));
    let (agent, message) = (agent.to_owned(), message.to_owned());
    let finish = Request::Finish { agent, message, failed: false, reply, traceparent: None };
    client.ask(&finish)?;
    Ok(())
}
