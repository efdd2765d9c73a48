//! A program's process: how it is started, and how it and all of its group are ended.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lines::{Line, Lines};
use crate::agents::protocol::LINE;
use crate::agents::{isolate, text};
use crate::config::Subprocess;

/// What a program's environment has of the server's.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// The most bytes of a line of its standard error that are logged.
const ERROR_LINE: usize = 4_096;

/// How a program is started, each time.
#[derive(Debug)]
pub(super) struct Launch {
    program: OsString,
    arguments: Vec<OsString>,
    config: Subprocess,
    isolation: Option<isolate::Isolation>,
}

impl Launch {
    /// Finds out whether the program can be started as configured.
    pub(super) async fn new(config: &Subprocess) -> Result<Self> {
        let (program, arguments) = config.command.split_first().context("no command")?;
        ensure!(config.directory.is_dir(), "{} is not a directory", config.directory.display());
        let isolation = if config.isolate { Some(isolate::Isolation::new(config).await?) } else { None };
        let (program, arguments) = match &isolation {
            Some(isolation) => isolation.command(&config.command)?,
            None => (program.into(), arguments.iter().map(Into::into).collect()),
        };
        Ok(Self { program, arguments, config: config.clone(), isolation })
    }

    /// Starts it, in a group of its own.
    pub(super) fn start(&self, name: &str) -> Result<Started> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.config.directory).env_clear();
        command.envs(INHERITED.into_iter().filter_map(|key| Some((key, std::env::var_os(key)?))));
        if let Some(isolation) = &self.isolation {
            command.env("TMPDIR", isolation.temporary());
        }
        command.envs(&self.config.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.process_group(0).kill_on_drop(true).spawn().context("the program could not be started")?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Process { child, group, errors: None };
        let (stdin, stdout) = (stdin.context("no stdin")?, stdout.context("no stdout")?);
        process.errors = stderr.map(|stderr| tokio::spawn(log_errors(name.to_owned(), Lines::new(stderr, ERROR_LINE))));
        Ok((process, Writer::new(stdin, self.config.timeout), Lines::new(stdout, LINE)))
    }
}

/// A running program. Dropping it kills its group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    errors: Option<JoinHandle<()>>,
}

/// A program's ends of the conversation, besides the process.
pub(super) type Started = (Process, Writer, Lines<ChildStdout>);

impl Process {
    /// Waits for its end. Dropping the future loses nothing.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends a signal to all of its group.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error says that nobody is left.
            let _ = killpg(group, signal);
        }
    }

    /// Ends what is left of it: its group, its zombie, and the reading of its errors.
    pub(super) async fn end(mut self) {
        self.signal(Signal::SIGKILL);
        // The kernel kills at once, and a process that cannot die is reaped by tokio when it does.
        let _ = timeout(Duration::from_secs(2), self.child.wait()).await;
        // From here on the number may belong to others.
        self.group = None;
        if let Some(mut errors) = self.errors.take()
            && timeout(Duration::from_millis(200), &mut errors).await.is_err()
        {
            errors.abort();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(errors) = self.errors.take() {
            errors.abort();
        }
    }
}

/// Writes lines to a program that may not read them.
#[derive(Debug)]
pub(super) struct Writer {
    /// Dropped: standard input is closed once what is queued has been written.
    pub(super) lines: Option<mpsc::Sender<Vec<u8>>>,
    /// Ends when the program takes no more.
    pub(super) task: JoinHandle<()>,
}

/// Lines that may wait for a program to read them.
const QUEUE: usize = 16;

impl Writer {
    fn new(mut stdin: ChildStdin, stuck: Duration) -> Self {
        let (lines, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
        let task = tokio::spawn(async move {
            while let Some(line) = queue.recv().await {
                match timeout(stuck, stdin.write_all(&line)).await {
                    Ok(Ok(())) => {}
                    // It has closed its standard input, or does not read.
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        });
        Self { lines: Some(lines), task }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Logs a program's standard error, line by line.
async fn log_errors(agent: String, mut lines: Lines<tokio::process::ChildStderr>) {
    while let Ok(Some(line)) = lines.next().await {
        match line {
            Line::Text(line) => tracing::info!(target: "mfp::agent", agent, "{}", text::escaped(&line)),
            Line::TooLong => tracing::info!(target: "mfp::agent", agent, "a line that is too long"),
        }
    }
}
