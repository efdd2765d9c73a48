//! What is written works, and overwrites nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::fixture::Fixture;
use crate::config::{Backend, InitOptions, card, init, keygen, load};

fn options(listen: Option<&str>) -> InitOptions {
    InitOptions {
        deployment: "example.org".to_owned(),
        instance: "a \"quoted\" \\ name: #x".to_owned(),
        listen: listen.map(str::to_owned),
    }
}

#[test]
fn a_new_configuration_works_and_is_its_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new");
    let made = init(&dir, &options(Some("127.0.0.1:0"))).unwrap();
    let config = load(&made.config).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((config.instance.as_str(), config.deployment.as_str()), ("a \"quoted\" \\ name: #x", "example.org"));
    assert_eq!(config.listen, ["127.0.0.1:0"]);
    assert!(
        matches!(config.agents.as_slice(), [agent] if agent.name.as_str() == "echo" && agent.backend == Backend::Echo)
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("data"))), (0o700, 0o700));
    for path in [&made.config, &made.identity_key, &made.master_key] {
        assert_eq!(mode(path), 0o600, "{path:?}");
    }
    let (one, other) = (fs::read_to_string(&made.identity_key).unwrap(), fs::read_to_string(&made.master_key).unwrap());
    assert!(one.len() == 65 && one.ends_with('\n') && one != other);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let made = init(dir.path(), &options(None)).unwrap();
    let before = fs::read(&made.identity_key).unwrap();
    assert!(init(dir.path(), &options(None)).is_err());
    assert!(keygen(&made.identity_key).is_err());
    assert_eq!(fs::read(&made.identity_key).unwrap(), before);

    fs::remove_file(&made.config).unwrap();
    fs::remove_file(&made.identity_key).unwrap();
    assert!(init(dir.path(), &options(None)).is_err(), "there is a master key");
    assert!(!made.config.exists() && !made.identity_key.exists(), "nothing is left of an attempt");
}

#[test]
fn options_that_cannot_be_are_refused_before_anything_is_written() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new");
    for bad in [
        InitOptions { deployment: String::new(), ..options(None) },
        InitOptions { instance: "a\nb".to_owned(), ..options(None) },
        options(Some("nowhere")),
    ] {
        assert!(init(&dir, &bad).is_err(), "{bad:?}");
        assert!(!dir.exists());
    }
}

#[test]
fn a_card_can_be_put_into_a_peers_file() {
    let fixture = Fixture::new();
    for (listen, address) in [("mfp.example.com:7001", Some("mfp.example.com:7001")), ("0.0.0.0:7001", None)] {
        let parent = tempfile::tempdir().unwrap();
        let made = init(parent.path(), &options(Some(listen))).unwrap();
        let config = load(&made.config).unwrap_or_else(|problems| panic!("{problems:?}"));
        let text = format!(
            "runtime: {{deployment: d, instance: i}}\nstorage: {{path: m.db}}\nfederation:\n  peers:\n{}",
            card(&config)
        );
        let reader = fixture.loaded(&text);
        let [peer] = reader.peers.as_slice() else { panic!("one peer") };
        assert_eq!(peer.config.id, config.identity.id());
        assert_eq!(peer.config.public, *config.identity.public());
        assert_eq!((peer.address.as_deref(), peer.config.dial), (address, address.is_some()));
    }
}
