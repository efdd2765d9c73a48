//! The text of the report: a template, and what it can ask of the figures. Every conclusion is drawn here by comparing,
//! so that the text remains true when the figures change.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use crate::figures::{Bar, Figures, Side};

const TEMPLATE: &str = include_str!("../template.md");

/// Renders the report.
pub(crate) fn render(figures: Figures) -> Result<String> {
    let figures = Arc::new(figures);
    let mut page = Environment::new();
    page.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    page.set_syntax(syntax.build()?);
    let of = Arc::clone(&figures);
    page.add_function("figure", move |name: &str| figure(&of, name).map_err(missing));
    let of = Arc::clone(&figures);
    page.add_function("value", move |name: &str| of.value(name).map_err(missing));
    page.add_function("number", number);
    page.add_function("times", |one: f64, other: f64| number(one / other));
    let of = Arc::clone(&figures);
    page.add_function("bar", move |name: &str| cells(&of, name).map_err(missing));
    let of = Arc::clone(&figures);
    page.add_function("holds", move |name: &str| of.bar_of(name).map(Bar::holds).map_err(missing));
    let of = Arc::clone(&figures);
    page.add_function("has", move |name: &str| of.has(name) || of.bar_of(name).is_ok());
    page.add_template("report", TEMPLATE)?;
    let bars: Vec<_> = figures.bars.iter().map(|bar| (bar.name.clone(), row(bar))).collect();
    let held = figures.bars.iter().filter(|bar| bar.holds()).count();
    let (facts, skipped) = (&figures.facts, &figures.skipped);
    let text = page.get_template("report")?.render(context! { bars, held, facts, skipped });
    text.context("rendering the report")
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn missing(error: anyhow::Error) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{error:#}"))
}

/// A figure with its unit.
fn figure(figures: &Figures, name: &str) -> Result<String> {
    Ok(with_unit(figures.value(name)?, figures.unit(name)?))
}

/// In the unit that keeps the number short.
fn with_unit(value: f64, unit: &str) -> String {
    let scaled = match unit {
        "ns" if value >= 1e3 => return with_unit(value / 1e3, "µs"),
        "µs" if value >= 1e3 => return with_unit(value / 1e3, "ms"),
        "bytes" if value >= 1_048_576.0 => (value / 1_048_576.0, "MiB"),
        "bytes" if value >= 10_240.0 => (value / 1_024.0, "KiB"),
        _ => (value, unit),
    };
    format!("{} {}", number(scaled.0), scaled.1)
}

/// The cells of a table: the value, its limit, and whether it holds. Without a measurement, it says so.
fn cells(figures: &Figures, name: &str) -> Result<String> {
    match figures.bar_of(name) {
        Ok(bar) => Ok(row(bar)),
        Err(_) if !figures.skipped.is_empty() => Ok("not measured | |".to_owned()),
        Err(error) => Err(error),
    }
}

fn row(bar: &Bar) -> String {
    let side = match bar.side {
        Side::AtMost => "at most",
        Side::AtLeast => "at least",
    };
    let verdict = if bar.holds() { "holds" } else { "**missed**" };
    format!("{} | {side} {} | {verdict}", number(bar.value), grouped(&bar.limit.to_string()))
}

/// Three digits that count, and a comma after each thousand.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    // Of the rounded value: 9.996 is 10.0.
    let scientific = format!("{value:.2e}");
    let (rounded, exponent) = (scientific.parse::<f64>().unwrap_or(value), scientific.split_once('e'));
    let exponent = exponent.and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0);
    let decimals = usize::try_from(2 - exponent).unwrap_or(0);
    let text = format!("{rounded:.decimals$}");
    grouped(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
}

/// A number with a comma after each thousand.
fn grouped(text: &str) -> String {
    let whole = text.split('.').next().unwrap_or(text).len();
    let mut all = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place < whole && (whole - place).is_multiple_of(3) && !all.ends_with('-') {
            all.push(',');
        }
        all.push(letter);
    }
    all
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
