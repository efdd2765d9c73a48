//! The back ends with real processes, real connections and a real runtime.

mod attacks;
mod chat;
mod examples;
mod lines;
mod programs;
mod schema;
mod simple;
mod stub;
mod tls;
mod trace;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfp_tokio::mfp_proto::id::AgentName;
use mfp_tokio::{AgentHandle, ChannelId, Delivery, Inbox, RequestError, Runtime};
use tempfile::TempDir;

use crate::agents::Running;
use crate::config::{self, Backend, Subprocess};

/// Long enough for anything here on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A runtime with one agent of a back end, and somebody who talks to it.
struct World {
    runtime: Runtime,
    running: Running,
    somebody: AgentHandle,
    inbox: Inbox,
    channel: ChannelId,
}

impl World {
    async fn new(backend: Backend) -> Self {
        Self::with(backend, mfp_tokio::default_config()).await
    }

    async fn with(backend: Backend, core: mfp_tokio::Config) -> Self {
        let runtime = Runtime::builder().config(core).build().await.unwrap();
        let running = Running::start(&runtime, &agent(backend)).await.unwrap();
        let (somebody, inbox) = runtime.bind_stream("somebody").await.unwrap();
        let channel = runtime.establish_channel(&somebody.id(), &running.handle.id()).await.unwrap();
        Self { runtime, running, somebody, inbox, channel }
    }

    async fn ask(&self, payload: impl AsRef<[u8]>) -> Result<Delivery, RequestError> {
        self.somebody.request(self.channel, payload.as_ref(), LONG).await
    }

    async fn text(&self, payload: &str) -> String {
        String::from_utf8(self.ask(payload).await.unwrap().payload.to_vec()).unwrap()
    }

    /// The next message that somebody gets, as text.
    async fn next(&mut self) -> String {
        let incoming = tokio::time::timeout(LONG, self.inbox.recv()).await.unwrap().unwrap();
        let text = String::from_utf8(incoming.payload.to_vec()).unwrap();
        incoming.done();
        text
    }
}

fn agent(backend: Backend) -> config::Agent {
    config::Agent { name: AgentName::new("it").unwrap(), backend }
}

/// A program in a directory of its own, which lives as long as the test.
fn program(directory: &TempDir, command: &[&str]) -> Subprocess {
    Subprocess {
        command: command.iter().map(ToString::to_string).collect(),
        directory: directory.path().to_owned(),
        environment: BTreeMap::new(),
        timeout: LONG,
        concurrency: 4,
        isolate: false,
        hide: Vec::new(),
    }
}

/// A script in a directory of its own, run by the system's Python.
fn python(directory: &TempDir, script: &str) -> Subprocess {
    let preamble = "import json, os, sys, time\ndef say(**line): print(json.dumps(line), flush=True)\n";
    let file = directory.path().join("agent.py");
    std::fs::write(&file, format!("{preamble}{script}")).unwrap();
    program(directory, &["/usr/bin/python3", "agent.py"])
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/agents")
}

/// Whether a process is there, and no zombie.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: never");
}
