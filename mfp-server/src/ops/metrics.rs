//! What is counted, under the names of docs/metrics.md. Labels are names of peers in the configuration and words that are
//! in this file: never ids, of which there may be any number.

mod peers;

use std::sync::atomic::Ordering;

use mfp_tokio::mfp_proto::agents::AgentState;
use mfp_tokio::{AgentStatus, NetStats, Stats, mfp_store};
use prometheus::Result;

use super::page::{Page, figure};
use super::state::Ops;

/// All of it, as Prometheus reads it. Before the server runs there is little.
pub(super) fn render(ops: &Ops) -> Result<String> {
    let page = Page::new();
    let version = [(vec![env!("CARGO_PKG_VERSION")], 1.0)];
    page.gauges("mfp_build_info", "Which program this is; always 1.", &["version"], version)?;
    page.gauge("mfp_uptime_seconds", "Since the process started.", ops.uptime())?;
    events(&page, ops)?;
    if let Some(server) = ops.server() {
        let stats = server.runtime.stats();
        messages(&page, &stats)?;
        now(&page, &stats, &server.runtime.agents())?;
        connections(&page, &server.runtime.net_stats(), &stats)?;
        if let Some(stats) = server.runtime.store_stats() {
            store(&page, &stats)?;
        }
        peers::peers(&page, &server)?;
    }
    page.text()
}

fn events(page: &Page, ops: &Ops) -> Result<()> {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let counts = &ops.events;
    page.counter("mfp_quarantine_events_total", "Agents and channels quarantined.", count(&counts.quarantines))?;
    page.counter(
        "mfp_handshakes_failed_total",
        "Handshakes with peers that failed.",
        count(&counts.handshakes_failed),
    )?;
    page.counter("mfp_events_missed_total", "Events that came too fast to be counted.", count(&counts.missed))?;
    let spans = &ops.spans;
    page.counter("mfp_trace_spans_exported_total", "Spans that the collector of traces took.", spans.exported())?;
    let dropped = [(vec!["overflow"], figure(spans.overflowed())), (vec!["collector"], figure(spans.failed()))];
    page.counters(
        "mfp_trace_spans_dropped_total",
        "Spans dropped: too many waited, or the collector did not take them.",
        &["reason"],
        dropped,
    )
}

fn messages(page: &Page, stats: &Stats) -> Result<()> {
    for (name, help, value) in [
        ("mfp_messages_sent_total", "Messages accepted from agents here.", stats.messages_sent),
        ("mfp_messages_sent_bytes_total", "Bytes of their payloads.", stats.bytes_sent),
        ("mfp_messages_queued_total", "Messages accepted for peers.", stats.messages_queued),
        ("mfp_messages_received_total", "Messages of peers taken into inboxes.", stats.messages_received),
        ("mfp_messages_processed_total", "Messages that handlers finished.", stats.messages_processed),
        ("mfp_messages_lost_total", "Messages for peers that are lost, or may be.", stats.messages_lost),
        ("mfp_messages_expired_total", "Messages for peers that waited for too long.", stats.messages_expired),
        ("mfp_deliveries_total", "Attempts handed to handlers.", stats.deliveries),
        ("mfp_handler_failures_total", "Attempts that a handler failed.", stats.handler_failures),
        ("mfp_handler_timeouts_total", "Attempts that outlived their time.", stats.handler_timeouts),
        ("mfp_validation_failures_total", "Messages that failed validation.", stats.validation_failures),
        ("mfp_requests_unanswered_total", "Requests without an answer in time.", stats.requests_unanswered),
        ("mfp_dead_lettered_total", "Messages that became dead letters.", stats.dead_lettered),
    ] {
        page.counter(name, help, value)?;
    }
    let refused = [(vec!["full"], figure(stats.refused_full)), (vec!["rate"], figure(stats.refused_rate))];
    page.counters("mfp_messages_refused_total", "Messages refused for a full inbox or a rate.", &["reason"], refused)
}

fn now(page: &Page, stats: &Stats, agents: &[AgentStatus]) -> Result<()> {
    let count = |is: &dyn Fn(&AgentStatus) -> bool| figure(agents.iter().filter(|agent| is(agent)).count());
    let states = [
        ("unregistered", AgentState::Unregistered),
        ("binding", AgentState::Binding),
        ("bound", AgentState::Bound),
        ("active", AgentState::Active),
        ("quarantined", AgentState::Quarantined),
        ("terminated", AgentState::Terminated),
    ];
    let states = states.map(|(name, state)| (vec![name], count(&|agent| agent.state == state)));
    page.gauges("mfp_agents", "Agents, by state.", &["state"], states)?;
    let quarantined = agents.iter().filter(|agent| agent.state == AgentState::Quarantined).count();
    page.gauge("mfp_quarantined_agents", "Agents in quarantine.", quarantined)?;
    page.gauge("mfp_active_agents", "Agents that are bound.", agents.len() - quarantined)?;
    let channels = [(vec!["inside"], figure(stats.channels)), (vec!["peer"], figure(stats.remote_channels))];
    page.gauges("mfp_active_channels", "Channels inside the server and to peers.", &["to"], channels)?;
    page.gauge("mfp_pending_messages", "Messages in inboxes that are not finished.", stats.inbox_messages)?;
    page.gauge("mfp_dead_letters", "Dead letters that are kept.", stats.dead_letters)?;
    page.gauge("mfp_peers", "Peers, those included that only the store knows.", stats.peers)
}

fn connections(page: &Page, net: &NetStats, stats: &Stats) -> Result<()> {
    page.gauge("mfp_connections", "Connections.", net.connections)?;
    for (name, help, value) in [
        ("mfp_connections_accepted_total", "Connections that others made.", net.accepted),
        ("mfp_connections_refused_total", "Connections closed at once, for there were too many.", net.refused),
        ("mfp_connections_dialed_total", "Connections made to peers.", net.dialed),
        ("mfp_dials_failed_total", "Attempts to connect that failed.", net.dials_failed),
        ("mfp_strangers_dropped_total", "Connections of nobody who is known.", stats.strangers_dropped),
        ("mfp_batches_total", "Batches of changes given to the store.", stats.batches),
        ("mfp_store_failures_total", "Commits that failed.", stats.store_failures),
    ] {
        page.counter(name, help, value)?;
    }
    Ok(())
}

fn store(page: &Page, stats: &mfp_store::Stats) -> Result<()> {
    page.counter("mfp_store_commits_total", "Transactions committed.", stats.commits)?;
    page.counter("mfp_store_batches_total", "Batches in them.", stats.batches)?;
    page.counter("mfp_store_operations_total", "Operations in them.", stats.operations)?;
    let bounds = mfp_store::COMMIT_BOUNDS.map(|bound| bound.as_secs_f64());
    let (counts, sum) = (&stats.commit_times, stats.commit_time.as_secs_f64());
    page.histogram("mfp_store_commit_seconds", "How long commits took.", &bounds, counts, sum)?;
    page.gauge("mfp_store_longest_commit_seconds", "The longest commit.", stats.longest_commit)?;
    page.gauge("mfp_store_used_bytes", "Bytes of the file in use.", stats.used)?;
    page.gauge("mfp_store_limit_bytes", "Bytes up to which messages are taken.", stats.limit)?;
    page.gauge("mfp_store_max_bytes", "Bytes that the file never exceeds.", stats.max)
}
