//! The public implementation in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use mfp_proto::crypto::hash::sha256;
use serde_json::Value;
use tempfile::TempDir;

use crate::node::{LONG, permitted};

/// The wheel of pymfp 1.0.0 on PyPI: what is met is this and nothing else.
const WHEEL: (&str, &str) =
    ("pymfp-1.0.0-py3-none-any.whl", "2d080c3ed378701dafcce553a694a0a99248260190c2d6f3d965fa7578ca2e30");
const PIP: &str = "-m pip --quiet --disable-pip-version-check --timeout 20 --retries 1";

/// An environment with pymfp in it.
pub(super) struct Installed {
    dir: TempDir,
}

impl Installed {
    /// `None`, and a line that says why, without Python or PyPI.
    pub(super) fn new() -> Option<Self> {
        let installed = Self { dir: TempDir::new().unwrap() };
        let (dir, python) = (installed.dir.path(), installed.python());
        if !permitted(&format!("python3 -m venv {}", dir.join("venv").display())) {
            return None;
        }
        let (dir, python) = (dir.display(), python.display());
        if !permitted(&format!("{python} {PIP} download --no-deps --dest {dir} pymfp==1.0.0")) {
            return None;
        }
        let (name, digest) = WHEEL;
        let wheel = std::fs::read(installed.dir.path().join(name)).unwrap();
        assert_eq!(hex::encode(sha256(&[&wheel])), digest, "PyPI has another {name}");
        permitted(&format!("{python} {PIP} install --no-compile {dir}/{name}")).then_some(installed)
    }

    fn python(&self) -> PathBuf {
        self.dir.path().join("venv/bin/python")
    }

    pub(super) fn start(&self) -> Python {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/pymfp/runtime.py");
        let mut command = Command::new(self.python());
        command.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, answers) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        // What it logs is shown if it fails.
        let stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut last = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                last.push(line);
                if last.len() > 200 {
                    last.remove(0);
                }
            }
            last.join("\n")
        });
        let stdin = child.stdin.take();
        Python { child, stdin, answers, log: Some(log) }
    }
}

/// It, running.
pub(super) struct Python {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    log: Option<thread::JoinHandle<String>>,
}

impl Python {
    pub(super) fn tell(&mut self, command: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The next thing it says.
    pub(super) fn answer(&mut self) -> Value {
        if let Ok(line) = self.answers.recv_timeout(LONG) {
            return serde_json::from_str(&line).unwrap();
        }
        self.child.kill().unwrap();
        panic!("pymfp says nothing; it has logged\n{}", self.log.take().unwrap().join().unwrap());
    }

    pub(super) fn ask(&mut self, command: &Value) -> Value {
        self.tell(command);
        self.answer()
    }

    /// Ends it, and fails if it had more to say or an error to tell.
    pub(super) fn end(mut self) {
        self.tell(&serde_json::json!({ "do": "end" }));
        self.stdin = None;
        let (status, log) = (self.child.wait().unwrap(), self.log.take().unwrap().join().unwrap());
        assert!(status.success(), "{status}\n{log}");
        let more: Vec<_> = self.answers.try_iter().collect();
        assert!(more.is_empty(), "{more:?}");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
