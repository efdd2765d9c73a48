//! Nodes as processes: started, told, killed, and compared.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use mfp_tests::memory::resident;
use mfp_tests::node::{Sent, Tally, check, events};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(90);
pub(crate) const AGENTS: u8 = 3;

/// A node: its files, and its process while it runs.
pub(crate) struct Node {
    pub(crate) number: u8,
    pub(crate) listen: SocketAddr,
    pub(crate) dir: PathBuf,
    arguments: Vec<String>,
    /// What the process is started by, such as a command that enters a namespace.
    pub(crate) before: Vec<String>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    words: Receiver<String>,
}

impl Node {
    pub(crate) fn new(dir: &Path, number: u8, [listen, to]: [SocketAddr; 2], more: &[&str]) -> Self {
        let dir = dir.join(format!("node-{number}"));
        std::fs::create_dir_all(&dir).unwrap();
        let peer = 3 - number;
        let mut arguments: Vec<String> = Vec::new();
        for (name, value) in [
            ("--dir", dir.display().to_string()),
            ("--own", number.to_string()),
            ("--peer", peer.to_string()),
            ("--listen", listen.to_string()),
            ("--to", to.to_string()),
            ("--agents", AGENTS.to_string()),
        ] {
            arguments.extend([name.to_owned(), value]);
        }
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        Self { number, listen, dir, arguments, before: Vec::new(), running: None }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none());
        let mut all: Vec<String> = self.before.clone();
        all.push(env!("CARGO_BIN_EXE_node").to_owned());
        all.extend(self.arguments.iter().cloned());
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, words) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        self.running = Some(Running { child, stdin, words });
    }

    /// The next thing it says.
    pub(crate) fn word(&mut self) -> String {
        let Some(running) = &mut self.running else { panic!("node {} does not run", self.number) };
        match running.words.recv_timeout(LONG) {
            Ok(said) => said,
            Err(error) => panic!("node {}: {error}; {:?}", self.number, running.child.try_wait()),
        }
    }

    pub(crate) fn wait_for(&mut self, word: &str) {
        assert_eq!(self.word(), word);
    }

    /// Starts it and waits until it is there.
    pub(crate) fn begin(&mut self) {
        self.start();
        self.wait_for("ready");
    }

    pub(crate) fn tell(&mut self, word: &str) {
        let Some(running) = &mut self.running else { panic!("node {} does not run", self.number) };
        writeln!(running.stdin, "{word}").unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        // One that has ended by itself has failed.
        assert!(running.child.try_wait().unwrap().is_none(), "node {} has ended", self.number);
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().child.id()
    }

    /// SIGSTOP or SIGCONT: it neither reads nor does anything else, until it goes on.
    pub(crate) fn pause(&self, paused: bool) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, if paused { Signal::STOP } else { Signal::CONT }).unwrap();
    }

    /// Bytes of it that are resident.
    pub(crate) fn resident(&self) -> u64 {
        resident(&self.pid().to_string()).unwrap()
    }

    /// Messages with a receipt, and those whose sender was told that they have none.
    pub(crate) fn sent(&self) -> (usize, usize) {
        let sent: Vec<_> = (0..AGENTS).map(|agent| Sent::read(&self.dir, agent)).collect();
        (sent.iter().map(Sent::receipts).sum(), sent.iter().map(Sent::failures).sum())
    }

    /// Messages of the peer that it has handled, repeats included.
    pub(crate) fn handled(&self) -> usize {
        std::fs::read_to_string(self.dir.join("handled")).unwrap_or_default().lines().count()
    }

    /// Lines about its link and its store that begin so.
    pub(crate) fn events(&self, what: &str) -> usize {
        events(&self.dir).iter().filter(|event| event.starts_with(what)).count()
    }

    /// Shuts it down.
    pub(crate) fn stop(&mut self) {
        self.tell("stop");
        self.wait_for("stopped");
        let mut running = self.running.take().unwrap();
        assert!(running.child.wait().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // A test has failed, and nothing is to be left behind.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Two nodes that have each other as peers.
pub(crate) struct Nodes {
    pub(crate) nodes: [Node; 2],
    /// Kept as long as they are, and longer if the test fails.
    dir: Option<TempDir>,
}

impl Nodes {
    /// On loopback, each with its own arguments.
    pub(crate) fn on_loopback(more: [&[&str]; 2]) -> Self {
        let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        drop(listeners);
        Self::at(addresses, more)
    }

    pub(crate) fn at([one, other]: [SocketAddr; 2], more: [&[&str]; 2]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nodes = [Node::new(dir.path(), 1, [one, other], more[0]), Node::new(dir.path(), 2, [other, one], more[1])];
        Self { nodes, dir: Some(dir) }
    }

    /// Both stop sending, everything is acked and handled, and both shut down. Then it is all compared.
    pub(crate) fn finish(mut self) -> Tally {
        for node in &mut self.nodes {
            node.tell("quiet");
        }
        for node in &mut self.nodes {
            node.wait_for("quiet");
        }
        for node in &mut self.nodes {
            node.stop();
        }
        let tally = check(self.nodes.each_ref().map(|node| (node.number, &*node.dir)), AGENTS);
        tally.unwrap_or_else(|wrong| panic!("{wrong}"))
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("what they have noted is in {}", dir.keep().display());
        }
    }
}

/// Runs a command that needs rights which not everybody has. `false`, and loudly, if it cannot be.
pub(crate) fn permitted(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let done = Command::new(words.next().unwrap()).args(words).output();
    let why = match done {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("SKIPPED: `{command}` is not possible here: {why}");
    false
}

/// A number from the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}
