//! Each fenced block of the documentation is run, compiled or checked by a test, and one that no test claims is an error.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::conforms::faults;
use crate::fences::{Block, blocks, documents, of_kind};
use crate::mcp::Host;
use crate::names::root;
use crate::place::{Server, mfp};
use crate::session::{AFTER_QUICKSTART, run};

/// Commands that are not run here, and why.
const ONLY_CHECKED: &[(&str, &str)] = &[
    ("cargo run --release -p mfp-server -- demo", "it would build the program anew; server/start.rs runs `mfp demo`"),
    ("cargo test --workspace", "it is what runs this"),
    ("cargo build --workspace", "it would build everything anew"),
    ("cargo install --path mfp-server", "it would install the program"),
    ("tests/no-std-proof/run.sh", "it is a step of .ci/run"),
    ("tests/public-api/run.sh", "it is a step of .ci/run"),
    ("tests/report/run.sh", "it measures for many minutes, and writes docs/benchmarks.md"),
    ("cargo run --release -p mfp-tests --bin exhaust", "it would build the search anew; a test of mfp-tests searches"),
    ("tests/mutants/search.sh", "it builds a broken link for each of its patches; .ci/long runs it"),
    (".ci/run", "it runs this"),
];

/// The test that a block is for; the error names what it could be.
fn claimed(block: &Block) -> Result<(), String> {
    let sessions = |file: &str| file == "docs/quickstart.md" || AFTER_QUICKSTART.contains(&file);
    match block.kind.as_str() {
        // session.rs runs all of these.
        "sh" | "text" if sessions(&block.file) => Ok(()),
        // `only_checked` below, and `the_servers_of_the_readme_run`.
        "sh" => {
            let known =
                |line: &str| line.starts_with("mfp ") || ONLY_CHECKED.iter().any(|(it, _)| line.starts_with(it));
            match block.inside.lines().find(|line| !known(line)) {
                Some(line) => Err(format!("add the file to AFTER_QUICKSTART, or `{line}` to ONLY_CHECKED")),
                None => Ok(()),
            }
        }
        // The tests below take all blocks of these kinds.
        "yaml" | "json" | "python" | "rust" | "toml" => Ok(()),
        other => Err(format!("nobody runs blocks of the kind `{other}`")),
    }
}

#[test]
fn every_block_is_claimed() {
    let mut count = 0;
    for block in documents().iter().flat_map(|file| blocks(file)) {
        let claimed = claimed(&block);
        assert!(claimed.is_ok(), "{}:{}: {}", block.file, block.line, claimed.unwrap_err());
        count += 1;
    }
    assert!(count > 40, "{count} blocks");
}

/// What is not run names packages, files, flags and commands that are there.
#[test]
fn what_is_not_run_could_be() {
    for (command, why) in ONLY_CHECKED {
        let told = of_kind("sh").iter().any(|block| block.inside.lines().any(|line| line.starts_with(command)));
        assert!(told, "`{command}` ({why}) stands nowhere");
        let mut words = command.split(' ');
        let mut folder = root();
        let program = words.next().unwrap();
        if program != "cargo" {
            let mode = fs::metadata(root().join(program)).unwrap().permissions().mode();
            assert!(mode & 0o111 != 0, "{program} cannot be executed");
            continue;
        }
        while let Some(word) = words.next() {
            match word {
                "-p" | "--path" => {
                    let name = words.next().unwrap();
                    folder = root().join(if name == "mfp-tests" { "tests" } else { name });
                    assert!(folder.join("Cargo.toml").is_file(), "{command}");
                }
                "--bin" => {
                    let name = format!("[[bin]]\nname = \"{}\"", words.next().unwrap());
                    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
                    assert!(manifest.contains(&name), "{command}");
                }
                "--" => {
                    let mut rest: Vec<_> = words.by_ref().collect();
                    rest.push("--help");
                    assert!(mfp(&rest).status.success(), "{command}");
                }
                "run" | "test" | "build" | "install" | "--release" | "--workspace" => {}
                other => panic!("{command}: {other} is not known here"),
            }
        }
    }
}

