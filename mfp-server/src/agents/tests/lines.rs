//! Lines of any length in bounded memory.

use crate::agents::subprocess::lines::{Line, Lines};

#[tokio::test]
async fn lines_are_split_and_those_too_long_are_passed_over() {
    let stream: &[u8] = b"one\n\nfour!\ntoo long a line\nfive\nrest";
    let mut lines = Lines::new(stream, 5);
    let mut seen = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        seen.push(match line {
            Line::Text(text) => String::from_utf8(text).unwrap(),
            Line::TooLong => "-".to_owned(),
        });
    }
    assert_eq!(seen, ["one", "", "four!", "-", "five", "rest"]);
}
