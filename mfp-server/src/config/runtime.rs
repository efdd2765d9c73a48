//! `runtime` and `quarantine`: who this is, and the limits of the core.

use std::time::Duration;

use mfp_tokio::mfp_proto::config::InvalidConfig;
use mfp_tokio::mfp_proto::frame::Depth;
use mfp_tokio::mfp_proto::policy::Rate;
use mfp_tokio::{Config as Core, Identity};

use super::secret::Place;
use super::section::Section;
use super::shape::{ABUSE, RATE};
use super::value::Value;

/// Who this runtime is.
pub(super) struct Who {
    pub(super) identity: Identity,
    pub(super) deployment: String,
    pub(super) instance: String,
}

/// Reads `runtime` into the core's configuration.
pub(super) fn read(section: &Section, limits: &Section, core: &mut Core) -> Option<Who> {
    core.depth = depth(section, "frame_depth").unwrap_or(core.depth);
    core.drain_timeout = section.time("drain_timeout").unwrap_or(core.drain_timeout);
    read_limits(limits, core);

    let deployment = section.label("deployment");
    let instance = section.label("instance");
    let key = Place { file: "identity_key_file", env: "identity_key_env" }.key(section);
    let (deployment, instance, key) = (deployment?, instance?, key?);
    let identity = Identity::new(*key.expose_secret(), deployment, instance).ok()?;
    Some(Who { identity, deployment: deployment.to_owned(), instance: instance.to_owned() })
}

/// A frame depth.
pub(super) fn depth(section: &Section, key: &'static str) -> Option<Depth> {
    Depth::new(section.count(key)?).ok()
}

fn read_limits(section: &Section, core: &mut Core) {
    let limits = &mut core.limits;
    limits.agents = section.count("agents").unwrap_or(limits.agents);
    limits.channels_per_agent = section.count("channels_per_agent").unwrap_or(limits.channels_per_agent);
    limits.payload = section.size("payload").unwrap_or(limits.payload);
    limits.channel_items = section.count("channel_items").unwrap_or(limits.channel_items);
    limits.inbox_bytes = section.size("inbox_bytes").unwrap_or(limits.inbox_bytes);
    limits.dead_letters = section.count("dead_letters").unwrap_or(limits.dead_letters);
    limits.requests = section.count("requests").unwrap_or(limits.requests);
}

/// Reads `quarantine` into the core's configuration. `limits` has that of payloads, which stood here in the Python
/// server's file.
pub(super) fn quarantine(section: &Section, limits: &Section, core: &mut Core) {
    let policy = &mut core.quarantine;
    policy.validation_failures = section.count("validation_failures").unwrap_or(policy.validation_failures);
    if let Some(value) = section.get("rate") {
        policy.rate = rate(&Section::new(&value, &RATE));
    }
    if let Some(value) = section.get("abuse") {
        policy.abuse = abuse(&value, section.has("rate") || section.old("max_message_rate").is_some());
    }
    if let Some(value) = section.old("max_message_rate") {
        if section.has("rate") {
            value.report("is the old spelling of `rate`, which is there too");
        } else if let Some(count) = value.integer(0..=1_000_000_u32) {
            // None a second meant that there is no limit.
            policy.rate = Rate::new(count, Duration::from_secs(1), count).ok();
        }
    }
    if let Some(value) = section.old("max_payload_size") {
        if limits.has("payload") {
            value.report("is the old spelling of `runtime.limits.payload`, which is there too");
        } else if let Some(bytes) = limits.size_of("payload", &value) {
            core.limits.payload = bytes;
        }
    }
}

fn abuse(value: &Value, has_rate: bool) -> Option<Rate> {
    if !has_rate {
        value.advise("counts what `rate` refuses, and there is no `rate`", "`rate: {messages: 100, per: 1s}`");
    }
    rate(&Section::new(value, &ABUSE))
}

fn rate(section: &Section) -> Option<Rate> {
    let messages = section.count("messages");
    let per = section.time("per");
    let burst = if section.has("burst") { section.count("burst") } else { messages };
    let rate = Rate::new(messages?, per?, burst?);
    rate.map_err(|error| section.report("per", error.to_string(), None)).ok()
}

/// Holds the whole of the core's configuration against the core's own rules.
pub(super) fn validate(limits: &Section, core: &Core) {
    let Err(error) = core.validate() else { return };
    match error {
        InvalidConfig::InboxSmallerThanPayload => {
            let help = format!("at least {}", core.limits.payload);
            limits.report("inbox_bytes", "is smaller than the largest payload", Some(&help));
        }
        InvalidConfig::ZeroLimit(name) => limits.report(name, error.to_string(), None),
        InvalidConfig::UnsupportedSuite(_) => limits.report("agents", error.to_string(), None),
    }
}
