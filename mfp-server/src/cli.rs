//! The command line.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Parser, Subcommand};

use crate::control::Word;

const EXIT_CODES: &str = "Exit codes: 0 success, 1 it was refused or a check has failed, 2 it could not be run as asked, 3 no server is there.";

/// Mirror Frame Protocol: secure messaging between agents, from peer to peer.
#[derive(Debug, Parser)]
#[command(name = "mfp", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// The configuration; relative paths in it start from its folder.
    #[arg(long, global = true, value_name = "FILE", env = "MFP_CONFIG", default_value = "mfp.yaml")]
    pub(crate) config: PathBuf,

    /// The control socket of a running server. [default: as the configuration says]
    #[arg(long, global = true, value_name = "SOCKET", env = "MFP_CONTROL")]
    pub(crate) control: Option<PathBuf>,

    /// Answer in JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a configuration with comments, and fresh keys, into a folder.
    Init(Init),
    /// Make a file with a fresh key, for an identity or a store.
    Keygen {
        /// The file; it must not be there.
        file: PathBuf,
    },
    /// Show what a peer's operator has to put into their configuration: key, id and more.
    Pubkey,
    /// Check the configuration: every mistake, with its line.
    Check,
    /// Print the JSON Schema of a configuration, for editors.
    Schema,
    /// Run the server in the foreground. SIGTERM drains, SIGHUP reads peers and policies again.
    Run,
    /// Show how the server is.
    Status,
    /// List peers and their links.
    Peers,
    /// List channels.
    Channels {
        /// Of this agent alone.
        #[arg(long)]
        agent: Option<String>,
    },
    /// List agents.
    Agents,
    /// Send a message of an agent.
    Send(Send),
    /// Send a message of an agent, wait for the answer and print it.
    Request {
        #[command(flatten)]
        send: Address,
        /// How long to wait, as in `30s` or `5m`.
        #[arg(long, default_value = "2m", value_parser = duration)]
        timeout: Duration,
    },
    /// Print events as they happen, until interrupted.
    Tail,
    /// Take the next message of an external agent and print it.
    Receive {
        /// The agent.
        agent: String,
        /// Answer with this text.
        #[arg(long)]
        reply: Option<String>,
        /// How long to wait.
        #[arg(long, default_value = "2m", value_parser = duration)]
        timeout: Duration,
    },
    /// Serve an external agent's messages to a host of language models: tools of the Model Context Protocol, over stdio.
    Mcp {
        /// The agent.
        #[arg(long)]
        agent: String,
    },
    /// Stop all messages of an agent or a channel, until it is restored.
    Quarantine(Subject),
    /// End a quarantine.
    Restore(Subject),
    /// Ask a peer for a channel.
    Open {
        /// The agent here.
        agent: String,
        /// The peer's name.
        peer: String,
        /// The agent there.
        to: String,
    },
    /// Close a channel.
    Close {
        /// Its id, or how that begins.
        channel: String,
    },
    /// Rotate the keys of the link with a peer.
    Rotate {
        /// The peer's name, or how its id begins.
        peer: String,
    },
    /// Connect to a peer at once.
    Redial {
        /// The peer's name, or how its id begins.
        peer: String,
    },
    /// Say how a suspended link goes on.
    Recover {
        /// The operator's word.
        #[arg(value_enum)]
        word: Word,
        /// The peer's name, or how its id begins.
        peer: String,
    },
    /// Messages that no handler has managed to handle.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Copy the store of the running server into a new file.
    Backup {
        /// The file; it must not be there.
        file: PathBuf,
    },
    /// Give the store of a server that does not run another master key.
    Rekey {
        /// The file with the new key. The configuration has the old one, and is to be changed afterwards.
        new_key_file: PathBuf,
    },
    /// Print the audit log, with or without a running server, and check that nothing in it was changed.
    ExportAudit(ExportAudit),
    /// Have the server read peers and policies again.
    Reload,
    /// Two servers on this machine exchange a text, and one of them is killed half-way.
    Demo(Demo),
    /// Measure the runtime of this machine: agents in one process exchange messages and check the answers.
    Bench(Bench),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// What `mfp init` is told.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder. It is made if it is not there.
    pub(crate) dir: PathBuf,
    /// Who runs this server, as in `example.org`.
    #[arg(long, default_value = "example.org")]
    pub(crate) deployment: String,
    /// Which of their servers it is.
    #[arg(long, default_value = "a")]
    pub(crate) instance: String,
    /// Where peers may connect.
    #[arg(long, default_value = "127.0.0.1:7001")]
    pub(crate) listen: String,
}

/// From whom to whom.
#[derive(Args, Debug)]
pub(crate) struct Address {
    /// The agent that sends.
    #[arg(long)]
    pub(crate) from: String,
    /// The agent that it is for: `name`, or `name@peer`; or a channel's id.
    #[arg(long)]
    pub(crate) to: String,
    /// The message; `-` is standard input.
    pub(crate) message: String,
    /// What it is, as in `application/json`.
    #[arg(long)]
    pub(crate) content_type: Option<String>,
    /// The W3C trace context that it continues, as in the header `traceparent`.
    #[arg(long)]
    pub(crate) traceparent: Option<String>,
}

/// What `mfp send` is told.
#[derive(Args, Debug)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) address: Address,
    /// Return only when the other side has it.
    #[arg(long)]
    pub(crate) acked: bool,
    /// How long it may wait before it is dropped.
    #[arg(long, value_parser = duration)]
    pub(crate) ttl: Option<Duration>,
}

/// What `mfp export-audit` is told.
#[derive(Args, Debug)]
pub(crate) struct ExportAudit {
    /// Check that no line was changed, removed or moved. Standard error tells the verdict and the last hash.
    #[arg(long)]
    pub(crate) verify: bool,
    /// From then on, as in `2026-01-31T12:00:00Z`, or so long ago, as in `24h`.
    #[arg(long, value_name = "TIME", value_parser = crate::commands::since)]
    pub(crate) since: Option<SystemTime>,
    /// A last hash of an earlier check: without its entry, the end was cut off.
    #[arg(long, value_name = "HASH", value_parser = crate::commands::hash)]
    pub(crate) expect_last: Option<[u8; 32]>,
}

/// An agent or a channel.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Subject {
    /// This agent.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// This channel: its id, or how that begins.
    #[arg(long)]
    pub(crate) channel: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them.
    List,
    /// Try one again.
    Retry {
        /// Its message id, or how that begins.
        message: String,
    },
    /// Drop one.
    Purge {
        /// Its message id, or how that begins.
        message: String,
    },
}

/// What `mfp demo` is told.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// The text, sent line by line; `-` is standard input. [default: a text about mirror frames]
    pub(crate) file: Option<PathBuf>,
    /// Messages in all. A text that is shorter starts again. [default: one for each line, and at least 2000]
    #[arg(long, value_name = "COUNT")]
    pub(crate) messages: Option<u64>,
}

/// What `mfp bench` is told.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// A text, sent line by line; `-` is standard input. [default: a text about mirror frames]
    pub(crate) file: Option<PathBuf>,

    /// Pairs of agents.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(crate) agents: u32,

    /// Channels of each pair.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) channels: u32,

    /// Send random bytes, so many in each message, instead of a text.
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) payload: Option<u32>,

    /// Messages in all. A text that is shorter starts again. [default: one for each line; with --payload 10000]
    #[arg(long, value_name = "COUNT")]
    pub(crate) messages: Option<u64>,

    /// Messages of each channel that may wait for their answer at a time.
    #[arg(long, value_name = "W", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) window: u32,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}
