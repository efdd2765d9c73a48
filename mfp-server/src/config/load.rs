//! Reads a file and checks all of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfp_tokio::mfp_proto::id::AgentName;
use tracing::Level;

use super::agents::Agents;
use super::model::{Channel, Config, Format, Log, To};
use super::peers::{Common, Peers};
use super::problem::{At, Context, Env, Problem};
use super::section::Section;
use super::shape::{AUDIT, CONTROL, HTTP, LIMITS, LOG, QUARANTINE, RECOVERY, ROOT, RUNTIME, STORAGE, TRACE, TRANSPORT};
use super::value::Value;
use super::yaml::{self, Data, Node};
use super::{channels, ops, runtime, storage, transport};

/// The longest file: 8 MiB, room for tens of thousands of agents and peers.
const MAX_LEN: u64 = 8 << 20;
/// The longest path of a Unix socket, on every system.
const MAX_SOCKET: usize = 103;
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];
const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
/// Levels of the Python server.
const OLD_LEVELS: &[(&str, Level)] = &[
    ("CRITICAL", Level::ERROR),
    ("ERROR", Level::ERROR),
    ("WARNING", Level::WARN),
    ("INFO", Level::INFO),
    ("DEBUG", Level::DEBUG),
];

/// Reads a configuration and the key files that it names, and checks all of it.
///
/// # Errors
/// All that is wrong, in the order of the file.
pub(crate) fn load(file: &Path) -> Result<Config, Vec<Problem>> {
    load_with(file, &|name| std::env::var(name).ok())
}

/// The same with another environment.
pub(crate) fn load_with(file: &Path, env: Env<'_>) -> Result<Config, Vec<Problem>> {
    let parent = file.parent().map(Path::to_owned).unwrap_or_default();
    // Processes have working directories of their own, so that relative paths would lead elsewhere there.
    let directory = std::path::absolute(if parent.as_os_str().is_empty() { Path::new(".") } else { &parent });
    let context = Context::new(file, directory.unwrap_or(parent), env);
    let config = match read(file) {
        Ok(text) => root(&context, &text),
        Err((at, message)) => {
            context.report(at, "", message, None);
            None
        }
    };
    match config {
        Some(config) if context.is_clean() => Ok(config),
        _ => Err(context.into_problems()),
    }
}

fn read(file: &Path) -> Result<String, (At, String)> {
    let bytes = read_bytes(file).map_err(|error| (At::default(), format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_LEN {
        return Err((At::default(), format!("is longer than {MAX_LEN} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        (At { line, column: 1 }, "is no UTF-8 text".to_owned())
    })
}

fn read_bytes(file: &Path) -> io::Result<Vec<u8>> {
    // A pipe that nobody writes to would keep whoever opens it waiting.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn root(context: &Context<'_>, text: &str) -> Option<Config> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let node = match yaml::parse(text) {
        Ok(node) => node,
        Err(error) => {
            context.report(error.at, "", error.message, None);
            return None;
        }
    };
    if !matches!(node.data, Data::Map(_)) {
        context.report(
            node.at,
            "",
            "a configuration is a mapping of keys to values",
            Some("`mfp init` writes one".into()),
        );
        return None;
    }
    config(context, &node)
}

fn config(context: &Context<'_>, node: &Node) -> Option<Config> {
    let root = Section::new(&Value { context, path: String::new(), at: node.at, node }, &ROOT);
    let mut core = mfp_tokio::default_config();
    let runtime_section = root.section("runtime", &RUNTIME);
    let limits = runtime_section.section("limits", &LIMITS);
    let transport_section = root.section("transport", &TRANSPORT);
    context.hide(context.file_path());

    let who = runtime::read(&runtime_section, &limits, &mut core);
    runtime::quarantine(&root.section("quarantine", &QUARANTINE), &limits, &mut core);
    let storage = storage::read(&root.section("storage", &STORAGE));
    let control = control(&root.section("control", &CONTROL));
    let (http, audit) = (ops::http(&root.section("http", &HTTP)), ops::audit(&root.section("audit", &AUDIT)));
    let trace = ops::trace(&root.section("trace", &TRACE));
    let link = transport::link(&transport_section, &root.section("recovery", &RECOVERY));
    let mut agents = Agents::read(&root);
    core.delivery.agent_timeout = core.delivery.agent_timeout.max(agents.patience());
    runtime::validate(&limits, &core);
    let identity = who.as_ref().map(|who| &who.identity);
    let common = Common { identity, core: &core, link, agents: &agents, in_memory: storage.in_memory };
    let peers = Peers::read(&root, &common);
    let channels = channels::read(&root, &agents, &peers.names);
    let (listen, net, log) = (transport::listen(&transport_section), transport::net(&transport_section), log(&root));
    held(&root, &core, &agents, &channels);
    // Last, so that keys of peers are among what is hidden.
    agents.hide(&root);

    let who = who?;
    Some(Config {
        file: context.file.to_owned(),
        deployment: who.deployment,
        instance: who.instance,
        identity: who.identity,
        core,
        store: storage.options,
        listen,
        net,
        agents: agents.list,
        channels,
        peers: peers.list,
        log,
        control: control?,
        http,
        audit,
        trace,
    })
}

/// Whether the core has room for all agents and channels of the file.
fn held(root: &Section, core: &mfp_tokio::Config, agents: &Agents, channels: &[Channel]) {
    let limits = core.limits;
    let above = |count: usize, limit: u32| u32::try_from(count).map_or(true, |count| count > limit);
    if above(agents.list.len(), limits.agents) {
        root.report("agents", format!("there are more than {}", limits.agents), Some("raise `runtime.limits.agents`"));
    }
    let mut counts: BTreeMap<&AgentName, usize> = BTreeMap::new();
    for channel in channels {
        *counts.entry(&channel.agent).or_default() += 1;
        if let To::Own(to) = &channel.to {
            *counts.entry(to).or_default() += 1;
        }
    }
    let full = counts.iter().find(|(_, count)| above(**count, limits.channels_per_agent));
    if let Some((name, count)) = full {
        let message = format!("`{name}` has {count}, and an agent may have {}", limits.channels_per_agent);
        root.report("channels", message, Some("raise `runtime.limits.channels_per_agent`"));
    }
}

fn control(section: &Section) -> Option<PathBuf> {
    let socket = section.path("socket")?;
    if socket.as_os_str().len() > MAX_SOCKET {
        let message = format!("the path of a socket has at most {MAX_SOCKET} bytes, and here it has more");
        section.report("socket", message, Some("`socket: /run/mfp/mfp.sock`"));
    }
    section.context.hide(socket.clone());
    Some(socket)
}

fn log(root: &Section) -> Log {
    let section = root.section("log", &LOG);
    let (level, format) = (section.word("level", LEVELS), section.word("format", FORMATS));
    let mut log = Log { level: level.unwrap_or(Level::INFO), format: format.unwrap_or(Format::Text) };
    if let Some(value) = root.old("log_level") {
        if section.has("level") {
            value.advise("is the old spelling of `log.level`, which is there too", "leave it out");
        } else if let Some(level) = value.choice(OLD_LEVELS) {
            log.level = level;
        }
    }
    log
}
