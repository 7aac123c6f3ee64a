//! Text that may be shown: nothing that a payload says reaches the terminal as a command to it.
//!
//! Control characters become visible symbols, what reorders or joins text is left out, and what is longer than its place
//! is cut at the end of a character. The work depends on the place, never on the length of the text.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A character that a terminal draws in one place has at most so many parts; more is an attack on the renderer.
const MOST_PARTS: usize = 8;

/// What a character is shown as; `None` leaves it out.
const fn shown(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' => Some('\u{fffd}'),
        // Marks, embeddings and isolates of direction.
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => None,
        // What has no width, separates lines, or chooses the form of the character before it.
        '\u{00ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' => None,
        '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' => None,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => None,
        _ => Some(c),
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The text as it may be shown, on one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_plain(text) || text.chars().all(|c| shown(c) == Some(c)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter_map(shown).collect())
    }
}

/// How many cells a text takes when it is shown.
pub fn width(text: &str) -> usize {
    if is_plain(text) {
        text.len()
    } else {
        clean(text).graphemes(true).map(cells).sum()
    }
}

/// How many cells one character takes: what claims more than two is cut to its first part.
fn cells(grapheme: &str) -> usize {
    grapheme.width().min(2)
}

/// The part of a text that fits into so many cells, cleaned; what is cut ends in `…`.
pub fn fit(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && is_plain(text) {
        return Cow::Borrowed(text);
    }
    // No need to look at more than what can be shown.
    let enough = most.saturating_mul(4 * MOST_PARTS).saturating_add(64);
    let (head, whole) = head(text, enough);
    let head = clean(head);
    let mut out = String::new();
    let mut used = 0;
    // Where to cut if the rest does not fit: after the last character that leaves room for the ellipsis.
    let mut cut = 0;
    for grapheme in head.graphemes(true) {
        let (grapheme, wide) = drawable(grapheme);
        if used + wide > most {
            return ended(out, cut, most);
        }
        out.push_str(grapheme);
        used += wide;
        if used < most {
            cut = out.len();
        }
    }
    if whole {
        Cow::Owned(out)
    } else {
        ended(out, cut, most)
    }
}

/// A character of a few parts and the cells that it takes.
fn drawable(grapheme: &str) -> (&str, usize) {
    let end = grapheme
        .char_indices()
        .nth(MOST_PARTS)
        .map_or(grapheme.len(), |(at, _)| at);
    let short = &grapheme[..end];
    if short.width() <= 2 {
        return (short, short.width());
    }
    let first = grapheme.chars().next().map_or(0, char::len_utf8);
    let first = &grapheme[..first];
    (first, cells(first))
}

fn ended(mut out: String, cut: usize, most: usize) -> Cow<'static, str> {
    out.truncate(cut);
    if most > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The first bytes of a text, to the end of a character, and whether that is all of it.
pub fn head(text: &str, bytes: usize) -> (&str, bool) {
    if text.len() <= bytes {
        return (text, true);
    }
    (&text[..text.floor_char_boundary(bytes)], false)
}

/// The lines of a text that is shown on many lines: split where it says so, and where a line is longer than `most` bytes.
pub fn lines(text: &str, most: usize) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(move |line| Pieces {
        rest: Some(line),
        most: most.max(4),
    })
}

struct Pieces<'a> {
    rest: Option<&'a str>,
    most: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let (piece, whole) = head(rest, self.most);
        if !whole {
            self.rest = Some(&rest[piece.len()..]);
        }
        Some(piece)
    }
}

/// A count of bytes for people.
pub fn bytes(count: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    match count {
        0..KIB => format!("{count} B"),
        KIB..MIB => format!("{}.{} KiB", count / KIB, count % KIB * 10 / KIB),
        _ => format!("{}.{} MiB", count / MIB, count % MIB * 10 / MIB),
    }
}

/// A number with its thousands apart.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_to_the_terminal_become_visible() {
        assert_eq!(clean("a\x1b[31mb"), "a␛[31mb");
        assert_eq!(clean("a\nb\tc\x7f\u{9b}"), "a b c␡\u{fffd}");
        assert_eq!(clean("\u{202e}abc\u{2066}\u{200d}"), "abc");
        assert!(matches!(clean("plain ✓"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_does_not_fit_is_cut_at_the_end_of_a_character() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("日本語", 1), "…");
        assert_eq!(fit("abc", 0), "");
        let many_marks = format!("e{}", "\u{301}".repeat(100_000));
        assert!(fit(&many_marks, 3).chars().count() <= 3 * MOST_PARTS + 1);
    }

    #[test]
    fn megabytes_cost_no_more_than_their_place() {
        let text = "x".repeat(64 << 20);
        assert_eq!(fit(&text, 10), "xxxxxxxxx…");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(12), "12 B");
    }

    #[test]
    fn long_lines_are_split() {
        let split: Vec<_> = lines("abcdefgh\nij", 5).collect();
        assert_eq!(split, ["abcde", "fgh", "ij"]);
        assert_eq!(lines("", 5).collect::<Vec<_>>(), [""]);
    }

    proptest! {
        #[test]
        fn nothing_shown_is_a_command_or_too_wide(text: String, most in 0_usize..40) {
            let shown = fit(&text, most);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(width(&shown) <= most, "{shown:?} in {most}");
        }

        #[test]
        fn cleaning_twice_is_cleaning_once(text: String) {
            let once = clean(&text).into_owned();
            prop_assert_eq!(clean(&once), once.as_str());
        }
    }
}
