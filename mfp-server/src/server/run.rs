use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mfp_tokio::{Address, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::{Server, channels, notify};
use crate::agents::Running;
use crate::config::{Config, Format, Log, Peer};
use crate::control::Control;
use crate::ops::{self, Audit, Ops};
use crate::trace::Exporting;

/// How long what serves agents may take to end, once the runtime has stopped.
const AGENTS_END: Duration = Duration::from_secs(5);

/// Logs to standard error, as the configuration says.
pub(crate) fn log_to_stderr(log: Log) {
    let level = LevelFilter::from_level(log.level);
    // The libraries below tell of what goes wrong, and of nothing else.
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("mfp", level);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        Format::Text => lines.with_ansi(false).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // It fails only if it was done before.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// Runs a configuration until it is told to stop: SIGTERM and SIGINT drain, a second one ends it at once; SIGHUP reads the
/// configuration again.
pub(crate) async fn run(config: Config) -> Result<()> {
    let started = Instant::now();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let ops = Arc::new(Ops::new(started));
    // Before all else, so that whoever asks is told that it starts.
    let http = match config.http {
        Some(address) => Some(ops::serve(address, Arc::clone(&ops)).await?),
        None => None,
    };
    let exporting = config.trace.as_ref().map(|trace| Exporting::start(trace, &config, &ops.spans)).transpose()?;
    let (audit, writer) = config.audit.as_ref().map(Audit::open).transpose()?.unzip();
    let (server, running, following) = start(config, started, &ops, audit).await?;
    let socket = server.look(|config| config.control.clone());
    let control = Control::listen(&socket, Arc::clone(&server)).await?;
    channels::keep(&server);
    ops.runs(&server);
    tracing::info!(
        runtime = %server.runtime.id(),
        control = %socket.display(),
        agents = server.agents.len(),
        ready_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "running"
    );
    notify::ready();
    let watchdog = notify::Watchdog::start(&server);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => match server.reload().await {
                Ok(changes) => {
                    tracing::info!(?changes, "the configuration was read again");
                    if let Some(audit) = &server.audit {
                        audit.say("Reloaded", None, serde_json::json!({ "changes": changes }));
                    }
                }
                Err(fault) => tracing::error!(%fault, "the configuration is as before"),
            },
        }
    }
    drop(control);
    ops.stops();
    notify::stopping();
    tracing::info!("stopping");
    let drained = tokio::select! {
        remaining = stop(&server, running) => {
            tracing::info!(remaining, "stopped");
            true
        }
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    drop((http, watchdog));
    match exporting {
        Some(exporting) if drained => exporting.end().await,
        _ => {}
    }
    if !drained {
        tracing::warn!("stopped at once");
    }
    if let Some(following) = following {
        // Its last events are on their way, unless it was stopped at once.
        let _ = tokio::time::timeout(Duration::from_secs(1), following).await;
    }
    if let Some((audit, writer)) = server.audit.as_ref().zip(writer) {
        audit.say("Stopped", None, serde_json::Value::Null);
        writer.end(audit, AGENTS_END);
    }
    Ok(())
}

/// Drains the runtime and ends what serves agents. Returns how many messages are left for the next start.
async fn stop(server: &Server, running: Vec<Running>) -> u32 {
    let remaining = server.runtime.shutdown().await;
    let mut ending = tokio::task::JoinSet::new();
    for agent in running {
        ending.spawn(agent.stop(AGENTS_END));
    }
    while ending.join_next().await.is_some() {}
    remaining
}

async fn start(
    config: Config,
    started: Instant,
    ops: &Arc<Ops>,
    audit: Option<Audit>,
) -> Result<(Arc<Server>, Vec<Running>, Option<JoinHandle<()>>)> {
    let builder = Runtime::builder().identity(config.identity.clone()).config(config.core.clone());
    let mut builder = builder.net_limits(config.net);
    if let Some(store) = &config.store {
        folder_of(&store.path)?;
        builder = builder.sqlite(store.clone());
    }
    let runtime = builder.build().await.context("the runtime could not start")?;
    ops.follow(&runtime);
    let following = audit.as_ref().map(|audit| {
        let version = env!("CARGO_PKG_VERSION");
        audit.say("Started", None, serde_json::json!({ "runtime": runtime.id().to_string(), "version": version }));
        audit.follow(&runtime)
    });
    for peer in &config.peers {
        add(&runtime, peer).await?;
    }
    let (mut running, mut agents, mut inboxes) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for agent in &config.agents {
        let mut started = Running::start(&runtime, agent)
            .await
            .with_context(|| format!("agent `{}` could not start", agent.name.as_str()))?;
        let name = agent.name.as_str().to_owned();
        agents.insert(name.clone(), started.handle.clone());
        if let Some(inbox) = started.inbox.take() {
            inboxes.insert(name, Arc::new(tokio::sync::Mutex::new(inbox)));
        }
        running.push(started);
    }
    for address in &config.listen {
        let local = runtime.listen(address).await.with_context(|| format!("cannot listen at {address}"))?;
        tracing::info!(address = %local, "listening for peers");
    }
    folder_of(&config.control)?;
    let server = Server {
        runtime,
        started,
        ops: Arc::clone(ops),
        audit,
        agents,
        inboxes,
        config: Mutex::new(config),
        reloading: tokio::sync::Mutex::default(),
        opening: tokio::sync::Mutex::default(),
    };
    Ok((Arc::new(server), running, following))
}

/// Makes the folder of a file, for this user alone, if it is not there.
fn folder_of(file: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).with_context(|| folder.display().to_string())
}

pub(super) async fn add(runtime: &Runtime, peer: &Peer) -> Result<()> {
    let address = address(peer);
    runtime.add_peer(peer.config.clone(), address).await.with_context(|| format!("peer `{}`", peer.name))
}

pub(super) fn address(peer: &Peer) -> Address {
    peer.address.as_ref().map_or(Address::None, Address::tcp)
}
