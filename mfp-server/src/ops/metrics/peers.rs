//! What is counted of each peer of the configuration, under its name there.

use mfp_tokio::PeerStatus;
use mfp_tokio::mfp_proto::link::{LinkStatus, Rejected};
use mfp_tokio::mfp_proto::policy::BreakerState;
use prometheus::Result;

use crate::ops::page::{Page, figure};
use crate::server::Server;

type Counter = (&'static str, &'static str, fn(&PeerStatus) -> u64);
type Gauge = (&'static str, &'static str, fn(&PeerStatus) -> f64);

const COUNTERS: &[Counter] = &[
    ("mfp_peer_sessions_total", "Sessions with the peer; each after the first is a resync.", |it| it.stats.sessions),
    ("mfp_peer_attempts_failed_total", "Attempts to connect that failed.", |it| it.stats.failed_attempts),
    ("mfp_peer_rotations_total", "Rotations of keys.", |it| it.stats.rotations),
    ("mfp_peer_sent_total", "Protocol messages sealed.", |it| it.stats.messages_sent),
    ("mfp_peer_received_total", "Protocol messages opened.", |it| it.stats.messages_received),
    ("mfp_peer_sent_bytes_total", "Bytes of those sealed.", |it| it.stats.bytes_sent),
    ("mfp_peer_received_bytes_total", "Bytes of those opened.", |it| it.stats.bytes_received),
    ("mfp_peer_items_resent_total", "Items sent again in a later session.", |it| it.stats.items_resent),
    ("mfp_peer_repeats_total", "Items dropped, for they were here already.", |it| it.stats.repeats),
];

const GAUGES: &[Gauge] = &[
    ("mfp_peer_up", "Whether there is a confirmed session.", |it| figure(link(it, is_up))),
    ("mfp_peer_suspended", "Whether the link waits for the operator's word.", |it| {
        figure(link(it, |link| link.suspended.is_some()))
    }),
    ("mfp_peer_unacked_items", "Items given to the link that the peer has not stored.", |it| {
        figure(it.link.as_ref().map_or(0, |link| link.given.saturating_sub(link.acked)))
    }),
    ("mfp_peer_queued_items", "Items for the peer that it has not stored.", |it| figure(it.queued)),
    ("mfp_peer_queued_bytes", "Bytes of their bodies.", |it| figure(it.queued_bytes)),
    ("mfp_peer_channels", "Channels with the peer.", |it| figure(it.channels)),
];

const BREAKER: [(&str, BreakerState); 3] =
    [("closed", BreakerState::Closed), ("open", BreakerState::Open), ("half_open", BreakerState::HalfOpen)];

fn link(peer: &PeerStatus, is: impl FnOnce(&LinkStatus) -> bool) -> bool {
    peer.link.as_ref().is_some_and(is)
}

fn is_up(link: &LinkStatus) -> bool {
    link.suspended.is_none() && link.session.as_ref().is_some_and(|session| session.confirmed)
}

fn checks(rejected: &Rejected) -> [(&'static str, u64); 13] {
    let Rejected {
        magic,
        version,
        flags,
        frame_depth,
        payload_len,
        session,
        step,
        channel,
        ack,
        frame_open,
        frame_close,
        aead,
        item,
    } = *rejected;
    [
        ("magic", magic),
        ("version", version),
        ("flags", flags),
        ("frame_depth", frame_depth),
        ("payload_len", payload_len),
        ("session", session),
        ("step", step),
        ("channel", channel),
        ("ack", ack),
        ("frame_open", frame_open),
        ("frame_close", frame_close),
        ("aead", aead),
        ("item", item),
    ]
}

/// All links together, those of peers without a name included.
fn links(page: &Page, all: &[PeerStatus]) -> Result<()> {
    let state = |it: &PeerStatus| match &it.link {
        Some(link) if link.suspended.is_some() => "suspended",
        Some(link) if is_up(link) => "up",
        Some(link) if link.connecting => "connecting",
        Some(_) => "down",
        None => "unconfigured",
    };
    let count = |name: &str| figure(all.iter().filter(|it| state(it) == name).count());
    let states = ["up", "connecting", "down", "suspended", "unconfigured"].map(|name| (vec![name], count(name)));
    page.gauges("mfp_links", "Links, by state.", &["state"], states)?;
    let sessions = all.iter().filter(|it| link(it, |link| link.session.is_some())).count();
    page.gauge("mfp_lanes", "Directions of sessions that are live; each session has two.", 2 * sessions)
}

pub(super) fn peers(page: &Page, server: &Server) -> Result<()> {
    let names = server.peer_names();
    let all = server.runtime.peers();
    // One that only the store knows has no name.
    let named: Vec<_> = all.iter().filter_map(|peer| Some((names.get(&peer.id)?.as_str(), peer))).collect();
    for (name, help, count) in COUNTERS {
        let samples = named.iter().map(|(peer, status)| (vec![*peer], figure(count(status))));
        page.counters(name, help, &["peer"], samples)?;
    }
    for (name, help, measure) in GAUGES {
        page.gauges(name, help, &["peer"], named.iter().map(|(peer, status)| (vec![*peer], measure(status))))?;
    }
    let breaker = named.iter().flat_map(|(peer, status)| {
        let now = status.link.as_ref().map(|link| link.breaker);
        BREAKER.map(|(name, state)| (vec![*peer, name], figure(now == Some(state))))
    });
    page.gauges(
        "mfp_peer_breaker",
        "The breaker of attempts to connect: 1 for its state.",
        &["peer", "state"],
        breaker,
    )?;
    links(page, &all)?;
    let rejected = named
        .iter()
        .flat_map(|(peer, status)| checks(&status.rejected).map(|(check, count)| (vec![*peer, check], figure(count))));
    page.counters(
        "mfp_peer_rejected_total",
        "Messages of the peer that were rejected, by the first check that each failed.",
        &["peer", "check"],
        rejected,
    )
}
