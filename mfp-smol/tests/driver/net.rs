//! Two runtimes that meet over real sockets, and over other streams.

use mfp_smol::mfp_proto::handshake::Source;
use mfp_smol::{
    AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Event, Inbox, Key, Mode, NetLimits, Notice,
    OpenError, Origin, PeerConfig, Runtime, StoreOptions,
};

use super::support::{LONG, echo, soon};

/// How the second runtime reaches the first.
enum Way {
    Tcp(&'static str),
    #[cfg(unix)]
    Unix,
}

/// Both know each other; the first listens.
pub(super) async fn acquaint(one: &Runtime, other: &Runtime, mode: Mode, address: Address) {
    for (from, to, address) in [(one, other, Address::None), (other, one, address)] {
        let mut config = PeerConfig::new(to.public_key(), to.id());
        (config.accept, config.mode) = (AcceptPolicy::all(), mode);
        from.add_peer(config, address).await.unwrap();
    }
}

/// Alice at the second runtime has a channel to bob at the first.
pub(super) async fn open(one: &Runtime, other: &Runtime) -> (AgentHandle, Inbox, AgentHandle, ChannelId) {
    let bob = one.bind("bob", echo).await.unwrap();
    let (alice, inbox) = other.bind_stream("alice").await.unwrap();
    let channel = other.open_channel(&alice.id(), &one.id(), "bob", ChannelOptions::default()).await.unwrap();
    soon(other.opened(&alice.id(), &channel)).await.unwrap();
    (alice, inbox, bob, channel)
}

async fn meet(way: Way) {
    let (one, other) = (Runtime::builder().build().await.unwrap(), Runtime::builder().build().await.unwrap());
    match way {
        Way::Tcp(local) => {
            let address = one.listen(local).await.unwrap();
            acquaint(&one, &other, Mode::Volatile, Address::tcp(address.to_string())).await;
        }
        #[cfg(unix)]
        Way::Unix => {
            let far = one.clone();
            let address = Address::with(move || {
                let far = far.clone();
                async move {
                    let (near, stream) = smol::net::unix::UnixStream::pair()?;
                    far.carry(stream, Origin::Accepted(Source::Named([1; 16])));
                    Ok(near)
                }
            });
            acquaint(&one, &other, Mode::Volatile, address).await;
        }
    }
    let (alice, mut inbox, _bob, channel) = open(&one, &other).await;
    for len in [1, 200, 60_000, 200_000] {
        let answer = alice.request(channel, vec![7; len].as_slice(), LONG).await.unwrap();
        assert_eq!((answer.payload.len(), answer.from.runtime), (len, one.id()));
    }
    alice.send_acked(channel, "acked").await.unwrap();
    // It is echoed too, and nobody has asked for that.
    soon(inbox.recv()).await.unwrap().done();
    assert_eq!((one.net_stats().connections, other.net_stats().connections), (1, 1));
    assert_eq!(soon(other.shutdown()).await, 0);
    soon(one.shutdown()).await;
    assert_eq!((one.net_stats().connections, other.net_stats().connections), (0, 0));
}

#[test]
fn over_tcp() {
    smol::block_on(meet(Way::Tcp("127.0.0.1:0")));
}

#[test]
fn over_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return println!("SKIPPED: this machine has no IPv6");
    }
    smol::block_on(meet(Way::Tcp("[::1]:0")));
}

#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    smol::block_on(meet(Way::Unix));
}

#[test]
fn a_refused_channel_says_why() {
    smol::block_on(async {
        let (one, other) = (Runtime::builder().build().await.unwrap(), Runtime::builder().build().await.unwrap());
        let address = one.listen("127.0.0.1:0").await.unwrap();
        acquaint(&one, &other, Mode::Durable, Address::tcp(address.to_string())).await;
        let (alice, _inbox) = other.bind_stream("alice").await.unwrap();
        let channel = other.open_channel(&alice.id(), &one.id(), "nobody", ChannelOptions::default()).await.unwrap();
        let refused = soon(other.opened(&alice.id(), &channel)).await;
        assert!(matches!(refused, Err(OpenError::Rejected(_))), "{refused:?}");
        assert_eq!(other.opened(&alice.id(), &channel).await, refused, "it is remembered");
        let never = ChannelId::from_bytes([1; 16]);
        assert_eq!(other.opened(&alice.id(), &never).await, Err(OpenError::Unknown));
    });
}

