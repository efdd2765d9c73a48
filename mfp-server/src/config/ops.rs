//! `http`, `audit` and `trace`: how the program is watched.

use std::net::SocketAddr;

use super::address;
use super::model::{Audit, Rotation, Trace};
use super::section::Section;

/// Where health and metrics are served. Whoever gets there reads them, so that it is this machine alone unless the file
/// says otherwise.
pub(super) fn http(section: &Section) -> Option<SocketAddr> {
    let insecure = section.flag("insecure").unwrap_or_default();
    let Some(value) = section.get("listen") else {
        if section.has("insecure") {
            section.report("listen", "is missing", Some("`listen: \"127.0.0.1:9477\"`"));
        }
        return None;
    };
    let Ok(address) = value.text()?.parse::<SocketAddr>() else {
        value.advise("must be an IP address and a port", "as in `127.0.0.1:9477` or `\"[::1]:9477\"`");
        return None;
    };
    if !address.ip().is_loopback() && !insecure {
        value.advise(
            "whoever reaches this address reads metrics, for there is no authentication",
            "listen at `127.0.0.1`; if it is meant, say `insecure: true`",
        );
        return None;
    }
    Some(address)
}

/// The file of the audit log. Processes of agents do not see it.
pub(super) fn audit(section: &Section) -> Option<Audit> {
    let rotation = rotation(section);
    let Some(value) = section.get("path") else {
        if section.has("max_size") || section.has("keep") {
            section.report("path", "is missing", Some("`path: audit.log`"));
        }
        return None;
    };
    let path = value.path()?;
    if path.is_dir() || path.file_name().is_none() {
        value.advise("is a directory", "name a file in it");
    } else if !path.parent().is_some_and(|parent| parent.as_os_str().is_empty() || parent.is_dir()) {
        value.advise("the directory of the audit log does not exist", "make it, with mode 700");
    }
    // Files that are full get names of their own, beside it.
    let folder = path.parent().filter(|_| rotation.is_some());
    section.context.hide(folder.unwrap_or(&path).to_owned());
    Some(Audit { path, rotation })
}

fn rotation(section: &Section) -> Option<Rotation> {
    if section.has("keep") && !section.has("max_size") {
        section.report("keep", "counts files that are full, and without `max_size` none is", Some("`max_size: 64MiB`"));
    }
    let keep = section.count("keep");
    Some(Rotation { max_size: section.size("max_size")?, keep: keep? })
}

/// The collector of traces. There is none where nothing of the section is in the file.
pub(super) fn trace(section: &Section) -> Option<Trace> {
    if !["otlp", "insecure", "sample"].iter().any(|key| section.has(key)) {
        return None;
    }
    let sample_millis = section.millis("sample");
    let url = address::url(section, "otlp")?;
    if url.contains(['?', '#']) {
        section.report(
            "otlp",
            "has a query, and `/v1/traces` is put behind it",
            Some("`otlp: \"http://127.0.0.1:4318\"`"),
        );
        return None;
    }
    Some(Trace { url: format!("{}/v1/traces", url.trim_end_matches('/')), sample_millis: sample_millis? })
}