/// Code in Rust is compiled, and more, by tests of the package `mfp-tests`.
#[test]
fn rust_is_compiled() {
    let source = |file: &str| fs::read_to_string(root().join("tests").join(file)).unwrap();
    for block in of_kind("rust") {
        match block.file.as_str() {
            file @ ("README.md" | "docs/testing-your-application.md") => {
                assert!(source("src/lib.rs").contains(&format!("#[doc = include_str!(\"../../{file}\")]")), "{file}");
            }
            "docs/writing-a-driver.md" => {
                let code = source("src/std_driver.rs");
                assert!(code.contains(&block.inside), "{}:{}: the driver has other code", block.file, block.line);
            }
            other => panic!("{other}:{}: nobody compiles this", block.line),
        }
    }
}

/// What a user is to put into a manifest stands, but for what it is called there, in those of the workspace.
#[test]
fn dependencies_are_there() {
    let manifest = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (core, used) = (manifest("mfp-proto/Cargo.toml"), manifest("Cargo.toml"));
    for block in of_kind("toml") {
        for line in block.inside.lines().filter(|line| line.contains('=')) {
            let known = match line.split_once(" = ").unwrap() {
                ("mfp-proto", options) => {
                    let (_, features) = options.split_once("features = [").unwrap();
                    let mut features = features.trim_end_matches("] }").split(", ").map(|name| name.trim_matches('"'));
                    options.starts_with("{ path = \"../mfp/mfp-proto\"")
                        && features.all(|name| core.contains(&format!("\n{name} = [")))
                }
                (name, version) => used.contains(&format!("\n{name} = {}", version.trim_end_matches('"'))),
            };
            assert!(known, "{}:{}: {line}", block.file, block.line);
        }
    }
}

/// A configuration, or the part of one, in what it needs around it.
#[test]
fn configurations_are_sound() {
    let peer = format!("name: example, public_key: {}, runtime_id: {}", "a".repeat(64), "b".repeat(64));
    for block in of_kind("yaml") {
        let server = Server::init("a");
        let agents = "agents: [{name: worker, type: echo}]\n";
        let files = match block.file.as_str() {
            "docs/configuration.md" => {
                fs::write(server.file("mfp.yaml"), &block.inside).unwrap();
                vec![None]
            }
            // Each line is another way to say it.
            "docs/federation.md" => block
                .inside
                .lines()
                .map(|line| {
                    Some(format!(
                        "{agents}federation:\n  peers:\n    - {}\n      {line}\n",
                        peer.replace(", ", "\n      ")
                    ))
                })
                .collect(),
            "docs/mcp.md" => vec![Some(format!("{}federation: {{peers: [{{{peer}}}]}}\n", block.inside))],
            other => panic!("{other}:{}: nobody checks this", block.line),
        };
        for more in files {
            if let Some(more) = &more {
                server.configure("a", more);
            }
            let checked = server.run(&["check"]);
            let said = String::from_utf8_lossy(&checked.stderr);
            assert!(checked.status.success(), "{}:{}: {more:?}\n{said}", block.file, block.line);
        }
    }
}

#[test]
fn json_is_what_it_is_said_to_be() {
    for block in of_kind("json") {
        match block.file.as_str() {
            "docs/agents.md" => lines_of_programs(&block),
            "docs/audit.md" => a_line_of_the_audit_log(&block),
            "docs/mcp.md" => a_host_starts_it(&block),
            other => panic!("{other}:{}: nobody checks this", block.line),
        }
    }
}

