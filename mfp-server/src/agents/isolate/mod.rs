//! Programs that see nothing of the server and nothing of the network.
//!
//! A program that is isolated is started by this program itself, in two stages that run before anything else of it. The
//! first leaves the namespaces of users, networks, processes and IPC; the second is the first process of the new ones,
//! and so takes all others with it. It restricts itself, for good, to some files (Landlock) and forbids itself sockets and
//! what widens rights or attack surface (seccomp), and then starts the agent's program, which inherits all of that.
//! What cannot be had in full is an error, and nothing is started.

mod files;
mod filter;
mod stages;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::process::Command;

use crate::config::Subprocess;

pub(crate) use stages::isolated_main;

/// The subcommand under which this program is started for the stages.
const SUBCOMMAND: &str = "isolate-exec";

/// What an isolated program may have, besides what every program needs.
#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    /// Files that it may read and execute.
    read: Vec<PathBuf>,
    /// Directories that are its own.
    write: Vec<PathBuf>,
}

/// How an isolated program is started.
#[derive(Debug)]
pub(super) struct Isolation {
    spec: Spec,
    /// Its own, and removed with it.
    temporary: TempDir,
}

impl Isolation {
    /// Finds out whether all of the isolation is to be had here.
    pub(super) async fn new(config: &Subprocess) -> Result<Self> {
        let temporary = TempDir::with_prefix("mfp-agent-").context("no temporary directory")?;
        let spec = files::spec(config, temporary.path())?;
        let isolation = Self { spec, temporary };
        isolation.check().await.context("it cannot be isolated, and so is not started")?;
        Ok(isolation)
    }

    pub(super) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// The command that starts this one isolated.
    pub(super) fn command(&self, command: &[String]) -> Result<(OsString, Vec<OsString>)> {
        let spec = serde_json::to_string(&self.spec).context("a path is not UTF-8")?;
        let mut arguments: Vec<OsString> = [SUBCOMMAND, "--spec", &spec, "--"].into_iter().map(Into::into).collect();
        arguments.extend(command.iter().map(Into::into));
        Ok((own_program()?.into(), arguments))
    }

    /// Goes through all stages with no program at their end.
    async fn check(&self) -> Result<()> {
        let (program, arguments) = self.command(&[])?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().kill_on_drop(true);
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
        let output =
            tokio::time::timeout(Duration::from_secs(10), output).await.context("the check does not end")??;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(())
    }
}

/// The file of this program.
#[cfg(not(test))]
fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("the program's own file is not known")
}

/// The file of this program, which the program of its tests is not.
#[cfg(test)]
fn own_program() -> Result<PathBuf> {
    let tests = std::env::current_exe()?;
    let program = tests.parent().and_then(Path::parent).context("no target directory")?.join("mfp");
    anyhow::ensure!(program.exists(), "{} has to be built first: cargo build -p mfp-server", program.display());
    Ok(program)
}
