//! Compares what rustdoc says about the libraries with the listings in this folder. `run.sh` runs it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::Parser;

/// The libraries that others use.
const CRATES: [&str; 4] = ["mfp-proto", "mfp-smol", "mfp-store", "mfp-tokio"];

/// Compares the public API of the libraries with the listing that is committed.
#[derive(Parser)]
#[command(name = "mfp-public-api")]
struct Arguments {
    /// Where rustdoc has left its JSON.
    json: PathBuf,
    /// Write the listings anew.
    #[arg(long)]
    update: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut code = ExitCode::SUCCESS;
    for name in CRATES {
        match check(name, &arguments) {
            Ok(difference) if difference.is_empty() => println!("ok     {name}"),
            Ok(difference) => {
                println!("WRONG  {name}: the listing has `-`, the code has `+`\n{difference}");
                code = ExitCode::FAILURE;
            }
            Err(error) => {
                println!("WRONG  {name}: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// What the listing of a library and its code do not share; nothing after an update.
fn check(name: &str, arguments: &Arguments) -> Result<String, String> {
    let json = arguments.json.join(format!("{}.json", name.replace('-', "_")));
    let found = listing(&json)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.txt"));
    if arguments.update {
        fs::write(&file, found).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(String::new());
    }
    let listed = fs::read_to_string(&file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(String::new()),
        _ => Err(format!("{}: {error}", file.display())),
    })?;
    Ok(difference(&listed, &found))
}

/// The items of a library, one a line. Implementations that every type has are left out.
fn listing(json: &Path) -> Result<String, String> {
    let builder = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let api = builder.build().map_err(|error| format!("{}: {error}", json.display()))?;
    Ok(api.to_string())
}

fn difference(listed: &str, found: &str) -> String {
    let [listed, found]: [BTreeSet<&str>; 2] = [listed, found].map(|text| text.lines().collect());
    let mut difference = String::new();
    for (sign, lines) in [('-', listed.difference(&found)), ('+', found.difference(&listed))] {
        for line in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(difference, "{sign} {line}");
        }
    }
    difference
}
