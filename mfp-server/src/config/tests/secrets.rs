//! Secrets are read where they may stand, and shown nowhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::fixture::{Fixture, shown};

const KEY: &str = "6666666666666666666666666666666666666666666666666666666666666666";

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let fixture = Fixture::new();
    for (runtime, storage, agent, peer, key) in [
        ("identity_key", "", "", "", "runtime.identity_key"),
        ("", "master_key", "", "", "storage.master_key"),
        ("", "password", "", "", "storage.password"),
        ("", "", "secret", "", "agents[0].secret"),
        ("", "", "api_key", "", "agents[0].api_key"),
        ("", "", "token", "", "agents[0].token"),
        ("", "", "", "psk", "federation.peers[0].psk"),
    ] {
        let with = |key: &str| if key.is_empty() { String::new() } else { format!(", {key}: {KEY}") };
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let text = format!(
            "runtime: {{deployment: d, instance: i{}}}\nstorage: {{path: m.db{}}}\nagents: [{{name: x, type: echo{}}}]\n\
             federation: {{peers: [{{name: p, public_key: {a}, runtime_id: {b}{}}}]}}\n",
            with(runtime),
            with(storage),
            with(agent),
            with(peer)
        );
        let problems = fixture.problems(&text);
        let [problem] = problems.as_slice() else { panic!("{text}\n{}", shown(&problems)) };
        assert_eq!(problem.key, key);
        assert!(problem.message.contains("no place in this file") && problem.suggestion.is_some(), "{problem}");
        assert!(!problem.to_string().contains(KEY), "{problem}");
    }
}

#[test]
fn a_secret_in_the_place_of_its_name_is_not_repeated() {
    let fixture = Fixture::new();
    for key in ["identity_key_env", "identity_key_file"] {
        for secret in [KEY.replace('6', "c"), "d".repeat(64), "sk-abc".to_owned()] {
            let text = format!("runtime: {{deployment: d, instance: i, {key}: '{secret}'}}\nstorage: {{path: m.db}}\n");
            let problems = fixture.problems(&text);
            assert_eq!(problems.len(), 1, "{}", shown(&problems));
            assert!(!shown(&problems).contains(&secret), "{}", shown(&problems));
        }
    }
}

#[test]
fn the_environment_is_held_to_the_same_rules() {
    let fixture = Fixture::new();
    for (key, message) in [
        ("identity_key_env: NOWHERE", "no environment variable"),
        ("identity_key_env: 'A B'", "is not the name"),
        ("identity_key_env: SHORT", "64 hexadecimal digits"),
        ("identity_key_env: ZERO", "all zero"),
        ("identity_key_env: KEY, identity_key_file: identity.key", "one of them is enough"),
    ] {
        let text = format!("runtime: {{deployment: d, instance: i, {key}}}\nstorage: {{path: m.db}}\n");
        let problems = fixture.problems(&text);
        assert!(problems.len() == 1 && problems[0].to_string().contains(message), "{key}\n{}", shown(&problems));
        assert_eq!((problems[0].line, problems[0].key.as_str()), (1, "runtime.identity_key_env"));
    }
    let text = "runtime: {deployment: d, instance: i}\nstorage: {path: m.db}\nagents: [{name: x, type: llm, base_url: \
                'https://h/', model: m, api_key_env: SPACED}]\n";
    assert!(fixture.problems(text)[0].message.contains("without spaces"));
}

#[test]
fn key_files_that_are_none_are_refused() {
    let fixture = Fixture::new();
    fixture.write("short.key", "66");
    fixture.write("zero.key", &"0".repeat(64));
    // A raw key that ends with white space, which the Python server stripped.
    fixture.write("stripped.key", &format!("{}\n", "x".repeat(32)));
    fixture.write("open.key", KEY);
    fs::set_permissions(fixture.path().join("open.key"), Permissions::from_mode(0o640)).unwrap();
    for (name, message) in [
        ("gone.key", "cannot be read"),
        ("short.key", "2 bytes that are no key"),
        ("zero.key", "all zero"),
        ("stripped.key", "never stripped"),
        ("open.key", "mode 640"),
        ("data", "not an ordinary file"),
    ] {
        let text =
            format!("runtime: {{deployment: d, instance: i}}\nstorage:\n  path: m.db\n  master_key_file: {name}\n");
        let problems = fixture.problems(&text);
        assert!(problems.len() == 1 && problems[0].to_string().contains(message), "{name}\n{}", shown(&problems));
        assert_eq!((problems[0].line, problems[0].key.as_str()), (4, "storage.master_key_file"));
    }
    let token = |name: &str| {
        fixture.problems(&format!(
            "runtime: {{deployment: d, instance: i}}\nstorage: {{path: m.db}}\nagents: [{{name: x, type: llm, base_url: \
             'https://h/', model: m, api_key_file: {name}}}]\n"
        ))
    };
    fixture.write("spaced.key", "a b\n");
    fixture.write("empty.key", "\n");
    for (name, message) in [("open.key", "mode 640"), ("spaced.key", "without spaces"), ("empty.key", "1 to 4096")] {
        let problems = token(name);
        assert!(problems.len() == 1 && problems[0].to_string().contains(message), "{name}\n{}", shown(&problems));
    }
    assert!(token("api.key").is_empty());
}

#[test]
fn a_key_that_is_missing_under_its_default_name_is_missed() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.path().join("master.key")).unwrap();
    let problems = fixture.problems("runtime: {deployment: d, instance: i}\nstorage: {path: m.db}\n");
    assert_eq!((problems.len(), problems[0].key.as_str()), (1, "storage.master_key_file"));
    assert!(problems[0].to_string().contains("mfp keygen"), "{}", problems[0]);
}
