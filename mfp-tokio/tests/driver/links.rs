//! What becomes of connections: both sides make one, they break, buffer, and end under load.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::mfp_proto::handshake::Source;
use mfp_tokio::{
    AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Event, Identity, Inbox, Key, Mode, Notice, Origin,
    PeerConfig, Runtime, StoreOptions,
};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf};
use tokio::time::timeout;

use super::net::{LONG, acquaint, open};
use super::support::{on_both, runtime};

fn number(of: u32) -> [u8; 4] {
    of.to_be_bytes()
}

/// The numbers of these are the next payloads, in this order.
async fn expect(inbox: &mut Inbox, numbers: impl IntoIterator<Item = u32>) {
    for expected in numbers {
        let incoming = timeout(LONG, inbox.recv()).await.unwrap().unwrap();
        assert_eq!(&*incoming.payload, number(expected));
        incoming.done();
    }
}

/// Says what the runtimes are to each other, and connects from both sides.
async fn both_dial(one: &Runtime, other: &Runtime) {
    let (here, there) = (one.listen("127.0.0.1:0").await.unwrap(), other.listen("127.0.0.1:0").await.unwrap());
    for (from, to, address) in [(one, other, there), (other, one, here)] {
        let mut config = PeerConfig::new(to.public_key(), to.id());
        (config.accept, config.mode) = (AcceptPolicy::all(), Mode::Volatile);
        from.add_peer(config, Address::tcp(address.to_string())).await.unwrap();
    }
}

/// An agent with this name, and what it gets.
async fn channel(from: &Runtime, name: &str, to: &Runtime, far: &str) -> (AgentHandle, Inbox, ChannelId) {
    let (agent, inbox) = from.bind_stream(name).await.unwrap();
    let channel = from.open_channel(&agent.id(), &to.id(), far, ChannelOptions::default()).await.unwrap();
    (agent, inbox, channel)
}

#[test]
fn both_dial_and_both_send() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        let (_dora, mut doras) = other.bind_stream("dora").await.unwrap();
        both_dial(&one, &other).await;
        let (alice, _alices, to_bob) = channel(&other, "alice", &one, "bob").await;
        let (carl, _carls, to_dora) = channel(&one, "carl", &other, "dora").await;
        let sender = async |agent: &AgentHandle, channel| {
            for at in 0..300 {
                agent.send(channel, number(at).as_slice()).await.unwrap();
            }
        };
        tokio::join!(
            sender(&alice, to_bob),
            sender(&carl, to_dora),
            expect(&mut bobs, 0..300),
            expect(&mut doras, 0..300)
        );
        timeout(LONG, async { tokio::join!(one.shutdown(), other.shutdown()) }).await.unwrap();
    });
}

#[test]
fn a_channel_that_is_closed_is_closed_for_both() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let address = one.listen("127.0.0.1:0").await.unwrap();
        acquaint(&one, &other, Mode::Volatile, Address::tcp(address.to_string())).await;
        let mut events = one.events();
        let (alice, _inbox, bob, channel) = open(&one, &other).await;
        other.close_channel(&channel).await.unwrap();
        let closed = async {
            while !matches!(
                events.recv().await.unwrap(),
                Notice::Event(Event::RemoteChannelClosed { channel: of, .. }) if of == channel
            ) {}
        };
        timeout(LONG, closed).await.unwrap();
        alice.send(channel, "too late").await.unwrap_err();
        bob.send(channel, "too late").await.unwrap_err();
    });
}

/// A stream that holds back what was written until it is flushed, and takes little at a time.
fn holding_back(far: &Runtime) -> BufStream<DuplexStream> {
    let (near, pipe) = tokio::io::duplex(100);
    far.carry(BufStream::new(pipe), Origin::Accepted(Source::Named([1; 16])));
    BufStream::new(near)
}

