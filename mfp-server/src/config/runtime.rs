//! `runtime` and `quarantine`: who this is, and the limits of the core.

use std::time::Duration;

use mfp_tokio::mfp_proto::config::InvalidConfig;
use mfp_tokio::mfp_proto::frame::Depth;
use mfp_tokio::mfp_proto::policy::Rate;
use mfp_tokio::{Config as Core, Identity};

use super::secret::Place;
use super::section::Section;
use super::shape::{ABUSE, RATE};
use super::value::{DAY, Value};

/// The longest payload that can be configured: 256 MiB.
const MAX_PAYLOAD: u64 = 256 << 20;
/// The longest label of a deployment or an instance.
const MAX_LABEL: usize = 255;

/// Who this runtime is.
pub(super) struct Who {
    pub(super) identity: Identity,
    pub(super) deployment: String,
    pub(super) instance: String,
}

/// Reads `runtime` into the core's configuration.
pub(super) fn read(section: &Section, limits: &Section, core: &mut Core) -> Option<Who> {
    section.set("frame_depth", &mut core.depth, depth);
    section.set("drain_timeout", &mut core.drain_timeout, |value| value.duration(Duration::ZERO..=DAY));
    read_limits(limits, core);

    let deployment = section.require("deployment", |value| value.label(MAX_LABEL));
    let instance = section.require("instance", |value| value.label(MAX_LABEL));
    let key = Place { file: "identity_key_file", env: "identity_key_env", default: Some("identity.key") }.key(section);
    let (deployment, instance, key) = (deployment?, instance?, key?);
    let identity = Identity::new(*key.expose_secret(), deployment, instance).ok()?;
    Some(Who { identity, deployment: deployment.to_owned(), instance: instance.to_owned() })
}

/// A frame depth.
pub(super) fn depth(value: &Value) -> Option<Depth> {
    Depth::new(value.integer(Depth::MIN.blocks()..=Depth::MAX.blocks())?).ok()
}

fn read_limits(section: &Section, core: &mut Core) {
    let limits = &mut core.limits;
    section.set("agents", &mut limits.agents, |value| value.integer(1..=1_000_000));
    section.set("channels_per_agent", &mut limits.channels_per_agent, |value| value.integer(1..=1_000_000));
    section.set("payload", &mut limits.payload, payload);
    section.set("channel_items", &mut limits.channel_items, |value| value.integer(1..=u16::MAX));
    section.set("inbox_bytes", &mut limits.inbox_bytes, |value| value.size(1..=1 << 40));
    section.set("dead_letters", &mut limits.dead_letters, |value| value.integer(0..=10_000_000));
    section.set("requests", &mut limits.requests, |value| value.integer(0..=10_000_000));
}

fn payload(value: &Value) -> Option<u32> {
    u32::try_from(value.size(1..=MAX_PAYLOAD)?).ok()
}

/// Reads `quarantine` into the core's configuration. `limits` has that of payloads, which stood here in the Python
/// server's file.
pub(super) fn quarantine(section: &Section, limits: &Section, core: &mut Core) {
    let policy = &mut core.quarantine;
    section.set("validation_failures", &mut policy.validation_failures, |value| value.integer(0..=u16::MAX));
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
        } else if let Some(bytes) = payload(&value) {
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
    let messages = section.require("messages", |value| value.integer(1..=1_000_000_u32));
    let mut per = Duration::from_secs(1);
    section.set("per", &mut per, |value| value.duration(Duration::from_millis(1)..=DAY));
    let mut burst = messages;
    section.set("burst", &mut burst, |value| value.integer(1..=1_000_000_u32).map(Some));
    let rate = Rate::new(messages?, per, burst?);
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
