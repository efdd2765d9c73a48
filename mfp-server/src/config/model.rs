//! What a configuration says, once all of it has been checked: the rest of the program knows no YAML.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::mfp_proto::frame::Depth;
use mfp_tokio::mfp_proto::id::AgentName;
use mfp_tokio::{Identity, NetLimits, PeerConfig, StoreOptions};
use tracing::Level;

/// A configuration that can be run.
pub(crate) struct Config {
    /// The file that it was read from.
    pub(crate) file: PathBuf,
    /// The name of the deployment, which is a part of the identity.
    pub(crate) deployment: String,
    /// The name of this runtime in the deployment, which is another.
    pub(crate) instance: String,
    /// Who this runtime is.
    pub(crate) identity: Identity,
    /// Limits and policies of the core. Its `delivery.agent_timeout` is above every timeout of an agent.
    pub(crate) core: mfp_tokio::Config,
    /// Where messages are kept; `None`: in memory alone, which the file has to say.
    pub(crate) store: Option<StoreOptions>,
    /// Addresses, host and port, where peers may connect.
    pub(crate) listen: Vec<String>,
    /// Bounds on connections that others make.
    pub(crate) net: NetLimits,
    /// Agents, under names that are used once.
    pub(crate) agents: Vec<Agent>,
    /// Channels that are there after the start. Their agents and peers are configured.
    pub(crate) channels: Vec<Channel>,
    /// Peers, under names that are used once.
    pub(crate) peers: Vec<Peer>,
    pub(crate) log: Log,
    /// The Unix socket for `mfp`'s commands.
    pub(crate) control: PathBuf,
    /// Where health and metrics are served, if they are.
    pub(crate) http: Option<SocketAddr>,
    /// The audit log, if one is kept.
    pub(crate) audit: Option<Audit>,
    /// Where spans of messages go, if any are made.
    pub(crate) trace: Option<Trace>,
}

/// An agent and what handles its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) name: AgentName,
    pub(crate) backend: Backend,
}

/// What handles the messages of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// A program that speaks JSON lines.
    Subprocess(Subprocess),
    /// An HTTP endpoint.
    Webhook(Webhook),
    /// A chat endpoint in the manner of `OpenAI`.
    Llm(Llm),
    /// Each message becomes a line of the log.
    Log,
    /// Each message is its own answer.
    Echo,
    /// Messages wait until somebody takes them through the control socket.
    External,
}

/// A program in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subprocess {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Its working directory.
    pub(crate) directory: PathBuf,
    /// What its environment has besides `PATH`, `HOME`, `LANG` and `TZ`.
    pub(crate) environment: BTreeMap<String, String>,
    /// How long it may take for a message.
    pub(crate) timeout: Duration,
    /// Messages that it is given before it has finished the first.
    pub(crate) concurrency: usize,
    /// Without network, and without sight of keys, store and control socket.
    pub(crate) isolate: bool,
    /// Files and directories that an isolated process does not see.
    pub(crate) hide: Vec<PathBuf>,
}

/// An HTTP endpoint to which messages are posted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// The key of the signature.
    pub(crate) secret: Secret,
    /// How long an attempt may take.
    pub(crate) timeout: Duration,
    /// Attempts for a message before it has failed.
    pub(crate) attempts: u32,
    pub(crate) concurrency: usize,
}

/// A chat endpoint.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Llm {
    /// As in `https://api.openai.com/v1`.
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) api_key: Option<String>,
    /// The system prompt.
    pub(crate) system: Option<String>,
    /// Turns of a channel's conversation that are kept, a question and its answer each.
    pub(crate) turns: usize,
    /// Conversations that are kept; the one that was not used for longest goes.
    pub(crate) conversations: usize,
    /// The most tokens of an answer.
    pub(crate) max_tokens: Option<u32>,
    /// Thousandths, so that it can be compared.
    pub(crate) temperature_millis: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) concurrency: usize,
}

/// A channel of an agent of this runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) agent: AgentName,
    pub(crate) to: To,
    pub(crate) depth: Option<Depth>,
    /// Whether lengths are hidden, for a channel to a peer.
    pub(crate) padding: bool,
}

/// The other end of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// An agent of this runtime.
    Own(AgentName),
    /// An agent of a peer, by the peer's name here. This runtime asks for the channel.
    Peer(String, AgentName),
}

/// A peer under its name here.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) config: PeerConfig,
    /// Where it is connected to; `None`: it connects to us.
    pub(crate) address: Option<String>,
}

/// Where the audit log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) path: PathBuf,
    /// None: the file grows for ever.
    pub(crate) rotation: Option<Rotation>,
}

/// When a file is full, and how many of those are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes of a file.
    pub(crate) max_size: u64,
    /// Files that are full. The oldest of more is removed.
    pub(crate) keep: usize,
}

/// A collector of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Where it takes spans.
    pub(crate) url: String,
    /// The share of traces that begin here and are kept, in thousandths.
    pub(crate) sample_millis: u32,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) format: Format,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl fmt::Debug for Llm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llm").field("base_url", &self.base_url).field("model", &self.model).finish_non_exhaustive()
    }
}
