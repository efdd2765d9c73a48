use std::future::Future;
use std::time::Duration;

use mfp_smol::{Context, Delivery, HandlerError};
use smol::Timer;
use smol::future::or;

pub(super) const LONG: Duration = Duration::from_secs(30);

/// What comes of it, within a time that is enough anywhere.
pub(super) async fn soon<T>(work: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(LONG).await;
        None
    };
    or(async { Some(work.await) }, late).await.unwrap()
}

/// Answers with the same bytes.
pub(super) async fn echo(context: Context, message: Delivery) -> Result<(), HandlerError> {
    context.reply(&*message.payload).await?;
    Ok(())
}
