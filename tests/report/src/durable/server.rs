//! Servers of others, each a process that ends with its value.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts it, and waits until it takes connections.
    fn start(command: &mut Command, port: u16) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let mut server = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(server.child.try_wait()?.is_none(), "{} has ended", command.get_program().display());
            ensure!(start.elapsed() < Duration::from_secs(20), "{} does not listen", command.get_program().display());
            sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server with JetStream. `None` if it is to sync always and does not know how.
pub(super) fn nats(program: &Path, folder: &Path, always: bool) -> Result<Option<Server>> {
    let (store, config) = (folder.join(format!("nats-{always}")), folder.join(format!("nats-{always}.conf")));
    let (port, sync) = (free_port()?, if always { "sync_interval: always" } else { "" });
    let text = format!("listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\"\n{sync} }}\n", store.display());
    fs::write(&config, text)?;
    let knows = Command::new(program).arg("-t").arg("-c").arg(&config).output().context("asking nats-server")?;
    if !knows.status.success() {
        ensure!(always, "nats-server refuses its configuration: {}", String::from_utf8_lossy(&knows.stderr));
        return Ok(None);
    }
    Server::start(Command::new(program).arg("-c").arg(&config), port).map(Some)
}

/// A server that writes each change to its log, and syncs that before it answers.
pub(super) fn redis(program: &Path, folder: &Path) -> Result<Server> {
    let (store, port) = (folder.join("redis"), free_port()?);
    fs::create_dir(&store)?;
    let mut command = Command::new(program);
    command.arg("--port").arg(port.to_string()).args(["--bind", "127.0.0.1"]).arg("--dir").arg(&store);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
    Server::start(&mut command, port)
}
