use super::*;

fn bar(value: f64, side: Side) -> Bar {
    Bar { name: "a".to_owned(), value, limit: 1_000.0, side }
}

#[test]
fn numbers_have_three_digits_that_count() {
    let cases = [
        (0.0, "0"),
        (0.012_345, "0.0123"),
        (1.0, "1"),
        (9.996, "10"),
        (3.145_9, "3.15"),
        (123.4, "123"),
        (999.6, "1,000"),
        (12_345.0, "12,300"),
        (1_234_567.0, "1,230,000"),
        (-1_234.0, "-1,230"),
        (-123.0, "-123"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text);
    }
}

#[test]
fn units_keep_numbers_short() {
    let cases = [
        (999.0, "ns", "999 ns"),
        (1_500.0, "ns", "1.5 µs"),
        (2_500_000.0, "ns", "2.5 ms"),
        (4_096.0, "bytes", "4,100 bytes"),
        (65_536.0, "bytes", "64 KiB"),
        (1_572_864.0, "bytes", "1.5 MiB"),
        (12_000.0, "messages/s", "12,000 messages/s"),
    ];
    for (value, unit, text) in cases {
        assert_eq!(with_unit(value, unit), text);
    }
}

#[test]
fn a_missed_bar_is_said_to_be_missed() {
    assert_eq!(row(&bar(999.0, Side::AtMost)), "999 | at most 1,000 | holds");
    assert_eq!(row(&bar(1_010.0, Side::AtMost)), "1,010 | at most 1,000 | **missed**");
    assert_eq!(row(&bar(999.0, Side::AtLeast)), "999 | at least 1,000 | **missed**");
}

#[test]
fn a_limit_is_as_it_was_given() {
    for (limit, text) in [(65_536.0, "65,536"), (1.3, "1.3"), (1_048_576.5, "1,048,576.5"), (100.0, "100")] {
        let bar = Bar { limit, ..bar(0.0, Side::AtMost) };
        assert_eq!(row(&bar), format!("0 | at most {text} | holds"));
    }
}

#[test]
fn a_bar_that_is_not_there_is_an_error_unless_something_was_skipped() {
    let mut figures = Figures::default();
    assert!(cells(&figures, "a").is_err());
    figures.take("skipped redis: not there").unwrap();
    assert!(cells(&figures, "a").unwrap().starts_with("not measured"));
}

#[test]
fn a_figure_that_the_template_names_and_nobody_measured_is_an_error() {
    let error = render(Figures::default()).unwrap_err();
    assert!(format!("{error:#}").contains("rendering"), "{error:#}");
}

/// What the committed report was made from.
const MEASURED: &str = include_str!("../../../docs/benchmarks/figures.txt");

#[test]
fn the_committed_report_is_what_the_template_makes_of_the_committed_figures() {
    let mut figures = Figures::default();
    figures.take(MEASURED).unwrap();
    assert_eq!(render(figures).unwrap(), include_str!("../../../docs/benchmarks.md"), "run tests/report/run.sh");
}

#[test]
fn what_was_skipped_is_said_and_the_rest_is_there() {
    let others = ["pymfp", "NATS", "Redis", "fact nats", "fact redis"];
    let kept = MEASURED.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
    let skipped = ["pymfp", "nats", "redis"].map(|name| format!("skipped {name}: there is no {name} here"));
    let text = kept.chain(skipped.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
    let mut figures = Figures::default();
    figures.take(&text).unwrap();
    let page = render(figures).unwrap();
    for name in ["pymfp", "nats", "redis"] {
        assert!(page.contains(&format!("there is no {name} here")), "{name}");
    }
    assert!(page.contains("| not measured | | |") && page.contains("mfp-tokio, acked by the peer"));
}
