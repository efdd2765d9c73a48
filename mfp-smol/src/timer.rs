//! The one timer: the core's next deadline.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use smol::Timer;
use smol::future::or;

use crate::drive::Shared;

/// What the timer has to do next.
pub(crate) enum Alarm {
    At(Instant),
    Never,
    Stopped,
}

pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let rung = poll_fn(|cx| shared.bell.poll_rung(cx));
        match shared.arm() {
            Alarm::At(deadline) => {
                let due = async {
                    Timer::at(deadline).await;
                };
                or(due, rung).await;
            }
            Alarm::Never => rung.await,
            Alarm::Stopped => return,
        }
        shared.with(|core, now| core.rt.handle_timeout(now));
    }
}
