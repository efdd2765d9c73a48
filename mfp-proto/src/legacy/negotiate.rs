use core::fmt;

/// The two have no algorithm in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCommonAlgorithm;

impl fmt::Display for NoCommonAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no common encoding algorithm")
    }
}

impl core::error::Error for NoCommonAlgorithm {}

/// The first of `local` that `peer` has too. Not symmetric: two that order them otherwise choose differently.
///
/// Nothing carries the lists in version 1, and AES-256-GCM is the only one that it can use, so [`Peer`](super::Peer) does not
/// ask.
///
/// # Errors
/// [`NoCommonAlgorithm`].
pub fn negotiate<'a>(local: &[&'a str], peer: &[&str]) -> Result<&'a str, NoCommonAlgorithm> {
    local.iter().find(|name| peer.contains(name)).copied().ok_or(NoCommonAlgorithm)
}
