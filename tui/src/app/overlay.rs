//! What lies over the screen: help, the palette, a line to type into, messages.

use crossterm::event::KeyCode;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern as Fuzzy};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Cmd, Model, act, entered};
use crate::keymap::{Action, Keymap};
use crate::keys::Stroke;

/// The longest text that can be typed or pasted.
const MOST: usize = 2000;

/// What lies over the screen.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys of the screen.
    Help(Menu),
    /// Everything that can be done, to choose from by typing.
    Palette(Menu),
    /// A line to type into.
    Prompt(Prompt),
    /// What was told, from this one on backwards.
    Messages(usize),
}

/// A line of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is done.
    pub action: Action,
    /// What it is called.
    pub name: &'static str,
    /// The key, if there is one.
    pub key: String,
    /// Why it is not possible.
    pub refused: Option<&'static str>,
}

/// A menu.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What was typed.
    pub typed: Line,
    /// All lines.
    pub items: Vec<Item>,
    /// The places of those that fit what was typed, best first.
    pub shown: Vec<usize>,
    /// The selected one of those.
    pub selected: usize,
}

impl Menu {
    fn new(model: &Model) -> Self {
        let contexts = model.contexts();
        let mut items: Vec<Item> = Vec::new();
        for binding in Keymap::bindings(contexts) {
            if items.iter().any(|item| item.action == binding.action) {
                continue;
            }
            items.push(Item {
                action: binding.action,
                name: binding.name,
                key: model
                    .keymap
                    .keys(contexts, binding.action)
                    .unwrap_or_default(),
                refused: model.refuses(binding.action),
            });
        }
        let shown = (0..items.len()).collect();
        Self {
            typed: Line::default(),
            items,
            shown,
            selected: 0,
        }
    }

    /// Takes a text that was pasted.
    pub(super) fn paste(&mut self, text: &str) {
        self.typed.insert(text);
        self.choose();
    }

    fn choose(&mut self) {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let wanted = Fuzzy::parse(&self.typed.text, CaseMatching::Smart, Normalization::Smart);
        let mut room = Vec::new();
        let all = self.items.iter().enumerate();
        let scored = all.filter_map(|(place, item)| {
            let text = format!("{} {}", item.name, item.key);
            Some((
                wanted.score(Utf32Str::new(&text, &mut room), &mut matcher)?,
                place,
            ))
        });
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by_key(|(score, place)| (std::cmp::Reverse(*score), *place));
        self.shown = scored.into_iter().map(|(_, place)| place).collect();
        self.selected = 0;
    }

    fn current(&self) -> Option<&Item> {
        self.shown
            .get(self.selected)
            .and_then(|place| self.items.get(*place))
    }
}

/// For what a line is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To look for it.
    Search,
    /// To go to the event of this id.
    Event,
}

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// For what.
    pub purpose: Purpose,
    /// What has been typed.
    pub line: Line,
}

impl Prompt {
    /// An empty line.
    pub fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            line: Line::default(),
        }
    }

    /// Takes a text that was pasted.
    pub(super) fn paste(&mut self, text: &str) {
        self.line.insert(text);
    }
}

/// A line of text and the place in it at which something typed goes, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The text.
    pub text: String,
    /// The place.
    pub at: usize,
}

impl Line {
    fn insert(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.len() >= MOST {
                return;
            }
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Handles a key; whether it was one of editing.
    pub(super) fn key(&mut self, stroke: Stroke) -> bool {
        let before = |line: &Self| {
            line.text[..line.at]
                .char_indices()
                .next_back()
                .map_or(0, |(at, _)| at)
        };
        let after = |line: &Self| {
            line.at
                + line.text[line.at..]
                    .chars()
                    .next()
                    .map_or(0, char::len_utf8)
        };
        match (stroke.code, stroke.ctrl) {
            (KeyCode::Char('u'), true) => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            (KeyCode::Char('w'), true) => {
                let kept = self.text[..self.at].trim_end();
                let from = kept.rfind(' ').map_or(0, |at| at + 1);
                self.text.drain(from..self.at);
                self.at = from;
            }
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.at = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.at = self.text.len(),
            (KeyCode::Char(c), false) => self.insert(c.encode_utf8(&mut [0; 4])),
            (KeyCode::Backspace, _) => {
                let from = before(self);
                self.text.drain(from..self.at);
                self.at = from;
            }
            (KeyCode::Delete, _) => {
                self.text.drain(self.at..after(self));
            }
            (KeyCode::Left, _) => self.at = before(self),
            (KeyCode::Right, _) => self.at = after(self),
            _ => return false,
        }
        true
    }
}

impl Overlay {
    /// The keys of the screen.
    pub fn help(model: &Model) -> Self {
        Self::Help(Menu::new(model))
    }