/// The schema of the lines between `mfp` and programs.
fn schema_of_lines() -> Value {
    let text = fs::read_to_string(root().join("docs/agent-protocol.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Placeholders of the documentation, filled in.
fn filled(line: &str) -> Value {
    let (long, short) = ("ab".repeat(32), "ab".repeat(16));
    let line = line.replace("<64 hex digits>", &long).replace("<32 hex digits>", &short);
    let line = line.replace(r#""runtime":"…""#, &format!(r#""runtime":"{long}""#));
    serde_json::from_str(&line.replace('…', &short)).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn lines_of_programs(block: &Block) {
    let schema = schema_of_lines();
    for line in block.inside.lines() {
        let faults = faults(&schema, "/$defs/to_program", &filled(line));
        assert!(faults.is_empty(), "{line}: {faults:?}");
    }
}

/// The lines that a program can say stand in a table, without their values.
#[test]
fn what_a_program_can_say_conforms() {
    let text = fs::read_to_string(root().join("docs/agents.md")).unwrap();
    let schema = schema_of_lines();
    let said: Vec<_> = text.split('`').filter(|span| span.starts_with("{\"type\":")).collect();
    for span in &said {
        let id = "ab".repeat(16);
        let line =
            span.replace("\"timeout_ms\":…", "\"timeout_ms\":1000").replace("\"id\":…", &format!("\"id\":\"{id}\""));
        let faults =
            faults(&schema, "/$defs/from_program", &serde_json::from_str(&line.replace('…', "\"x\"")).unwrap());
        assert!(faults.is_empty(), "{line}: {faults:?}");
    }
    assert_eq!(said.len(), 7);
}

/// The line has the fields of one that is written when that is asked.
fn a_line_of_the_audit_log(block: &Block) {
    let told: Value = serde_json::from_str(&block.inside).unwrap();
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: echo, type: echo}]\naudit: {path: audit.log}\n");
    server.start();
    server.ask(&["quarantine", "--agent", "echo"]);
    server.stop();
    let log = String::from_utf8(server.run(&["export-audit"]).stdout).unwrap();
    let line = log.lines().find(|line| line.contains(r#""event":"Operator""#)).unwrap();
    let written: Value = serde_json::from_str(line).unwrap();
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&told), fields(&written));
    assert_eq!(told["detail"], written["detail"]);
    // Its hash is of the text up to it, so that the order of the fields counts.
    let order = |text: &str| fields(&told).iter().map(|field| text.find(&format!("\"{field}\":"))).collect::<Vec<_>>();
    let sorted = |text: &str| {
        let mut found: Vec<_> = order(text).into_iter().zip(fields(&told)).collect();
        found.sort();
        found.into_iter().map(|(_, field)| field).collect::<Vec<_>>()
    };
    assert_eq!(sorted(&block.inside), sorted(line));
}

/// A host starts what its configuration says, and has the tools.
fn a_host_starts_it(block: &Block) {
    let told: Value = serde_json::from_str(&block.inside).unwrap();
    let entry = &told["mcpServers"]["mfp"];
    assert_eq!(entry["command"], "mfp");
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: assistant, type: external}]\n");
    server.start();
    let config = server.file("mfp.yaml").to_str().unwrap().to_owned();
    let args = entry["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let args: Vec<_> = args.map(|word| if word.ends_with("/mfp.yaml") { &config } else { word }).collect();
    let mut host = Host::start_with(&server, &args);
    let tools = host.ask("tools/list", json!({}));
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 4);
    host.end();
    server.stop();
}

/// The check of a signature accepts what `mfp` posts, and nothing else.
#[test]
fn python_is_run() {
    let [block] = of_kind("python").try_into().unwrap_or_else(|_| panic!("one block is run here"));
    assert_eq!(block.file, "docs/agents.md");
    let check: Vec<_> = block.inside.lines().map(|line| format!("        {line}\n")).collect();
    let check = check.concat().replace("hmac.compare_digest", "good = hmac.compare_digest");
    let script = format!(
        r#"
mfp init a --listen 127.0.0.1:0 > init.log
mfp keygen a/hook.key > keygen.log
cat > hook.py <<'EOF'
import hmac, http.server
secret = bytes.fromhex(open("a/hook.key").read())
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        timestamp, signature = self.headers["mfp-timestamp"], self.headers["mfp-signature"]
{check}        real = good
        body += b" "
{check}        answer = b"as it should be" if real and not good else b"wrong"
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
EOF
python3 hook.py > port &
until [ -s port ]; do sleep 0.1; done
sed -i "/^agents:/a\  - {{name: alice, type: external}}\n  - {{name: hook, type: webhook, url: \"http://127.0.0.1:$(cat port)/\", secret_file: hook.key}}" a/mfp.yaml
echo 'channels: [{{agent: alice, to: hook}}]' >> a/mfp.yaml
mfp run --config a/mfp.yaml &
until mfp status --config a/mfp.yaml > status.log 2>&1; do sleep 0.1; done
mfp --config a/mfp.yaml request --from alice --to hook question
"#
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &script), "as it should be\n");
}
