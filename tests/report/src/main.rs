//! Measures this project against others that are not Rust libraries, and writes `docs/benchmarks.md` from what all benches
//! have printed. `run.sh` beside this package does everything in its order.

mod durable;
mod figures;
mod local;
mod page;
mod plot;
mod plots;
#[path = "../../../mfp-proto/benches/local/sends.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a part of the bench it is from, which stops at what it does not expect"
)]
mod sends;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use figures::Figures;

#[derive(Debug, Parser)]
#[command(about, disable_version_flag = true)]
enum Args {
    /// A local send against pymfp.
    Local {
        /// A Python that has pymfp.
        #[arg(long)]
        python: PathBuf,
        /// The program in Python that drives it.
        #[arg(long)]
        script: PathBuf,
    },
    /// Durable delivery against NATS JetStream and Redis.
    Durable {
        /// The program nats-server.
        #[arg(long)]
        nats: Option<PathBuf>,
        /// The program redis-server.
        #[arg(long)]
        redis: Option<PathBuf>,
        /// A folder on the disk that is to be measured.
        #[arg(long)]
        folder: PathBuf,
    },
    /// Writes the report and its plots.
    Write {
        /// The folder with what was printed.
        #[arg(long)]
        figures: PathBuf,
        /// The folder `docs`.
        #[arg(long)]
        docs: PathBuf,
    },
}

fn main() -> Result<()> {
    match Args::parse() {
        // One thread, as pymfp has; its runtime is not waited for by another.
        Args::Local { python, script } => {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(local::run(&python, &script))
        }
        Args::Durable { nats, redis, folder } => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(durable::run(&durable::Options { nats, redis, folder }))
        }
        Args::Write { figures, docs } => write(&figures, &docs),
    }
}

fn write(folder: &Path, docs: &Path) -> Result<()> {
    let lines = figures::lines(folder)?;
    let mut figures = Figures::default();
    figures.take(&lines)?;
    let beside = docs.join("benchmarks");
    plots::draw(&figures, &beside)?;
    fs::write(beside.join("figures.txt"), lines)?;
    Ok(fs::write(docs.join("benchmarks.md"), page::render(figures)?)?)
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
