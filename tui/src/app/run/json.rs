//! All events as JSON: a line for each, under which the document of an unfolded one stands. Only unfolded documents exist.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tidied;
use crate::history::{History, document};
use crate::widgets::tree::Tree;

/// The documents of all events.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    events: usize,
    open: BTreeMap<usize, Tree>,
    /// The selected line.
    pub selected: usize,
}

/// What a line is.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// An event, by its place, and whether it is unfolded.
    Event(usize, bool),
    /// A line of the document of an event.
    Part(usize, &'a Tree, usize),
}

impl Forest {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.events
            + self
                .open
                .values()
                .map(|tree| tree.lines().len())
                .sum::<usize>()
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// There are so many events now.
    pub const fn set_events(&mut self, events: usize) {
        self.events = events;
    }

    /// Folds everything.
    pub fn clear(&mut self) {
        let place = self.place();
        self.open.clear();
        self.selected = place;
    }

    /// A line.
    pub fn line(&self, row: usize) -> Line<'_> {
        let mut extra = 0;
        for (place, tree) in &self.open {
            let head = place + extra;
            if row <= head {
                break;
            }
            let lines = tree.lines().len();
            if row <= head + lines {
                return Line::Part(*place, tree, row - head - 1);
            }
            extra += lines;
        }
        let place = row.saturating_sub(extra);
        Line::Event(place, self.open.contains_key(&place))
    }

    /// The row of an event.
    fn row(&self, place: usize) -> usize {
        place
            + self
                .open
                .range(..place)
                .map(|(_, tree)| tree.lines().len())
                .sum::<usize>()
    }

    /// The place of the event that the selected line belongs to.
    pub fn place(&self) -> usize {
        match self.line(self.selected) {
            Line::Event(place, _) | Line::Part(place, ..) => place,
        }
    }

    /// Selects an event, unless a line of it is.
    pub fn look_at(&mut self, place: usize) {
        if self.place() != place {
            self.selected = self.row(place);
        }
    }

    /// The value at the selected line, if it is in a document.
    pub fn value(&self) -> Option<Value> {
        match self.line(self.selected) {
            Line::Event(..) => None,
            Line::Part(_, tree, line) => tree.value(line).cloned(),
        }
    }

    /// Folds or unfolds what is at the selected line.
    pub fn toggle(&mut self, history: &History, encoded: bool) {
        match self.line(self.selected) {
            Line::Event(_, open) => self.set_open(!open, history, encoded),
            Line::Part(place, _, line) => {
                if let Some(tree) = self.open.get_mut(&place) {
                    tree.toggle(line);
                }
            }
        }
    }

    /// Folds or unfolds what is at the selected line; folding what cannot be folded goes to what it is in.
    pub fn set_open(&mut self, open: bool, history: &History, encoded: bool) {
        match self.line(self.selected) {
            Line::Event(place, _) if open => self.plant(place, 1, history, encoded),
            Line::Event(place, _) => {
                self.open.remove(&place);
            }
            Line::Part(place, _, line) => {
                let head = self.row(place);
                let Some(tree) = self.open.get_mut(&place) else {
                    return;
                };
                let to = tree.set_open(line, open);
                let top = !open
                    && to == line
                    && tree.lines().get(line).is_some_and(|line| line.depth == 0);
                self.selected = if top { head } else { head + 1 + to };
            }
        }
    }

    /// Unfolds all of the document at the selected line, or folds it.
    pub fn unfold(&mut self, all: bool, history: &History, encoded: bool) {
        let place = self.place();
        self.selected = self.row(place);
        if all {
            self.plant(place, usize::MAX, history, encoded);
        } else {
            self.open.remove(&place);
        }
    }

    fn plant(&mut self, place: usize, depth: usize, history: &History, encoded: bool) {
        if let Some(event) = history.get(place) {
            let document = if encoded {
                document::encoded(event)
            } else {
                tidied(document::decoded(event))
            };
            self.open.insert(place, Tree::new(document, depth));
        }
    }
}
