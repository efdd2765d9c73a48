use super::{Case, Failure, Version, run_text};

fn outcome(cases: &str, check: impl Fn(&Case<'_>) -> Result<(), Failure>) -> Result<usize, String> {
    run_text("some.json", &format!("{{\"cases\": {cases}}}"), check).map_err(|failure| format!("{failure:?}"))
}

#[test]
fn integers_are_exact() {
    let largest = |case: &Case<'_>| case.expect_integer("n", u64::MAX);
    assert_eq!(outcome(r#"[{"n": 18446744073709551615}]"#, largest), Ok(1));
    for not_it in ["18446744073709551614", "18446744073709551616", "1e3", "-1", "\"1\""] {
        assert!(outcome(&format!("[{{\"n\": {not_it}}}]"), largest).is_err(), "{not_it}");
    }
    assert!(outcome(r#"[{"n": 256}]"#, |case| case.integer::<u8>("n").map(|_| ())).is_err());
}

#[test]
fn a_difference_names_file_case_and_field() {
    let report = outcome(r#"[{"out": "00"}, {"out": "00ff"}, {"out": "0001"}]"#, |case| case.expect("out", &[0]));
    let report = report.unwrap_err();
    assert!(report.contains("2 of 3 cases failed"), "{report}");
    assert!(report.contains("some.json case 1: field `out` differs from byte 1 on"), "{report}");
    assert!(report.contains("some.json case 2: field `out` differs"), "{report}");
}

#[test]
fn nothing_is_skipped() {
    assert!(outcome("[]", |_| Ok(())).unwrap_err().contains("no cases"));
    assert!(outcome(r#"[{"a": 1, "b": 2}]"#, |case| case.expect_integer("a", 1)).unwrap_err().contains("reads: b"));
    let inner = |case: &Case<'_>| case.each("steps", |step| step.expect_integer("a", 1));
    assert_eq!(outcome(r#"[{"steps": [{"a": 1}]}]"#, inner), Ok(1));
    let report = outcome(r#"[{"steps": [{"a": 1}, {"a": 1, "b": 2}]}]"#, inner).unwrap_err();
    assert!(report.contains("case 0 steps[1]: no check reads: b"), "{report}");
    let old_only = |case: &Case<'_>| match case.op()? {
        Some("old") => Ok(()),
        _ => case.unknown_op(),
    };
    assert_eq!(outcome(r#"[{"op": "old"}]"#, old_only), Ok(1));
    assert!(outcome(r#"[{"op": "new"}]"#, old_only).unwrap_err().contains("field `op` is unknown: \"new\""));
    assert!(outcome("[{}]", old_only).unwrap_err().contains("field `op` is unknown: none"));
}

#[test]
fn fields_have_their_type() {
    type Check = fn(&Case<'_>) -> Result<(), Failure>;
    let bad: [(&str, Check); 6] = [
        (r#"[{"x": "0"}]"#, |case| case.bytes("x").map(|_| ())),
        (r#"[{"x": "0000"}]"#, |case| case.array::<3>("x").map(|_| ())),
        (r#"[{"x": 1}]"#, |case| case.text("x").map(|_| ())),
        (r#"[{"x": 1}]"#, |case| case.integers::<u64>("x").map(|_| ())),
        (r#"[{"x": ["00"]}]"#, |case| case.expect_strings("x", &[])),
        (r#"[{"y": 1}]"#, |case| case.integer::<u64>("x").map(|_| ())),
    ];
    for (cases, check) in bad {
        assert!(outcome(cases, check).unwrap_err().contains("field `x`"), "{cases}");
    }
}

#[test]
fn what_the_cases_share_is_read_as_a_case() {
    let check = |case: &Case<'_>| case.context(|context| context.expect_integer("a", 1));
    let text = |context: &str| format!(r#"{{"context": {context}, "cases": [{{}}]}}"#);
    assert_eq!(run_text("some.json", &text(r#"{"a": 1}"#), check).unwrap(), 1);
    for (context, what) in [(r#"{"a": 1, "b": 2}"#, "no check reads: b"), ("7", "is not an object")] {
        let report = run_text("some.json", &text(context), check).unwrap_err();
        assert!(format!("{report:?}").contains(what), "{report:?}");
    }
    assert!(outcome("[{}]", check).unwrap_err().contains("has no context"));
}

#[test]
fn a_file_that_nothing_names_is_noticed() {
    let report = Version::V2.no_file_is_forgotten(&["frame", "no_such_file"], &[("merkle", "a test")]);
    let report = format!("{:?}", report.unwrap_err());
    assert!(report.contains("no_such_file") && report.contains("handshake"), "{report}");
    assert!(!report.contains("frame") && !report.contains("merkle"), "{report}");
}
