use std::sync::Arc;
use std::time::Duration;

use mfp_smol::{AdminError, Error, Key, Refusal, RequestError, Runtime, SendError, StoreOptions, default_config};
use smol::channel;

use super::support::{LONG, echo, pair, soon};

#[test]
fn shutdown_waits_for_handlers_and_lets_them_answer() {
    smol::block_on(async {
        let runtime = Runtime::builder().build().await.unwrap();
        let ((started, starts), (release, released)) = (channel::unbounded(), channel::bounded(1));
        let (bob, released) = (Arc::new(started), Arc::new(released));
        let bob = runtime.bind("bob", move |context, message| {
            let (started, released) = (Arc::clone(&bob), Arc::clone(&released));
            async move {
                if *message.payload == *b"still there?" {
                    started.send(()).await?;
                    released.recv().await?;
                    context.reply("just in time").await?;
                }
                Ok(())
            }
        });
        let bob = bob.await.unwrap();
        let (alice, _inbox) = runtime.bind_stream("alice").await.unwrap();
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
        let asked = smol::spawn({
            let alice = alice.clone();
            async move { alice.request(channel, "still there?", LONG).await }
        });
        soon(starts.recv()).await.unwrap();
        let ends = smol::spawn({
            let runtime = runtime.clone();
            async move { runtime.shutdown().await }
        });
        // Something new is refused as soon as it has begun.
        while alice.try_send(channel, "new").await.is_ok() {}
        assert!(!ends.is_finished());
        release.send(()).await.unwrap();
        assert_eq!(*soon(asked).await.unwrap().payload, *b"just in time");
        assert_eq!(soon(ends).await, 0, "what waited behind it was handled too");

        assert_eq!(runtime.shutdown().await, 0, "as often as asked");
        assert!(runtime.events().recv().await.is_none());
        let refused = SendError::Refused(Refusal::ShuttingDown);
        let down = Error::Refused(AdminError::ShuttingDown);
        assert_eq!(alice.send(channel, "x").await, Err(refused));
        assert_eq!(alice.request(channel, "x", LONG).await.unwrap_err(), RequestError::Send(refused));
        assert_eq!(runtime.bind("carol", echo).await.unwrap_err(), down);
        assert!(runtime.listen("127.0.0.1:0").await.is_err());
    });
}

#[test]
fn shutdown_does_not_wait_for_ever_and_frees_the_database() {
    smol::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let start = async || {
            let mut config = default_config();
            config.drain_timeout = Duration::from_millis(50);
            let options = StoreOptions::new(folder.path().join("store"), Key::Unencrypted);
            let identity = mfp_smol::Identity::new([1; 32], "test", "shutdown").unwrap();
            Runtime::builder().config(config).identity(identity).sqlite(options).build().await.unwrap()
        };
        let runtime = start().await;
        let mut pair = pair(&runtime).await;
        let asked = smol::spawn({
            let (alice, channel) = (pair.alice.clone(), pair.channel);
            async move { alice.request(channel, "?", Duration::from_hours(1)).await }
        });
        let held = soon(pair.bobs.recv()).await.unwrap();
        pair.alice.send(pair.channel, "behind it").await.unwrap();
        assert_eq!(soon(runtime.shutdown()).await, 2);
        assert_eq!(soon(asked).await.unwrap_err(), RequestError::Send(SendError::Uncertain));
        assert!(soon(pair.bobs.recv()).await.is_none());
        held.done();
        let runtime = start().await;
        assert_eq!(runtime.stats().inbox_messages, 2, "what remained is still there");
    });
}
