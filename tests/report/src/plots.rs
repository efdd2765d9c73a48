//! Which plots the report has.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::figures::Figures;
use crate::page::number;
use crate::plot::{Axis, Panel, Rows, Series, lines};

const CHANNELS: [u32; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const PEERS: [u32; 4] = [1, 10, 100, 1_000];
const PAYLOADS: [u32; 6] = [64, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// The names of transports in their bench, and in a legend.
const TRANSPORTS: [(&str, &str); 4] =
    [("raw TCP", "raw TCP"), ("TLS", "rustls"), ("snow", "snow"), ("mfp-tokio", "mfp-tokio")];

pub(crate) fn draw(figures: &Figures, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    channels(figures, &folder.join("channels.svg"))?;
    peers(figures, &folder.join("peers.svg"))?;
    payload(figures, &folder.join("payload.svg"))?;
    durable(figures, &folder.join("durable.svg"))
}

/// A figure for each of the sizes; `name` says which.
fn points(figures: &Figures, sizes: &[u32], name: impl Fn(u32) -> String, each: f64) -> Result<Vec<(f64, f64)>> {
    sizes.iter().map(|size| Ok((f64::from(*size), figures.value(&name(*size))? * each))).collect()
}

fn channels(figures: &Figures, path: &Path) -> Result<()> {
    let of = |name: &dyn Fn(u32) -> String| points(figures, &CHANNELS, name, 1e-3);
    let x = || Axis { title: "channels in the runtime", base: 10.0, label: number };
    let time = Panel {
        title: "Time of a local send of 64 bytes",
        x: x(),
        y: Axis { title: "microseconds", base: 2.0, label: number },
        series: vec![
            Series { name: "send", points: of(&|size| format!("local send of 64 bytes among {size} channels"))? },
            Series {
                name: "of it: update of the root",
                points: of(&|size| format!("update of the root, {size} channels"))?,
            },
        ],
    };
    let name = |size| format!("memory of an idle channel, {size} channels");
    let memory = Panel {
        title: "Memory of an idle channel, with its share of the runtime",
        x: x(),
        y: Axis { title: "bytes resident", base: 2.0, label: bytes },
        series: vec![Series { name: "resident bytes a channel", points: points(figures, &CHANNELS, name, 1.0)? }],
    };
    lines(path, &[time, memory])
}

fn peers(figures: &Figures, path: &Path) -> Result<()> {
    let x = || Axis { title: "peers connected", base: 10.0, label: number };
    let time = Panel {
        title: "Time of a request of 64 bytes and its answer",
        x: x(),
        y: Axis { title: "microseconds, median", base: 2.0, label: number },
        series: vec![Series {
            name: "peers in turn, one request at a time",
            points: points(figures, &PEERS, |size| format!("request of 64 bytes, {size} peers"), 1.0)?,
        }],
    };
    let mut each = points(figures, &PEERS, |size| format!("memory of all idle peers, {size} peers"), 1.0 / 1_024.0)?;
    for (peers, memory) in &mut each {
        *memory /= *peers;
    }
    let memory = Panel {
        title: "Memory of an idle peer, with its share of what the first one brings",
        x: x(),
        y: Axis { title: "KiB resident", base: 2.0, label: number },
        series: vec![Series { name: "KiB a peer", points: each }],
    };
    lines(path, &[time, memory])
}

/// Bytes under 1 KiB as they are.
fn bytes(value: f64) -> String {
    match value {
        value if value >= 1_048_576.0 => format!("{} MiB", number(value / 1_048_576.0)),
        value if value >= 1_024.0 => format!("{} KiB", number(value / 1_024.0)),
        value => format!("{} B", number(value)),
    }
}

fn payload(figures: &Figures, path: &Path) -> Result<()> {
    let x = || Axis { title: "payload", base: 4.0, label: bytes };
    let local = points(figures, &PAYLOADS, |len| format!("local send of {len} bytes"), 1.0)?;
    let local = local.into_iter().map(|(len, nanos)| (len, len / nanos * 1e3)).collect();
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for (name, legend) in TRANSPORTS {
        let rate = points(figures, &PAYLOADS, |len| format!("{len} bytes, {name}, throughput"), 1.0)?;
        rates.push(Series {
            name: legend,
            points: rate.into_iter().map(|(len, rate)| (len, len * rate / 1e6)).collect(),
        });
        let cost = points(figures, &PAYLOADS, |len| format!("{len} bytes, {name}, processor"), 1.0)?;
        costs.push(Series { name: legend, points: cost });
    }
    rates.push(Series { name: "mfp, local", points: local });
    let rate = Panel {
        title: "Throughput, one way",
        x: x(),
        y: Axis { title: "MB/s", base: 10.0, label: number },
        series: rates,
    };
    let cost = Panel {
        title: "Processor time of a message, both ends together",
        x: x(),
        y: Axis { title: "microseconds", base: 10.0, label: number },
        series: costs,
    };
    lines(path, &[rate, cost])
}

fn durable(figures: &Figures, path: &Path) -> Result<()> {
    let names = [
        "mfp-tokio",
        "mfp-tokio, acked by the peer",
        "Redis stream, appendfsync always",
        "NATS JetStream, sync_interval always",
        "NATS JetStream",
    ];
    let of = |window: u32, name: &str| figures.value(&format!("durable, {window} under way, {name}"));
    let mut rows = Vec::new();
    for name in names.into_iter().filter(|name| figures.has(&format!("durable, 1 under way, {name}"))) {
        let shown = if name == "NATS JetStream" { "NATS JetStream, sync every 2 minutes" } else { name };
        rows.push((shown.to_owned(), vec![of(1, name)?, of(64, name)?]));
    }
    let rows = Rows {
        title: "Durable messages of 256 bytes, published until consumed and acknowledged",
        x: Axis { title: "messages a second", base: 10.0, label: number },
        series: vec!["1 under way", "64 under way"],
        marks: rows,
    };
    rows.draw(path)
}
