//! Where the two servers live, and how they are started and ended.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mfp_tokio::Identity;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::config;

/// One of the servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A temporary folder with the configurations and fresh keys of both.
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Result<Self> {
        let place = Self { folder: tempfile::Builder::new().prefix("mfp-demo-").tempdir()? };
        let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [a, b] = [listeners[0].local_addr()?, listeners[1].local_addr()?];
        drop(listeners);
        for side in [Side::A, Side::B] {
            fs::create_dir(place.dir(side))?;
            config::keygen(&place.dir(side).join("identity.key"))?;
            config::keygen(&place.dir(side).join("master.key"))?;
        }
        for (side, listen, address) in [(Side::A, a, b), (Side::B, b, a)] {
            let peer = place.identity(side.other())?;
            let (agent, channels) = match side {
                Side::A => ("alice", "channels: [{agent: alice, peer: b, to: bob}]\n"),
                Side::B => ("bob", ""),
            };
            let text = format!(
                "runtime: {{deployment: demo, instance: {}, identity_key_file: identity.key}}\n\
                 storage: {{path: mfp.db, master_key_file: master.key}}\n\
                 transport: {{listen: [\"{listen}\"]}}\n\
                 agents: [{{name: {agent}, type: external}}]\n\
                 {channels}\
                 federation:\n  peers:\n    - {{name: {}, public_key: {}, runtime_id: {}, address: \"{address}\", accept: all}}\n",
                side.name(),
                side.other().name(),
                hex::encode(peer.public().as_bytes()),
                peer.id(),
            );
            fs::write(place.dir(side).join("mfp.yaml"), text)?;
        }
        Ok(place)
    }

    fn dir(&self, side: Side) -> PathBuf {
        self.folder.path().join(side.name())
    }

    fn identity(&self, side: Side) -> Result<Identity> {
        let text = fs::read_to_string(self.dir(side).join("identity.key"))?;
        let mut secret = [0; 32];
        hex::decode_to_slice(text.trim(), &mut secret)?;
        Ok(Identity::new(secret, "demo", side.name())?)
    }

    pub(super) fn socket(&self, side: Side) -> PathBuf {
        self.dir(side).join("mfp.sock")
    }

    pub(super) fn start(&self, side: Side) -> Result<Running> {
        let log = File::options().create(true).append(true).open(self.dir(side).join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["run", "--config"]).arg(self.dir(side).join("mfp.yaml"));
        // What is set for another server is not for these.
        command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Running { child })
    }

    /// What both have logged last.
    pub(super) fn logs(&self) -> String {
        let tail = |side: Side| {
            let text = fs::read_to_string(self.dir(side).join("log")).unwrap_or_default();
            let last: Vec<_> = text.lines().rev().take(10).collect();
            let lines: Vec<_> = last.into_iter().rev().map(|line| format!("  {line}")).collect();
            format!("server {}:\n{}", side.name(), lines.join("\n"))
        };
        format!("{}\n{}", tail(Side::A), tail(Side::B))
    }
}

/// A server that runs.
pub(super) struct Running {
    child: Child,
}

impl Running {
    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits.
    pub(super) fn stop(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process has an id")?;
        kill_process(pid, Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "a server ended with {status}");
                return Ok(());
            }
            sleep(Duration::from_millis(10));
        }
        self.kill()?;
        anyhow::bail!("a server did not end when it was told to")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.kill();
        }
    }
}