#[test]
fn what_a_stream_holds_back_is_flushed() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let far = one.clone();
        let address = Address::with(move || std::future::ready(Ok(holding_back(&far))));
        acquaint(&one, &other, Mode::Volatile, address).await;
        let (alice, _inbox, _bob, channel) = open(&one, &other).await;
        for len in [1, 5_000, 100_000] {
            let answer = alice.request(channel, vec![7; len].as_slice(), LONG).await.unwrap();
            assert_eq!(answer.payload.len(), len);
        }
        timeout(LONG, async { tokio::join!(one.shutdown(), other.shutdown()) }).await.unwrap();
    });
}

/// A stream that panics as soon as it is told to.
struct Fragile(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for Fragile {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        assert!(!self.1.swap(false, Ordering::SeqCst), "breaks on purpose");
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn a_stream_that_panics_is_a_lost_connection() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let (far, breaks) = (one.clone(), Arc::new(AtomicBool::new(false)));
        let fragile = Arc::clone(&breaks);
        let address = Address::with(move || {
            let (near, pipe) = tokio::io::duplex(1_000);
            far.carry(pipe, Origin::Accepted(Source::Named([1; 16])));
            std::future::ready(Ok(Fragile(near, Arc::clone(&fragile))))
        });
        acquaint(&one, &other, Mode::Durable, address).await;
        let (alice, _inbox, _bob, channel) = open(&one, &other).await;
        breaks.store(true, Ordering::SeqCst);
        assert_eq!(&*alice.request(channel, "again", LONG).await.unwrap().payload, b"again");
        assert!(!breaks.load(Ordering::SeqCst) && other.net_stats().dialed > 1);
        timeout(LONG, async { tokio::join!(one.shutdown(), other.shutdown()) }).await.unwrap();
        assert_eq!((one.net_stats().connections, other.net_stats().connections), (0, 0));
    });
}

#[test]
fn a_peer_that_moves_is_found() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        // Nobody listens there.
        acquaint(&one, &other, Mode::Durable, Address::tcp("127.0.0.1:1")).await;
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        let (alice, _alices, to_bob) = channel(&other, "alice", &one, "bob").await;
        alice.send(to_bob, number(1).as_slice()).await.unwrap();
        let address = one.listen("127.0.0.1:0").await.unwrap();
        other.set_address(&one.id(), Address::tcp(address.to_string())).unwrap();
        other.redial(&one.id()).await.unwrap();
        expect(&mut bobs, [1]).await;
        other.set_address(&other.id(), Address::None).unwrap_err();
    });
}

