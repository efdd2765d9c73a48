//! What types promise without a word: that they go to other threads, and that errors are errors. It compiles, or it fails.

use std::error::Error;

use mfp_proto::link::peer::Growing;
use mfp_proto::{agents, crypto, error, handshake, id, link, local, merkle, policy, runtime, store, wire};

fn shared<T: Send + Sync + Unpin + 'static>() {}

fn moved<T: Send + Unpin + 'static>() {}

/// As a `Box<dyn Error + Send + Sync>` takes it.
fn an_error<T: Error + Send + Sync + 'static>() {}

#[test]
fn the_core_goes_to_any_thread() {
    shared::<runtime::Runtime>();
    shared::<runtime::Effect>();
    shared::<runtime::Delivery>();
    shared::<runtime::PeerConfig>();
    shared::<mfp_proto::config::Config>();
    shared::<store::MemoryStore>();
    shared::<store::Snapshot>();
    shared::<id::Identity>();
    shared::<link::Link<Growing>>();
    shared::<link::Link<link::Fixed<2, 8, 18>>>();
    shared::<local::Channel>();
    shared::<merkle::GrowingTrie>();
    shared::<crypto::Secret>();
    shared::<crypto::rng::Rng>();
    shared::<handshake::Admission>();
    shared::<policy::Breaker>();
}

#[test]
fn drivers_and_stores_go_to_any_thread() {
    shared::<mfp_tokio::Runtime>();
    shared::<mfp_tokio::AgentHandle>();
    shared::<mfp_tokio::Context>();
    moved::<mfp_tokio::Inbox>();
    moved::<mfp_tokio::Events>();
    shared::<mfp_smol::Runtime>();
    shared::<mfp_smol::AgentHandle>();
    shared::<mfp_smol::Context>();
    moved::<mfp_smol::Inbox>();
    moved::<mfp_smol::Events>();
    shared::<mfp_store::Store>();
    shared::<mfp_store::StoreOptions>();
}

#[test]
fn errors_are_errors() {
    an_error::<error::CryptoError>();
    an_error::<error::InvalidId>();
    an_error::<error::InvalidLabel>();
    an_error::<agents::ToolError>();
    an_error::<mfp_proto::config::InvalidConfig>();
    an_error::<handshake::HandshakeError>();
    an_error::<runtime::AdminError>();
    an_error::<runtime::InvalidPeer>();
    an_error::<runtime::LoadError>();
    an_error::<runtime::SendError>();
    an_error::<runtime::UnknownDelivery>();
    an_error::<merkle::TrieError>();
    an_error::<policy::BreakerOpen>();
    an_error::<wire::item::ItemError>();
    an_error::<mfp_tokio::Error>();
    an_error::<mfp_tokio::SendError>();
    an_error::<mfp_tokio::RequestError>();
    an_error::<mfp_tokio::OpenError>();
    an_error::<mfp_smol::Error>();
    an_error::<mfp_smol::SendError>();
    an_error::<mfp_smol::RequestError>();
    an_error::<mfp_smol::OpenError>();
    an_error::<mfp_store::CommitError>();
    an_error::<mfp_tokio::BuildError>();
    an_error::<mfp_smol::BuildError>();
    an_error::<mfp_store::KeyError>();
    an_error::<mfp_store::StoreError>();
}

/// The whole reason is shown, since a log has no more of it.
#[test]
fn a_loss_says_why() {
    use wire::item::Code;
    let lost = mfp_tokio::SendError::Lost(runtime::LossCause::Closed(Code::Limit));
    assert_eq!(
        lost.to_string(),
        "the message was accepted and then lost: its channel was closed (a limit is exceeded)"
    );
    assert_eq!(
        mfp_smol::OpenError::Rejected(Code::NoSuchAgent).to_string(),
        "the peer refused the channel: no agent has that name"
    );
}
