//! Whatever stands in a file, it is read to an end.

use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::{FULL, Fixture, shown};

thread_local! {
    /// One directory for all cases: they only write the configuration.
    static FIXTURE: Fixture = Fixture::new();
}

fn read(text: &str) {
    FIXTURE.with(|fixture| {
        for problem in fixture.problems(text) {
            assert!(!problem.message.is_empty() && problem.to_string().contains("mfp.yaml"), "{problem}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn any_text_of_yaml(text in "[a-z0-9:,&*!|>'\"%@` #?{}\\[\\]\n\t-]{0,200}") {
        read(&text);
    }

    #[test]
    fn a_mutated_file(cuts in prop::collection::vec((any::<Index>(), any::<Index>(), "[a-z:{}\\[\\], \n\"-]{0,4}"), 1..5)) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, len, put) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + len.index(6)).min(text.len());
            text.splice(at..end, put.chars());
        }
        read(&text.into_iter().collect::<String>());
    }
}

#[test]
fn deep_nesting_ends() {
    for open in ["[", "{a: ", "- ", "a:\n"] {
        read(&open.repeat(20_000));
    }
    let ladder: Vec<_> = (0..2_000).map(|depth| format!("{}a:", " ".repeat(depth % 300))).collect();
    read(&ladder.join(
        "
",
    ));
}

#[test]
fn many_keys_take_no_longer_than_they_are_many() {
    let keys: Vec<_> = (0..20_000).map(|key| format!("k{key}: 1")).collect();
    FIXTURE.with(|fixture| assert!(fixture.problems(&keys.join("\n")).len() > 20_000));
}

/// A key that the parser knows and never reads would be taken whatever it says.
#[test]
fn no_key_is_known_and_not_read() {
    let fixture = Fixture::new();
    let lines: Vec<&str> = FULL.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        // An empty list nested in a list is a value of no key.
        let bad = format!("{key}: [[]]");
        let mut text = lines.clone();
        text[index] = &bad;
        let problems = fixture.problems(&text.join("\n"));
        let found = problems.iter().any(|problem| problem.line == index + 1);
        assert!(found, "{key}: [[]] is taken for {value}\n{}", shown(&problems));
    }
}