/// What waits for room and is given up is not sent; what had a receipt is not lost, though nobody waits for its ack.
#[test]
fn who_gives_up_on_a_peer_that_is_away_loses_no_receipt() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let mut config = PeerConfig::new(one.public_key(), one.id());
        config.queue_items = 4;
        other.add_peer(config, Address::tcp("127.0.0.1:1")).await.unwrap();
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        let (alice, _alices, to_bob) = channel(&other, "alice", &one, "bob").await;
        let mut accepted = 0;
        // The channel's OPEN takes one of the places.
        while alice.try_send(to_bob, number(accepted).as_slice()).await.is_ok() {
            accepted += 1;
        }
        assert!((1..=4).contains(&accepted));
        let given_up: Vec<_> = (100..110)
            .map(|at| {
                let alice = alice.clone();
                tokio::spawn(async move { alice.send_acked(to_bob, number(at).as_slice()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        given_up.iter().for_each(tokio::task::JoinHandle::abort);
        for task in given_up {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        let last = tokio::spawn(async move { alice.send_acked(to_bob, number(accepted).as_slice()).await });
        let mut config = PeerConfig::new(other.public_key(), other.id());
        config.accept = AcceptPolicy::all();
        one.add_peer(config, Address::None).await.unwrap();
        let address = one.listen("127.0.0.1:0").await.unwrap();
        other.set_address(&one.id(), Address::tcp(address.to_string())).unwrap();
        other.redial(&one.id()).await.unwrap();
        expect(&mut bobs, 0..=accepted).await;
        timeout(LONG, last).await.unwrap().unwrap().unwrap();
    });
}

/// A queue for one message is one that OPEN has filled, and nobody waits for its ack. Whoever wants much does not get it
/// before others.
#[test]
fn channels_take_turns_at_the_queue_to_a_peer() {
    on_both(|| async {
        let (one, other) = (runtime().await, runtime().await);
        let address = one.listen("127.0.0.1:0").await.unwrap();
        let _agents = (one.bind("bob", ignore).await.unwrap(), one.bind("dora", ignore).await.unwrap());
        let mut config = PeerConfig::new(one.public_key(), one.id());
        config.queue_items = 1;
        other.add_peer(config, Address::tcp(address.to_string())).await.unwrap();
        let (alice, _alices, to_bob) = channel(&other, "alice", &one, "bob").await;
        let to_dora = other.open_channel(&alice.id(), &one.id(), "dora", ChannelOptions::default()).await.unwrap();
        let (told, mut accepted) = tokio::sync::mpsc::unbounded_channel();
        for channel in [to_bob; 50].into_iter().chain([to_dora]) {
            let (alice, told) = (alice.clone(), told.clone());
            tokio::spawn(async move {
                told.send(alice.send(channel, "in turn").await.unwrap().channel).unwrap();
            });
            // The order of the tasks is that of their calls.
            tokio::task::yield_now().await;
        }
        let mut config = PeerConfig::new(other.public_key(), other.id());
        config.accept = AcceptPolicy::all();
        one.add_peer(config, Address::None).await.unwrap();
        other.redial(&one.id()).await.unwrap();
        let mut order = Vec::new();
        while order.len() < 51 {
            order.push(timeout(LONG, accepted.recv()).await.unwrap().unwrap());
        }
        let turn = order.iter().position(|channel| *channel == to_dora).unwrap();
        assert!(turn < 45, "the other channel's turn came as number {turn}");
    });
}

async fn ignore(_: mfp_tokio::Context, _: mfp_tokio::Delivery) -> Result<(), mfp_tokio::HandlerError> {
    Ok(())
}

/// Starts one of two runtimes, whose databases are sealed.
async fn sealed(folder: &tempfile::TempDir, of: u8) -> Runtime {
    let key = Key::Bytes(Secret::from_bytes([of; 32]));
    let identity = Identity::new([of; 32], "test", "links").unwrap();
    let options = StoreOptions::new(folder.path().join(of.to_string()), key);
    Runtime::builder().identity(identity).sqlite(options).build().await.unwrap()
}

#[test]
fn a_shutdown_under_load_keeps_every_receipt() {
    on_both(|| async {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (sealed(&folder, 1).await, sealed(&folder, 2).await);
        let address = one.listen("127.0.0.1:0").await.unwrap();
        acquaint(&one, &other, Mode::Durable, Address::tcp(address.to_string())).await;
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        let (alice, alices, to_bob) = channel(&other, "alice", &one, "bob").await;
        let sender = tokio::spawn(async move {
            let mut accepted = 0;
            while alice.send(to_bob, number(accepted).as_slice()).await.is_ok() {
                accepted += 1;
            }
            accepted
        });
        expect(&mut bobs, 0..50).await;
        // Both go while messages are under way. A message in somebody's hands would be waited for.
        drop(bobs);
        timeout(LONG, async { tokio::join!(other.shutdown(), one.shutdown()) }).await.unwrap();
        let accepted = sender.await.unwrap();
        drop(alices);
        one.listen("127.0.0.1:0").await.unwrap_err();
        let (one, other) = (sealed(&folder, 1).await, sealed(&folder, 2).await);
        let address = one.listen("127.0.0.1:0").await.unwrap();
        acquaint(&one, &other, Mode::Durable, Address::tcp(address.to_string())).await;
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        expect(&mut bobs, 50..accepted).await;
        timeout(LONG, async { tokio::join!(one.shutdown(), other.shutdown()) }).await.unwrap();
    });
}
