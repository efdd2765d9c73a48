//! What an isolated program tries, and cannot: and what the same program can where it is not isolated.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use nix::unistd::dup;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{World, agent, alive, python, until};
use crate::agents::Running;
use crate::config::{Backend, Subprocess};

/// Tries each attack in turn and reports which succeeded.
const ATTACKER: &str = r#"
import ctypes, signal, socket, subprocess
def attack(name, action):
    try:
        action()
        won.append(name)
    except BaseException as error:
        lost[name] = repr(error)
def read(path):
    if not open(path, "rb").read(): raise OSError("empty")
def listing(path): os.listdir(path)
def tcp(port):
    socket.create_connection(("127.0.0.1", port), 2).close()
def bind():
    server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
def unix(path):
    client = socket.socket(socket.AF_UNIX); client.connect(path)
def memory(): open("/proc/%d/mem" % server, "rb")
def links(path):
    os.symlink(path, "link"); read("link")
def hard(path):
    os.link(path, "hard"); read("hard")
def kill(): os.kill(server, 0)
def in_child(path): subprocess.run(["/bin/cat", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0: raise OSError(ctypes.get_errno(), "refused")
def write_outside(): open(os.path.join(os.path.dirname(key), "planted"), "w").write("x")
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] != "message": continue
    todo = json.loads(line["payload"])
    won, lost = [], {}
    key, server = todo["key"], todo["server"]
    attack("key", lambda: read(key))
    attack("store", lambda: read(todo["store"]))
    attack("secrets", lambda: listing(os.path.dirname(key)))
    attack("control", lambda: unix(todo["control"]))
    attack("tcp", lambda: tcp(todo["port"]))
    attack("bind", bind)
    attack("udp", udp)
    attack("memory", memory)
    attack("environment", lambda: read("/proc/%d/environ" % server))
    attack("link", lambda: links(key))
    attack("hard link", lambda: hard(key))
    attack("signal", kill)
    attack("child", lambda: in_child(key))
    attack("outside", write_outside)
    attack("shadow", lambda: read("/etc/shadow"))
    attack("namespace", lambda: call(272, 0x10000000))
    attack("io_uring", lambda: call(425, 1, ctypes.create_string_buffer(120)))
    attack("x32 socket", lambda: call(0x40000029, 1, 1, 0))
    # What it may do.
    open("own", "w").write("x"); read("own"); read(sys.executable)
    open(os.path.join(os.environ.get("TMPDIR", "."), "own"), "w").write("x")
    fds = []
    for number in range(3, 1024):
        try: os.fstat(number); fds.append(number)
        except OSError: pass
    say(type="reply", id=line["id"], payload=json.dumps(dict(won=won, lost=lost, fds=fds, uid=os.getuid())))
"#;

/// Secrets, a control socket and a listener, as a server has them.
struct Target {
    secrets: TempDir,
    directory: TempDir,
    tcp: TcpListener,
    /// Open for as long as this.
    _open: (UnixListener, OwnedFd),
}

impl Target {
    async fn new() -> Self {
        let (secrets, directory) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for name in ["key", "store"] {
            std::fs::write(secrets.path().join(name), "secret").unwrap();
        }
        let control = UnixListener::bind(secrets.path().join("control")).unwrap();
        // One that is inherited: a duplicate is not closed when a program starts.
        let leaked = dup(std::fs::File::open(secrets.path().join("key")).unwrap()).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { secrets, directory, tcp, _open: (control, leaked) }
    }

    fn config(&self, script: &str, isolate: bool) -> Subprocess {
        let hide = ["key", "store", "control"].map(|name| self.secrets.path().join(name));
        Subprocess { isolate, hide: hide.into(), ..python(&self.directory, script) }
    }

    async fn attack(&self, isolate: bool) -> Value {
        let world = World::new(Backend::Subprocess(self.config(ATTACKER, isolate))).await;
        let path = |name: &str| self.secrets.path().join(name).to_str().unwrap().to_owned();
        let todo = serde_json::json!({
            "key": path("key"), "store": path("store"), "control": path("control"),
            "port": self.tcp.local_addr().unwrap().port(), "server": std::process::id(),
        });
        let result = serde_json::from_str(&world.text(&todo.to_string()).await).unwrap();
        world.running.stop(Duration::from_secs(2)).await;
        result
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_program_can_do_none_of_it() {
    let target = Target::new().await;
    let result = target.attack(true).await;
    assert_eq!(result["won"], serde_json::json!([]), "{result:#}");
    assert_eq!(result["lost"].as_object().unwrap().len(), 18);
    assert_eq!(result["fds"], serde_json::json!([]));
    assert!(!target.secrets.path().join("planted").exists());
    assert_ne!(result["uid"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_program_without_isolation_can() {
    let target = Target::new().await;
    let result = target.attack(false).await;
    let won: Vec<_> = result["won"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["key", "store", "secrets", "control", "tcp", "bind", "udp", "link", "signal", "child", "outside"] {
        assert!(won.contains(&name), "{name}: {result:#}");
    }
    assert_ne!(result["fds"], serde_json::json!([]));
}

#[test]
fn where_it_is_not_to_be_had_nothing_is_started() {
    // An isolated program can isolate nothing: this system lacks what is needed.
    let mfp = Path::new(&std::env::current_exe().unwrap()).ancestors().nth(2).unwrap().join("mfp");
    let directory = TempDir::new().unwrap();
    let spec = serde_json::json!({ "read": [mfp], "write": [directory.path()] }).to_string();
    let marker = directory.path().join("started");
    let output = std::process::Command::new(&mfp)
        .args(["isolate-exec", "--spec", &spec, "--"])
        .args([mfp.to_str().unwrap(), "isolate-exec", "--spec", &spec, "--", "/bin/touch"])
        .arg(&marker)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stderr.is_empty() && !marker.exists());
    let once = std::process::Command::new(&mfp)
        .args(["isolate-exec", "--spec", &spec, "--", "/bin/touch"])
        .arg(&marker)
        .status()
        .unwrap();
    assert!(once.success() && marker.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_a_daemon_outlives_an_isolated_program() {
    let target = Target::new().await;
    let script = r#"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["mfp-daemon-" + os.path.basename(os.getcwd()), "1000"])
    os._exit(0)
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "message": say(type="reply", id=line["id"], payload="here")
"#;
    let world = World::new(Backend::Subprocess(target.config(script, true))).await;
    assert_eq!(world.text("?").await, "here");
    let mark = format!("mfp-daemon-{}", target.directory.path().file_name().unwrap().to_str().unwrap());
    let daemon = || pids(&mark).into_iter().find(|pid| alive(pid));
    until("the daemon is there", || daemon().is_some()).await;
    world.running.stop(Duration::from_secs(2)).await;
    until("the daemon is gone", || daemon().is_none()).await;
}

/// The processes with this in their command line.
fn pids(mark: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let marked = |pid: &String| {
        std::fs::read(Path::new("/proc").join(pid).join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
    };
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(marked).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_with_secrets_in_it_is_refused() {
    let target = Target::new().await;
    let runtime = mfp_tokio::Runtime::builder().build().await.unwrap();
    let link = target.directory.path().join("link");
    std::os::unix::fs::symlink(target.secrets.path(), &link).unwrap();
    let inside = target.directory.path().join("not/yet/there");
    for (directory, hide) in [
        (target.secrets.path().to_owned(), target.secrets.path().join("key")),
        (link, target.secrets.path().join("key")),
        (target.directory.path().to_owned(), inside),
        (target.directory.path().to_owned(), target.directory.path().parent().unwrap().to_owned()),
        (target.directory.path().to_owned(), "/usr/share/key".into()),
    ] {
        let config = Subprocess { directory, hide: vec![hide], ..target.config("", true) };
        let error = Running::start(&runtime, &agent(Backend::Subprocess(config))).await.unwrap_err();
        assert!(format!("{error:#}").contains("has to be hidden"), "{error:#}");
    }
    assert!(runtime.agents().is_empty());
}
