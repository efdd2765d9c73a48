//! Test vectors: where they are, and a runner that skips nothing.
//!
//! A file is `{"cases": [...], ...}`. [`Version::run`] hands each case to a check and collects the failures. It also
//! fails for a file without cases, and for a case with a field that the check did not read.

mod case;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

pub use case::Case;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why vectors failed: file, index of the case, field, and what is wrong with it. One line for each failing case.
///
/// `Debug` is the plain text, because that is how the test harness reports it.
pub struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which set of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Of the public design's version 1. `MFP_VECTORS_V1` names another folder than the committed one.
    V1,
    /// Of version 2. `MFP_VECTORS_V2` names another folder than the committed one.
    V2,
}

#[derive(Deserialize)]
struct Document {
    cases: Vec<Map<String, Value>>,
    /// What all cases share.
    context: Option<Value>,
}

impl Version {
    /// The folder with the files.
    pub fn folder(self) -> PathBuf {
        let (variable, name) = match self {
            Self::V1 => ("MFP_VECTORS_V1", "v1"),
            Self::V2 => ("MFP_VECTORS_V2", "v2"),
        };
        let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
        env::var_os(variable).map_or_else(committed, PathBuf::from)
    }

    /// Checks every case of the file `name` (without its ending), and prints how many there were.
    ///
    /// # Errors
    /// [`Failure`] if the file cannot be read or has no case, or with all cases that fail.
    pub fn run(self, name: &str, check: impl Fn(&Case<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let (file, text) = self.read(name)?;
        let covered = run_text(&file, &text, check)?;
        println!("vectors {file}: {covered} cases");
        Ok(())
    }

    /// The number of cases in the file `name`.
    ///
    /// # Errors
    /// [`Failure`] if the file cannot be read.
    pub fn cases(self, name: &str) -> Result<usize, Failure> {
        let (file, text) = self.read(name)?;
        parse(&file, &text).map(|document| document.cases.len())
    }

    /// The name of a file and its text.
    fn read(self, name: &str) -> Result<(String, String), Failure> {
        let path = self.folder().join(name).with_extension("json");
        let file = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| Failure(format!("{file}: {error}")))?;
        Ok((file, text))
    }

    /// Each file of the folder is either `covered` by a test or `left_out`, with a reason; and both name no other file.
    ///
    /// # Errors
    /// [`Failure`] with the names that are on one side alone, or if the folder cannot be read.
    pub fn no_file_is_forgotten(self, covered: &[&str], left_out: &[(&str, &str)]) -> Result<(), Failure> {
        let folder = self.folder();
        let failed = |what: &dyn fmt::Display| Failure(format!("{}: {what}", folder.display()));
        let mut there = BTreeSet::new();
        for entry in fs::read_dir(&folder).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) {
                there.insert(name.to_owned());
            }
        }
        for (file, reason) in left_out {
            println!("vectors {}/{file}.json is left out: {reason}", folder.display());
        }
        let named = covered.iter().chain(left_out.iter().map(|(file, _)| file));
        let named: BTreeSet<_> = named.map(|file| (*file).to_owned()).collect();
        let differ: Vec<_> = there.symmetric_difference(&named).map(String::as_str).collect();
        if differ.is_empty() {
            Ok(())
        } else {
            Err(failed(&format!("not there, or not tested: {}", differ.join(", "))))
        }
    }
}

fn parse(file: &str, text: &str) -> Result<Document, Failure> {
    serde_json::from_str(text).map_err(|error| Failure(format!("{file}: {error}")))
}

/// Checks every case of the file with this text, and returns how many there are.
fn run_text(file: &str, text: &str, check: impl Fn(&Case<'_>) -> Result<(), Failure>) -> Result<usize, Failure> {
    let document = parse(file, text)?;
    if document.cases.is_empty() {
        return Err(Failure(format!("{file}: no cases")));
    }
    let mut failures = Vec::new();
    for (index, fields) in document.cases.iter().enumerate() {
        if let Err(Failure(text)) =
            case::checked(format!("{file} case {index}"), fields, document.context.as_ref(), &check)
        {
            failures.push(text);
        }
    }
    if failures.is_empty() {
        return Ok(document.cases.len());
    }
    let (failed, all) = (failures.len(), document.cases.len());
    Err(Failure(format!("{failed} of {all} cases failed\n{}", failures.join("\n"))))
}
