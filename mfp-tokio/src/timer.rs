//! The one timer: the core's next deadline.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use crate::drive::Shared;

/// What the timer has to do next.
pub(crate) enum Alarm {
    At(Instant),
    Never,
    Stopped,
}

pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        match shared.arm() {
            Alarm::At(deadline) => tokio::select! {
                () = sleep_until(deadline) => {}
                () = shared.bell.notified() => {}
            },
            Alarm::Never => shared.bell.notified().await,
            Alarm::Stopped => return,
        }
        shared.with(|core, now| core.rt.handle_timeout(now));
    }
}