#[test]
fn a_restart_on_the_same_database_loses_nothing() {
    smol::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str| StoreOptions::new(folder.path().join(name), Key::Unencrypted);
        let secret = |of: u8| mfp_smol::Identity::new([of; 32], "test", "net").unwrap();
        let start = async |of: u8| {
            Runtime::builder().identity(secret(of)).sqlite(options(&of.to_string())).build().await.unwrap()
        };
        let (one, other) = (start(1).await, start(2).await);
        let address = one.listen("127.0.0.1:0").await.unwrap();
        acquaint(&one, &other, Mode::Durable, Address::tcp(address.to_string())).await;
        let (_bob, bobs) = one.bind_stream("bob").await.unwrap();
        let (alice, _inbox) = other.bind_stream("alice").await.unwrap();
        let channel = other.open_channel(&alice.id(), &one.id(), "bob", ChannelOptions::default()).await.unwrap();
        let mut sent = Vec::new();
        for number in 0..50_u32 {
            sent.push(alice.send(channel, number.to_be_bytes().as_slice()).await.unwrap().message);
        }
        // One of them goes while messages are under way.
        drop(bobs);
        soon(one.shutdown()).await;
        for number in 50..100_u32 {
            sent.push(alice.send(channel, number.to_be_bytes().as_slice()).await.unwrap().message);
        }
        let one = start(1).await;
        one.listen(address).await.unwrap();
        let mut config = PeerConfig::new(other.public_key(), other.id());
        config.accept = AcceptPolicy::all();
        one.add_peer(config, Address::None).await.unwrap();
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        for (number, id) in (0_u32..).zip(sent) {
            let incoming = soon(bobs.recv()).await.unwrap();
            assert_eq!((&*incoming.payload, incoming.message), (number.to_be_bytes().as_slice(), id));
            incoming.done();
        }
        soon(async { smol::future::zip(one.shutdown(), other.shutdown()).await }).await;
    });
}

#[test]
fn a_full_queue_makes_senders_wait_and_lets_nothing_get_lost() {
    smol::block_on(async {
        let (one, other) = (Runtime::builder().build().await.unwrap(), Runtime::builder().build().await.unwrap());
        let address = one.listen("127.0.0.1:0").await.unwrap();
        let mut config = PeerConfig::new(one.public_key(), one.id());
        (config.mode, config.queue_items) = (Mode::Volatile, 4);
        other.add_peer(config, Address::tcp(address.to_string())).await.unwrap();
        let mut config = PeerConfig::new(other.public_key(), other.id());
        (config.accept, config.mode) = (AcceptPolicy::all(), Mode::Volatile);
        one.add_peer(config, Address::None).await.unwrap();
        let (_bob, mut bobs) = one.bind_stream("bob").await.unwrap();
        let (alice, _inbox) = other.bind_stream("alice").await.unwrap();
        let channel = other.open_channel(&alice.id(), &one.id(), "bob", ChannelOptions::default()).await.unwrap();
        let sender = smol::spawn(async move {
            let mut refused = false;
            for number in 0..500_u32 {
                let payload = number.to_be_bytes();
                refused |= match alice.try_send(channel, payload.as_slice()).await {
                    Err(error) if error.is_full() => {
                        alice.send(channel, payload.as_slice()).await.unwrap();
                        true
                    }
                    sent => sent.map(|_| false).unwrap(),
                };
            }
            refused
        });
        for number in 0..500_u32 {
            let incoming = soon(bobs.recv()).await.unwrap();
            assert_eq!(&*incoming.payload, number.to_be_bytes());
            incoming.done();
        }
        assert!(sender.await);
    });
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    smol::block_on(async {
        let mut limits = NetLimits::default();
        limits.connections = 2;
        let one = Runtime::builder().net_limits(limits).build().await.unwrap();
        let address = one.listen("127.0.0.1:0").await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..5 {
            streams.push(smol::net::TcpStream::connect(address).await.unwrap());
        }
        let mut ended = 0;
        for mut stream in streams.split_off(2) {
            let mut byte = [0];
            let read = soon(smol::io::AsyncReadExt::read(&mut stream, &mut byte)).await;
            ended += u32::from(read.unwrap_or(0) == 0);
        }
        assert_eq!((ended, one.net_stats().connections, one.net_stats().refused), (3, 2, 3));
    });
}

#[test]
fn somebody_with_another_key_gets_nowhere() {
    smol::block_on(async {
        let (one, other) = (Runtime::builder().build().await.unwrap(), Runtime::builder().build().await.unwrap());
        let address = one.listen("127.0.0.1:0").await.unwrap();
        let mut events = other.events();
        let config = PeerConfig::new(one.public_key(), one.id());
        other.add_peer(config, Address::tcp(address.to_string())).await.unwrap();
        // The first does not know it.
        loop {
            match soon(events.recv()).await.unwrap() {
                Notice::Event(
                    Event::HandshakeFailed { .. } | Event::BreakerOpen { .. } | Event::ConnectFailed { .. },
                ) => break,
                Notice::Event(Event::LinkUp { .. }) => panic!("a link with a stranger"),
                _ => {}
            }
        }
        assert!(other.peer(&one.id()).unwrap().link.unwrap().session.is_none());
    });
}

#[test]
fn a_backup_is_a_store() {
    smol::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let start = async |name: &str| {
            let options = StoreOptions::new(folder.path().join(name), Key::Unencrypted);
            Runtime::builder().sqlite(options).build().await.unwrap()
        };
        let runtime = start("store").await;
        let agent = runtime.bind_stream("alice").await.unwrap().0.id();
        let copy = folder.path().join("copy");
        runtime.backup(&copy).await.unwrap();
        assert!(runtime.backup(&copy).await.is_err(), "nothing is overwritten");
        runtime.shutdown().await;
        let again = start("copy").await;
        assert_eq!(again.agents().iter().map(|agent| agent.id).collect::<Vec<_>>(), [agent]);
        again.shutdown().await;
        let nothing = Runtime::builder().build().await.unwrap();
        assert!(nothing.backup(folder.path().join("nothing")).await.is_err());
    });
}
