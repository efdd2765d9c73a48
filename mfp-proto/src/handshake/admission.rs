//! Admission: what the responder checks before any scalar multiplication (section 5).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::Vec;

use super::frame::{self, FrameKey};
use super::{Admitted, HandshakeError};
use crate::policy::{Rate, RateLimiter};
use crate::time::Instant;

/// Where a connection comes from, as far as its token bucket is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An IPv4 address, also when it was mapped into IPv6.
    Ipv4([u8; 4]),
    /// The /64 prefix of an IPv6 address.
    Ipv6([u8; 8]),
    /// What a driver names for another transport: a name of 16 bytes, or the hash of a longer one.
    Named([u8; 16]),
}

impl From<Ipv4Addr> for Source {
    fn from(address: Ipv4Addr) -> Self {
        Self::Ipv4(address.octets())
    }
}

impl From<Ipv6Addr> for Source {
    fn from(address: Ipv6Addr) -> Self {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return mapped.into();
        }
        let [a, b, c, d, e, f, g, h, ..] = address.octets();
        Self::Ipv6([a, b, c, d, e, f, g, h])
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

/// Limits of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Attempts of one source; the default is 5 a second with a burst of 10.
    pub rate: Rate,
    /// Pending responder sessions, of all peers together; the default is 128.
    pub max_pending: usize,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self { rate: Rate::default(), max_pending: 128 }
    }
}

/// The token buckets of up to `SOURCES` sources, and one more that all further sources share while the table is full.
///
/// It holds 40 bytes a source, within itself: 160 KiB for the default of 4,096.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission<const SOURCES: usize = 4096> {
    config: AdmissionConfig,
    /// Sorted by source: no order of arrival makes a search slow.
    buckets: Vec<(Source, RateLimiter), SOURCES>,
    shared: RateLimiter,
}

impl<const SOURCES: usize> Admission<SOURCES> {
    /// An empty table.
    pub const fn new(config: AdmissionConfig) -> Self {
        Self { config, buckets: Vec::new(), shared: RateLimiter::new() }
    }

    /// Lets in message 1, or not: length and exact header, the frame under this runtime's `key`, the token bucket of
    /// its `source`, and the number of responder sessions that are `pending` now, in this order.
    ///
    /// No secret key is at hand here, so no scalar multiplication can be made.
    ///
    /// # Errors
    /// The first check that failed, up to [`HandshakeError::TooManyPending`]. Only that last one has cost a token.
    pub fn admit(
        &mut self,
        now: Instant,
        source: Source,
        pending: usize,
        key: &FrameKey,
        message1: &[u8],
    ) -> Result<Admitted, HandshakeError> {
        let session = frame::claimed_session(message1);
        let body = frame::open(key, &frame::header1(session), message1)?;
        self.take_token(now, source)?;
        if pending >= self.config.max_pending {
            return Err(HandshakeError::TooManyPending);
        }
        Ok(Admitted::new(session, body))
    }

    /// The number of sources with a bucket of their own.
    pub fn sources(&self) -> usize {
        self.buckets.len()
    }

    fn take_token(&mut self, now: Instant, source: Source) -> Result<(), HandshakeError> {
        let rate = self.config.rate;
        self.bucket(now, source).check(now, &rate).map_err(|_| HandshakeError::RateLimited)
    }

    /// The bucket of a source. When the table is full, those that are full again make room for a new one: at most one
    /// pass over the table, which costs less than an exchange.
    fn bucket(&mut self, now: Instant, source: Source) -> &mut RateLimiter {
        if self.find(source).is_err() && self.buckets.is_full() {
            let rate = self.config.rate;
            self.buckets.retain(|(_, bucket)| !bucket.is_full(now, &rate));
        }
        let at = match self.find(source) {
            Ok(at) => at,
            Err(at) => {
                // Refused if the table is still full.
                let _ = self.buckets.insert(at, (source, RateLimiter::new()));
                at
            }
        };
        match self.buckets.get_mut(at) {
            Some((owner, bucket)) if *owner == source => bucket,
            _ => &mut self.shared,
        }
    }

    fn find(&self, source: Source) -> Result<usize, usize> {
        self.buckets.binary_search_by(|(owner, _)| owner.cmp(&source))
    }
}

impl<const SOURCES: usize> Default for Admission<SOURCES> {
    fn default() -> Self {
        Self::new(AdmissionConfig::default())
    }
}
