//! Who waits for room, and gives up.

use std::time::Duration;

use mfp_smol::mfp_proto::runtime::LossCause;
use mfp_smol::{
    Address, AgentHandle, ChannelId, ChannelOptions, Message, PeerConfig, Receipt, Refusal, Runtime, SendError,
    default_config,
};
use smol::Task;
use smol::future::poll_once;

use super::support::{Pair, next, pair, soon};

type Sending = Task<Result<Receipt, SendError>>;

async fn runtime() -> Runtime {
    let mut config = default_config();
    config.limits.channel_items = 1;
    Runtime::builder().config(config).build().await.unwrap()
}

/// Sends in a task. It waits for its turn when this returns.
async fn send(pair: &Pair, payload: &'static str) -> Sending {
    let (alice, channel) = (pair.alice.clone(), pair.channel);
    let mut sending = Box::pin(async move { alice.send(channel, payload).await });
    assert!(poll_once(&mut sending).await.is_none(), "there was room for {payload}");
    smol::spawn(sending)
}

#[test]
fn a_full_inbox_makes_senders_wait_in_turn_and_who_gives_up_is_not_heard() {
    smol::block_on(async {
        let runtime = runtime().await;
        let mut pair = pair(&runtime).await;
        pair.alice.send(pair.channel, "one").await.unwrap();
        let (given_up, second, third) =
            (send(&pair, "given up").await, send(&pair, "two").await, send(&pair, "three").await);
        assert!(pair.alice.try_send(pair.channel, "x").await.unwrap_err().is_full());
        assert!(given_up.cancel().await.is_none());
        for (payload, waits) in [(b"one".as_slice(), Some(second)), (b"two", Some(third)), (b"three", None)] {
            assert_eq!(next(&mut pair.bobs).await, payload);
            if let Some(waits) = waits {
                soon(waits).await.unwrap();
            }
        }
        drop(pair.alice.send(pair.channel, "never polled"));
        pair.alice.try_send(pair.channel, "four").await.unwrap();
        assert_eq!(next(&mut pair.bobs).await, b"four");
        assert_eq!(runtime.stats().messages_sent, 4);
    });
}

#[test]
fn whoever_waits_hears_when_there_is_nothing_to_wait_for() {
    smol::block_on(async {
        let runtime = runtime().await;
        let pair = pair(&runtime).await;
        let refused = |refusal| Err(SendError::Refused(refusal));
        pair.alice.send(pair.channel, "one").await.unwrap();
        let waits = send(&pair, "frozen out").await;
        runtime.quarantine_channel(&pair.channel).await.unwrap();
        assert_eq!(soon(waits).await, refused(Refusal::ChannelFrozen));
        runtime.restore_channel(&pair.channel).await.unwrap();
        let waits = send(&pair, "shut out").await;
        drop(pair.bobs);
        assert_eq!(soon(runtime.shutdown()).await, 1);
        assert_eq!(soon(waits).await, refused(Refusal::ShuttingDown));
    });
}

/// Alice, whose channel leads to a peer that is not there and has room for so many.
async fn towards_nowhere(runtime: &Runtime, far: &Runtime, queue: u32) -> (AgentHandle, ChannelId) {
    let mut config = PeerConfig::new(far.public_key(), far.id());
    config.queue_items = queue;
    runtime.add_peer(config, Address::None).await.unwrap();
    let (alice, _) = runtime.bind_stream("alice").await.unwrap();
    let channel = runtime.open_channel(&alice.id(), &far.id(), "bob", ChannelOptions::default()).await.unwrap();
    (alice, channel)
}

#[test]
fn what_has_waited_for_room_still_expires() {
    smol::block_on(async {
        let (near, far) = (runtime().await, runtime().await);
        let (alice, channel) = towards_nowhere(&near, &far, 4).await;
        let message = Message::new(b"soon stale").ttl(Duration::from_millis(50));
        while alice.try_send(channel, message).await.is_ok() {}
        assert_eq!(soon(alice.send_acked(channel, message)).await, Err(SendError::Lost(LossCause::Expired)));
    });
}
