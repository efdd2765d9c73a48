//! The guide's code is the driver that this suite runs.

#[test]
fn the_code_of_the_guide_is_the_driver() {
    let guide = include_str!("../../../docs/writing-a-driver.md");
    let driver = include_str!("../../src/std_driver.rs");
    let blocks = guide.split("\n```rust\n").skip(1).map(|rest| rest.split_once("\n```").unwrap().0);
    let code = blocks.collect::<Vec<_>>().join("\n\n") + "\n";
    for (number, (told, built)) in code.lines().zip(driver.lines()).enumerate() {
        assert_eq!(told, built, "line {} of the driver", number + 1);
    }
    assert_eq!(code, driver);
}

#[test]
fn the_driver_has_less_than_200_lines_of_code() {
    let lines = include_str!("../../src/std_driver.rs").lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(code < 200, "{code} lines");
}
