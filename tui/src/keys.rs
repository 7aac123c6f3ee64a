//! Keys: one stroke, and sequences of them as people write them: `j`, `ctrl-d`, `g g`, `enter`.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// One stroke of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub struct Stroke {
    /// The key.
    pub code: KeyCode,
    /// Whether control is held.
    pub ctrl: bool,
}

const NAMES: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

impl Stroke {
    /// A character.
    pub const fn char(c: char) -> Self {
        Self {
            code: KeyCode::Char(c),
            ctrl: false,
        }
    }

    /// A key without control.
    pub const fn key(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    /// A character with control.
    pub const fn ctrl(c: char) -> Self {
        Self {
            code: KeyCode::Char(c),
            ctrl: true,
        }
    }

    /// What a key event means; nothing when a key is let go, or with keys that we do not use.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release || event.modifiers.contains(KeyModifiers::ALT) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            // With control, terminals differ in whether they tell of shift.
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Some(Self { code, ctrl })
    }

    /// Reads one stroke.
    pub fn parse(text: &str) -> Option<Self> {
        let (ctrl, rest) = text
            .strip_prefix("ctrl-")
            .map_or((false, text), |rest| (true, rest));
        let named = NAMES
            .iter()
            .find(|(name, _)| *name == rest)
            .map(|(_, code)| *code);
        let code = match (named, rest.strip_prefix('f').and_then(|n| n.parse().ok())) {
            (Some(code), _) => code,
            (None, Some(number @ 1..=12)) => KeyCode::F(number),
            _ => {
                let mut letters = rest.chars();
                match (letters.next(), letters.next()) {
                    (Some(c), None) if !c.is_control() => KeyCode::Char(c),
                    _ => return None,
                }
            }
        };
        Some(Self { code, ctrl })
    }

    /// Reads a sequence of strokes, a blank between each two.
    pub fn sequence(text: &str) -> Option<Vec<Self>> {
        let strokes: Option<Vec<_>> = text.split(' ').map(Self::parse).collect();
        strokes.filter(|strokes| !strokes.is_empty())
    }
}

impl fmt::Display for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(number)) => write!(f, "f{number}"),
            (None, other) => write!(f, "{other:?}"),
        }
    }
}

/// A sequence as people write it.
pub fn written(strokes: &[Stroke]) -> String {
    let each: Vec<String> = strokes.iter().map(Stroke::to_string).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "j",
            "G",
            "ctrl-d",
            "g g",
            "enter",
            "shift-tab",
            "space",
            "f1",
            "f w",
            "?",
            "pgdn",
            "y i",
        ] {
            let strokes = Stroke::sequence(text).expect(text);
            assert_eq!(written(&strokes), text);
        }
        for text in ["", "ctrl-", "hello", "a  b", "\u{1b}"] {
            assert_eq!(Stroke::sequence(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_let_go_is_no_stroke() {
        let mut event = KeyEvent::new(KeyCode::Char('D'), KeyModifiers::CONTROL);
        assert_eq!(Stroke::of(&event), Some(Stroke::ctrl('d')));
        event.kind = KeyEventKind::Release;
        assert_eq!(Stroke::of(&event), None);
    }
}
