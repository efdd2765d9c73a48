//! What the benches have printed.
//!
//! Each line is one of these, and whatever else they print is for people:
//! `figure NAME: VALUE UNIT`, `bar NAME VALUE LIMIT` (holds if VALUE is at most LIMIT), `floor NAME VALUE LIMIT` (holds if
//! VALUE is at least LIMIT), `fact NAME: TEXT` and `skipped NAME: WHY`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// With what a line begins that is not for people alone.
const KINDS: [&str; 5] = ["bar", "fact", "figure", "floor", "skipped"];

/// Which side of its limit a value is to be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    AtMost,
    AtLeast,
}

/// A value that was promised to be on one side of a limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) limit: f64,
    pub(crate) side: Side,
}

impl Bar {
    pub(crate) fn holds(&self) -> bool {
        match self.side {
            Side::AtMost => self.value <= self.limit,
            Side::AtLeast => self.value >= self.limit,
        }
    }
}

/// The lines of all files of a folder, by name, that are not for people alone.
pub(crate) fn lines(folder: &Path) -> Result<String> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    // What a part that failed has left is not read.
    files.retain(|file| file.extension().is_none());
    files.sort();
    let mut all = String::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        for line in text.lines().filter(|line| line.split_once(' ').is_some_and(|(kind, _)| KINDS.contains(&kind))) {
            all.push_str(line);
            all.push('\n');
        }
    }
    Ok(all)
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    values: BTreeMap<String, (f64, String)>,
    /// In the order in which they were printed.
    pub(crate) bars: Vec<Bar>,
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) skipped: BTreeMap<String, String>,
}

impl Figures {
    /// Takes what one bench has printed.
    pub(crate) fn take(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            self.line(line).with_context(|| format!("the line {line:?}"))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let Some((kind, rest)) = line.split_once(' ') else { return Ok(()) };
        match kind {
            "figure" => {
                let (name, value) = rest.rsplit_once(": ").context("no colon")?;
                let (value, unit) = value.split_once(' ').context("no unit")?;
                let of = (finite(value)?, unit.to_owned());
                ensure!(self.values.insert(name.to_owned(), of).is_none(), "there are two of this name");
            }
            "bar" => self.bar(rest, Side::AtMost)?,
            "floor" => self.bar(rest, Side::AtLeast)?,
            "fact" => keep(&mut self.facts, rest)?,
            "skipped" => keep(&mut self.skipped, rest)?,
            _ => {}
        }
        Ok(())
    }

    fn bar(&mut self, rest: &str, side: Side) -> Result<()> {
        let &[name, value, limit] = rest.split_whitespace().collect::<Vec<_>>().as_slice() else {
            bail!("not a name, a value and a limit");
        };
        let (value, limit) = (finite(value)?, finite(limit)?);
        ensure!(!self.bars.iter().any(|bar| bar.name == name), "there are two of this name");
        self.bars.push(Bar { name: name.to_owned(), value, limit, side });
        Ok(())
    }

    /// A figure's value.
    pub(crate) fn value(&self, name: &str) -> Result<f64> {
        self.values.get(name).map(|(value, _)| *value).with_context(|| format!("there is no figure {name:?}"))
    }

    /// A figure's unit.
    pub(crate) fn unit(&self, name: &str) -> Result<&str> {
        self.values.get(name).map(|(_, unit)| unit.as_str()).with_context(|| format!("there is no figure {name:?}"))
    }

    /// The bar of this name.
    pub(crate) fn bar_of(&self, name: &str) -> Result<&Bar> {
        self.bars.iter().find(|bar| bar.name == name).with_context(|| format!("there is no bar {name:?}"))
    }

    /// Whether there is a figure of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

fn finite(text: &str) -> Result<f64> {
    let value: f64 = text.parse().with_context(|| format!("{text:?} is no number"))?;
    ensure!(value.is_finite(), "{text} is not finite");
    Ok(value)
}

fn keep(of: &mut BTreeMap<String, String>, rest: &str) -> Result<()> {
    let (name, text) = rest.split_once(": ").context("no colon")?;
    of.insert(name.to_owned(), text.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read_and_others_are_passed_over() {
        let mut figures = Figures::default();
        let text = "AEAD\n# for people: 7\nfigure a, b: 64 bytes: 1.5 µs\nbar less 1.2 1\nfloor more 120 100\n\
                    fact rustc: 1.95: stable\nskipped redis: not there\n";
        figures.take(text).unwrap();
        assert_eq!(figures.value("a, b: 64 bytes").unwrap().to_bits(), 1.5_f64.to_bits());
        assert_eq!(figures.unit("a, b: 64 bytes").unwrap(), "µs");
        assert!(!figures.bar_of("less").unwrap().holds());
        assert!(figures.bar_of("more").unwrap().holds());
        assert_eq!(figures.facts["rustc"], "1.95: stable");
        assert_eq!(figures.skipped["redis"], "not there");
        assert!(figures.value("c").is_err() && figures.bar_of("c").is_err());
    }

    #[test]
    fn a_value_at_its_limit_holds_on_both_sides() {
        for side in [Side::AtMost, Side::AtLeast] {
            assert!(Bar { name: String::new(), value: 2.0, limit: 2.0, side }.holds());
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_left_out() {
        let wrong =
            ["figure a 1 µs", "figure a: 1", "figure a: x µs", "bar a 1", "bar a NaN 1", "floor a 1 inf", "fact a"];
        for line in wrong {
            assert!(Figures::default().take(line).is_err(), "{line}");
        }
        for line in ["figure a: 1 µs", "bar a 1 1"] {
            assert!(Figures::default().take(&format!("{line}\n{line}")).is_err(), "{line}");
        }
    }
}
