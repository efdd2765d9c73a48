use std::sync::Arc;
use std::time::Duration;

use mfp_tokio::{AdminError, Error, Refusal, RequestError, SendError};
use tokio::sync::{Notify, mpsc};

use super::support::*;

#[test]
fn shutdown_waits_for_handlers_and_lets_them_answer() {
    on_both(|| async {
        let runtime = runtime().await;
        let release = Arc::new(Notify::new());
        let (waiting, (started, mut starts)) = (Arc::clone(&release), mpsc::unbounded_channel());
        let (alice, _inbox, bob, channel) = alice_and(&runtime, move |context, message| {
            let (waiting, started) = (Arc::clone(&waiting), started.clone());
            async move {
                if *message.payload == *b"still there?" {
                    started.send(())?;
                    waiting.notified().await;
                    context.reply("just in time").await?;
                }
                Ok(())
            }
        })
        .await;
        let asked = tokio::spawn({
            let alice = alice.clone();
            async move { alice.request(channel, "still there?", Duration::from_mins(1)).await }
        });
        starts.recv().await.unwrap();
        let ends = tokio::spawn({
            let runtime = runtime.clone();
            async move { runtime.shutdown().await }
        });
        // Something new is refused as soon as it has begun.
        while alice.try_send(channel, "new").await.is_ok() {}
        assert!(!ends.is_finished());
        release.notify_one();
        assert_eq!(*asked.await.unwrap().unwrap().payload, *b"just in time");
        assert_eq!(ends.await.unwrap(), 0, "what waited behind it was handled too");

        assert_eq!(runtime.shutdown().await, 0, "as often as asked");
        let refused = SendError::Refused(Refusal::ShuttingDown);
        let down = Error::Refused(AdminError::ShuttingDown);
        assert_eq!(alice.send(channel, "x").await, Err(refused));
        assert_eq!(alice.request(channel, "x", Duration::from_secs(1)).await.unwrap_err(), RequestError::Send(refused));
        assert_eq!(runtime.bind("carol", echo).await.unwrap_err(), down);
        assert_eq!(runtime.establish_channel(&alice.id(), &bob.id()).await, Err(down));
        assert_eq!(runtime.close_channel(&channel).await, Err(down));
        assert_eq!(runtime.terminate(&bob.id()).await, Err(down));
        assert_eq!(bob.unbind().await, Err(down));
    });
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever() {
    let disk = Arc::<Disk>::default();
    let runtime = runtime_on(&disk).await;
    let (alice, mut inbox, _, channel) = alice_and(&runtime, |_, _| std::future::pending()).await;
    let asked = tokio::spawn({
        let alice = alice.clone();
        async move { alice.request(channel, "?", Duration::from_hours(1)).await }
    });
    alice.send(channel, "behind it").await.unwrap();
    assert_eq!(runtime.shutdown().await, 2);
    assert_eq!(Arc::strong_count(&disk), 1, "the store is closed");
    assert_eq!(asked.await.unwrap().unwrap_err(), RequestError::Send(SendError::Uncertain));
    assert!(inbox.recv().await.is_none());
    let runtime = runtime_on(&disk).await;
    assert_eq!(runtime.stats().inbox_messages, 2, "what remained is still there");
}
