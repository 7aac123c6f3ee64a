//! How things look to people: times, spans, cards, tables, and names of enums.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use steadfast_proto::json;
use steadfast_proto::time::{duration_nanos_saturating, timestamp_nanos_saturating};
use steadfast_sim::scenario::duration_text;
use unicode_width::UnicodeWidthStr;

use super::args::TimeFormat;
use crate::report::BOLD;

const SECOND: i64 = 1_000_000_000;

/// How times look, and what "now" is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    format: TimeFormat,
    now: i64,
}

impl Times {
    pub(crate) fn now(format: TimeFormat) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        Self {
            format,
            now: i64::try_from(now).unwrap_or(i64::MAX),
        }
    }

    /// A time, or nothing.
    pub(crate) fn show(&self, time: Option<&Timestamp>) -> String {
        let Some(time) = time else {
            return String::new();
        };
        match self.format {
            TimeFormat::Relative => relative(self.now, timestamp_nanos_saturating(time)),
            TimeFormat::Iso => iso(time),
            TimeFormat::Raw => raw(time),
        }
    }
}

/// A time to the second.
pub(crate) fn iso(time: &Timestamp) -> String {
    raw(&Timestamp {
        seconds: time.seconds,
        nanos: 0,
    })
}

fn raw(time: &Timestamp) -> String {
    match json::to_value(time) {
        serde_json::Value::String(text) => text,
        // What is no time that RFC 3339 knows.
        other => other.to_string(),
    }
}

/// How long ago something was, or in how long it will be.
fn relative(now: i64, then: i64) -> String {
    const STEPS: [(i64, &str); 7] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let past = now.saturating_sub(then);
    let seconds = (past / SECOND).abs();
    let Some((step, name)) = STEPS.iter().find(|(step, _)| seconds >= *step) else {
        return "now".to_owned();
    };
    let count = seconds / step;
    let many = if count == 1 { "" } else { "s" };
    let when = if past >= 0 { "ago" } else { "from now" };
    format!("{count} {name}{many} {when}")
}

/// A span of time, or nothing.
pub(crate) fn span_text(span: Option<&prost_types::Duration>) -> String {
    let nanos = span.map_or(0, duration_nanos_saturating);
    match nanos {
        0 => String::new(),
        nanos => duration_text(Duration::from_nanos(nanos.unsigned_abs())),
    }
}

/// The name of an enum's value as Temporal's tools show it: `WORKFLOW_EXECUTION_STATUS_TIMED_OUT` is `TimedOut`.
pub(crate) fn short(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    let words = words.filter(|word| !word.is_empty());
    words.fold(String::new(), |mut out, word| {
        let (first, rest) = word.split_at(1);
        out.push_str(first);
        out.push_str(&rest.to_ascii_lowercase());
        out
    })
}

/// Text with nothing in it that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        match letter {
            '\n' | '\t' => out.push(letter),
            _ if letter.is_control() => out.extend(letter.escape_default()),
            _ => out.push(letter),
        }
        out
    })
}

/// Names and values, one of each a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Card(Vec<(String, String)>);

impl Card {
    /// A value that is shown also when it is empty.
    pub(crate) fn text(mut self, name: impl Into<String>, value: &str) -> Self {
        self.0.push((name.into(), value.to_owned()));
        self
    }

    /// A value that is left out when it is empty.
    pub(crate) fn some(self, name: impl Into<String>, value: &str) -> Self {
        match value {
            "" => self,
            value => self.text(name, value),
        }
    }

    pub(crate) fn render(&self) -> String {
        let widest = self.0.iter().map(|(name, _)| name.width()).max();
        let width = widest.unwrap_or_default();
        self.0.iter().fold(String::new(), |mut out, (name, value)| {
            let _ = writeln!(out, "  {name:width$}  {}", printable(value));
            out
        })
    }
}

/// Rows under headings. Columns are as wide as their widest cell.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self {
            headings: Some(headings.map(str::to_owned).to_vec()),
            rows: Vec::new(),
        }
    }

    /// The next page of the same table: it has been headed already.
    pub(crate) fn headed(mut self, headed: bool) -> Self {
        self.headings = self.headings.filter(|_| !headed);
        self
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)).to_vec());
    }

    /// The same of more cells than there are headings: those without one are left out.
    pub(crate) fn cut<const N: usize>(&mut self, cells: [String; N]) {
        self.row(cells);
        if let (Some(row), Some(headings)) = (self.rows.last_mut(), &self.headings) {
            row.truncate(headings.len());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn render(&self) -> String {
        let lines = || self.headings.iter().chain(&self.rows);
        let columns = lines().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            lines()
                .filter_map(move |line| line.get(column))
                .map(|cell| cell.width())
                .max()
        };
        let widths: Vec<_> = (0..columns)
            .map(|column| width(column).unwrap_or_default())
            .collect();
        let mut out = String::new();
        for (at, line) in lines().enumerate() {
            let cells = line.iter().zip(&widths).map(|(cell, width)| {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                format!("  {cell}{padding}")
            });
            let line: String = cells.collect();
            let line = line.trim_end();
            let _ = match &self.headings {
                Some(_) if at == 0 => writeln!(out, "{BOLD}{line}{BOLD:#}"),
                _ => writeln!(out, "{line}"),
            };
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now() {
        let at = |seconds: i64| relative(1_000_000 * SECOND, (1_000_000 + seconds) * SECOND);
        assert_eq!(at(0), "now");
        assert_eq!(at(-1), "1 second ago");
        assert_eq!(at(-59), "59 seconds ago");
        assert_eq!(at(-7_200), "2 hours ago");
        assert_eq!(at(86_400), "1 day from now");
        assert_eq!(relative(i64::MAX, i64::MIN), "292 years ago");
    }

    #[test]
    fn names_of_enums_lose_their_prefix() {
        let prefix = "WORKFLOW_EXECUTION_STATUS_";
        assert_eq!(
            short("WORKFLOW_EXECUTION_STATUS_TIMED_OUT", prefix),
            "TimedOut"
        );
        assert_eq!(short("OTHER", prefix), "Other");
        assert_eq!(short("", prefix), "");
    }

    #[test]
    fn a_terminal_is_never_told_what_to_do() {
        assert_eq!(printable("a\u{1b}[31mb\r\n"), "a\\u{1b}[31mb\\r\n");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["Id", "Type"]);
        table.row(["a-long-id".to_owned(), "T".to_owned()]);
        table.row(["世界".to_owned(), "U".to_owned()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "  Id         Type\n  a-long-id  T\n  世界       U\n");
        assert!(!table.headed(true).render().contains("Type"));
    }

    #[test]
    fn cards_align_their_values() {
        let card = Card::default()
            .text("A", "1")
            .text("Long", "2")
            .some("Empty", "");
        assert_eq!(card.render(), "  A     1\n  Long  2\n");
    }
}