    /// Everything that can be done.
    pub fn palette(model: &Model) -> Self {
        Self::Palette(Menu::new(model))
    }
}

/// A key while something lies over the screen.
pub(super) fn key(model: &mut Model, mut overlay: Overlay, stroke: Stroke) -> Vec<Cmd> {
    if stroke == Stroke::key(KeyCode::Esc) {
        return Vec::new();
    }
    match &mut overlay {
        Overlay::Prompt(prompt) => {
            if stroke == Stroke::key(KeyCode::Enter) {
                return entered(model, prompt.purpose, &prompt.line.text);
            }
            prompt.line.key(stroke);
        }
        Overlay::Palette(menu) => match menu_key(menu, stroke, false) {
            Chosen::Action(action) => return act(model, action),
            Chosen::Nothing => {
                if menu.typed.key(stroke) {
                    menu.choose();
                }
            }
            Chosen::Moved => {}
        },
        Overlay::Help(menu) => match menu_key(menu, stroke, true) {
            Chosen::Action(action) => return act(model, action),
            Chosen::Nothing if matches!(stroke.code, KeyCode::Char('q' | '?')) => {
                return Vec::new();
            }
            Chosen::Nothing | Chosen::Moved => {}
        },
        Overlay::Messages(from) => match stroke.code {
            KeyCode::Char('q') | KeyCode::Enter => return Vec::new(),
            KeyCode::Down | KeyCode::Char('j') => {
                *from = (*from + 1).min(model.messages.len().saturating_sub(1))
            }
            KeyCode::Up | KeyCode::Char('k') => *from = from.saturating_sub(1),
            _ => {}
        },
    }
    model.overlay = Some(overlay);
    Vec::new()
}

enum Chosen {
    Action(Action),
    Moved,
    Nothing,
}

fn menu_key(menu: &mut Menu, stroke: Stroke, letters: bool) -> Chosen {
    let last = menu.shown.len().saturating_sub(1);
    let by: isize = match (stroke.code, stroke.ctrl) {
        (KeyCode::Enter, _) => {
            return menu
                .current()
                .map_or(Chosen::Moved, |item| Chosen::Action(item.action));
        }
        (KeyCode::Down, _) | (KeyCode::Char('n'), true) => 1,
        (KeyCode::Up, _) | (KeyCode::Char('p'), true) => -1,
        (KeyCode::Char('j'), false) if letters => 1,
        (KeyCode::Char('k'), false) if letters => -1,
        (KeyCode::PageDown, _) => 10,
        (KeyCode::PageUp, _) => -10,
        _ => return Chosen::Nothing,
    };
    menu.selected = menu.selected.saturating_add_signed(by).min(last);
    Chosen::Moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_whole_characters() {
        let mut line = Line::default();
        line.insert("añ b\n日");
        assert_eq!(line.text, "añ b日");
        for (stroke, text, at) in [
            (Stroke::key(KeyCode::Backspace), "añ b", 5),
            (Stroke::key(KeyCode::Left), "añ b", 4),
            (Stroke::ctrl('w'), "b", 0),
            (Stroke::key(KeyCode::Delete), "", 0),
            (Stroke::key(KeyCode::Delete), "", 0),
            (Stroke::char('x'), "x", 1),
            (Stroke::ctrl('u'), "", 0),
        ] {
            assert!(line.key(stroke));
            assert_eq!((line.text.as_str(), line.at), (text, at), "{stroke}");
        }
        assert!(!line.key(Stroke::key(KeyCode::F(1))));
        line.insert(&"x".repeat(MOST * 2));
        assert_eq!(line.text.len(), MOST);
    }
}
