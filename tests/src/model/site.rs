//! The two sides, as they are configured.

use std::time::Duration;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::Ring;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Limits, Local, Mode, Params, Peer, Suites};
use mfp_proto::id::{ChannelId, Identity, StoreId};
use mfp_proto::link::channel::Phase;
use mfp_proto::link::state::ChannelState;
use mfp_proto::link::{Context, LinkConfig, LinkState, Setup};
use mfp_proto::policy::{BackoffConfig, BreakerConfig};

use super::bounds::Bounds;
use super::store::{Contents, Durable};

/// Moments that are less than this apart count as one. The waits before a connection and before a lone ACK are a
/// thousandth of it, so that no run is long enough for them to add up to it.
pub(super) const GRAIN: Duration = Duration::from_millis(1);
const SHORT: Duration = Duration::from_micros(1);
const NEVER: Duration = Duration::MAX;
/// The age at which a session is replaced, if it ever is.
const PLANNED: Duration = Duration::from_hours(1);

/// What stays the same of one side.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) identity: Identity,
    pub(super) setup: Setup,
    pub(super) channel: ChannelId,
    bind: [u8; 32],
    side: u8,
    /// Agents are done with a message as soon as it comes.
    pub(super) prompt: bool,
}

/// Both sides; the first has the smaller id.
pub(super) fn pair(bounds: &Bounds) -> Option<[Site; 2]> {
    let mut ids = [1, 2].map(|name| Identity::new([name; 32], "model", "side").ok());
    if ids[0].as_ref()?.id() > ids[1].as_ref()?.id() {
        ids.swap(0, 1);
    }
    let [Some(one), Some(two)] = ids else { return None };
    Some([Site::new(0, &one, &two, bounds)?, Site::new(1, &two, &one, bounds)?])
}

impl Site {
    fn new(side: u8, own: &Identity, other: &Identity, bounds: &Bounds) -> Option<Self> {
        let limits = Limits { chan_items: bounds.credit.get(), ..Limits::default() };
        let peer = Peer {
            public: *other.public(),
            id: other.id(),
            psk: Some(Secret::from_bytes([9; 32])),
            store_id: StoreId::from_bytes([side + 1; 16]),
            params: Params::new(limits, Suites::default(), Mode::Durable).ok()?,
        };
        let mut config = LinkConfig::default();
        config.backoff = BackoffConfig::new(SHORT, SHORT, 0).ok()?;
        config.breaker = BreakerConfig::new(u32::MAX, SHORT, 1).ok()?;
        config.lone_ack = SHORT;
        config.max_recovery_attempts = u32::MAX;
        // Whether these come in time is a matter of time alone, which the model has not.
        (config.keep_alive, config.dead, config.ack_timeout) = (NEVER, NEVER, NEVER);
        (config.rotation.interval, config.age.end) = (NEVER, NEVER);
        config.age.planned = if bounds.replacements > 0 { PLANNED } else { NEVER };
        config.age.spread = Duration::ZERO;
        let setup = Setup { peer, config, dials: bounds.dials.contains(&side) };
        let (channel, bind) = (ChannelId::from_bytes([0x77; 16]), [0x42; 32]);
        Some(Self { identity: own.clone(), setup, channel, bind, side, prompt: bounds.prompt })
    }

    /// A store in which the two have met, and bound a channel.
    pub(super) fn durable(&self) -> Durable {
        let chan_max = self.setup.peer.params.limits().chan_items;
        Durable {
            link: LinkState { chan_max, ..LinkState::default() },
            sessions: Vec::new(),
            channel: ChannelState::new(Phase::Open { sends: true }, Some(self.bind), false, 0),
            contents: Contents::default(),
        }
    }

    /// Runs a call that may make or judge a handshake, which would be this side's number `fresh`.
    pub(super) fn with<T>(&self, fresh: u64, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut seed = [self.side; 32];
        for (to, from) in seed.iter_mut().zip(fresh.to_be_bytes()) {
            *to = from;
        }
        let local = Local::new(&self.identity, &Ring);
        call(&mut Context { local: &local, aead: &Ring, rng: &mut Rng::new(seed) })
    }
}
