//! What is printed: for people, or as JSON lines.

mod card;
mod console;
pub(crate) mod json;
mod progress;
mod summary;

pub(crate) use card::card;
pub(crate) use console::{Console, json_text};
pub(crate) use progress::Progress;
pub(crate) use summary::{Summary, scenario_line};

use anstyle::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let numbers = [0, 12, 123, 1_234, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "12", "123", "1,234", "1,234,567"]);
    }
}
