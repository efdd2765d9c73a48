//! What is wrong with a configuration, and where.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Something that keeps a configuration from being run. Nothing of a secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    /// From 1; 0 if it concerns the file as a whole.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// As in `federation.peers[0].address`; empty if it concerns no key.
    pub(crate) key: String,
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (help: {suggestion})"),
            None => Ok(()),
        }
    }
}

/// A place in the file, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Where names of environment variables lead. A parameter, so that tests need not change the process.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What reading a file is about, and the problems found so far: all of them are collected.
pub(super) struct Context<'a> {
    pub(super) file: &'a Path,
    /// Where relative paths begin.
    pub(super) directory: PathBuf,
    pub(super) env: Env<'a>,
    problems: RefCell<Vec<Problem>>,
    hidden: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(file: &'a Path, directory: PathBuf, env: Env<'a>) -> Self {
        Self { file, directory, env, problems: RefCell::default(), hidden: RefCell::default() }
    }

    pub(super) fn report(&self, at: At, key: &str, message: impl Into<String>, suggestion: Option<String>) {
        self.problems.borrow_mut().push(Problem {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            key: key.to_owned(),
            message: message.into(),
            suggestion,
        });
    }

    /// The file itself, as other paths are given.
    pub(super) fn file_path(&self) -> PathBuf {
        self.file.file_name().map_or_else(|| self.file.to_owned(), |name| self.directory.join(name))
    }

    /// Notes a file or directory that isolated processes must not see.
    pub(super) fn hide(&self, path: PathBuf) {
        self.hidden.borrow_mut().insert(path);
    }

    /// All that isolated processes must not see.
    pub(super) fn hidden(&self) -> BTreeSet<PathBuf> {
        self.hidden.borrow().clone()
    }

    /// Whether nothing is wrong yet.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All problems, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|one, other| {
            (one.line, one.column, &one.key, &one.message).cmp(&(other.line, other.column, &other.key, &other.message))
        });
        // What is asked twice is found twice.
        problems.dedup();
        problems
    }

    /// A path of the file, from the root of the file system or of where the program runs.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.directory.join(text)
    }
}
