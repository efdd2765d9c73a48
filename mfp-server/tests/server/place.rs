//! Servers in temporary folders.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A command, run to its end.
pub(crate) fn mfp(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
    command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL");
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// A server: its folder, made by `mfp init`, and its process while it runs.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) listen: String,
    pub(crate) child: Option<Child>,
}

impl Server {
    pub(crate) fn init(instance: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let dir = folder.path().join(instance);
        let args = ["init", dir.to_str().unwrap(), "--deployment", "test", "--instance", instance, "--listen", &listen];
        let made = mfp(&args);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Its keys stay, and what is in the file is each test's own.
        for file in fs::read_dir(&dir).unwrap() {
            let file = file.unwrap().path();
            fs::rename(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        let server = Self { folder, listen, child: None };
        server.configure(instance, "");
        server
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration: what every server has, and `more`.
    pub(crate) fn configure(&self, instance: &str, more: &str) {
        let text = format!(
            "runtime: {{deployment: test, instance: {instance}, identity_key_file: identity.key}}\n\
             storage: {{path: mfp.db, master_key_file: master.key}}\n\
             transport: {{listen: [\"{}\"]}}\n{more}",
            self.listen
        );
        fs::write(self.file("mfp.yaml"), text).unwrap();
    }

    /// The key and id of this server, as YAML of a peer's file.
    pub(crate) fn as_peer(&self, name: &str) -> String {
        let card = self.run(&["pubkey", "--json"]);
        let card: Value = serde_json::from_slice(&card.stdout).unwrap();
        let (key, id) = (card["public_key"].as_str().unwrap(), card["runtime_id"].as_str().unwrap());
        format!("{{name: {name}, public_key: {key}, runtime_id: {id}, address: \"{}\", accept: all}}", self.listen)
    }

    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(&mut self, environment: &[(&str, &OsStr)]) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
        command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL");
        command.args(["run", "--config"]).arg(self.file("mfp.yaml")).envs(environment.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        let start = Instant::now();
        while !self.run(&["status"]).status.success() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < LONG, "{ended:?}\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// A command to it.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let config = self.file("mfp.yaml");
        let mut all = vec!["--config", config.to_str().unwrap()];
        all.extend(args);
        mfp(&all)
    }

    /// A command that succeeds, and what it says in JSON.
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let output = self.run(&all);
        assert!(output.status.success(), "{args:?}: {}\n{}", String::from_utf8_lossy(&output.stderr), self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until it says so.
    pub(crate) fn until(&self, args: &[&str], holds: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let said = self.ask(args);
            if holds(&said) {
                return;
            }
            assert!(start.elapsed() < LONG, "{args:?}: {said}\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// SIGTERM: it ends by itself, and well.
    pub(crate) fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.take().unwrap().wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A test has failed, and nothing is to be left behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The text of a file, as it grows.
pub(crate) fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
