//! The compact view: a row for each group, and under unfolded ones a row for each of their events.

use std::collections::BTreeSet;

use super::facets::Facets;
use crate::history::History;

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A group, by its number.
    Group(usize),
    /// An event of a group: the group's number and the event's place.
    Event(usize, usize),
}

/// The compact view.
#[derive(Clone, Debug, Default)]
pub struct Compact {
    /// The rows.
    pub rows: Vec<Row>,
    /// The selected row.
    pub selected: usize,
    /// The unfolded groups.
    pub open: BTreeSet<usize>,
    /// How many groups are hidden.
    pub hidden: usize,
}

impl Compact {
    /// Makes the rows anew; the selection stays on its row if that is still there.
    pub fn arrange(&mut self, history: &History, facets: &Facets, newest_first: bool) {
        let before = self.rows.get(self.selected).copied();
        self.rows.clear();
        let groups = history.groups();
        for at in 0..groups.len() {
            let number = if newest_first {
                groups.len() - 1 - at
            } else {
                at
            };
            let group = &groups[number];
            if !facets.shows(group) {
                continue;
            }
            self.rows.push(Row::Group(number));
            if self.open.contains(&number) {
                self.rows
                    .extend(group.events.iter().map(|place| Row::Event(number, *place)));
            }
        }
        let shown = self
            .rows
            .iter()
            .filter(|row| matches!(row, Row::Group(_)))
            .count();
        self.hidden = groups.len() - shown;
        if before.is_some() && self.rows.get(self.selected).copied() != before {
            let of = |row: &Row| match row {
                Row::Group(group) | Row::Event(group, _) => *group,
            };
            let same = self.rows.iter().position(|row| Some(*row) == before);
            let group = || {
                self.rows
                    .iter()
                    .position(|row| Some(of(row)) == before.as_ref().map(of))
            };
            self.selected = same.or_else(group).unwrap_or(self.selected);
        }
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
    }

    /// The place of the event that the selected row is about.
    pub fn place(&self, history: &History) -> Option<usize> {
        match self.rows.get(self.selected)? {
            Row::Group(group) => history
                .groups()
                .get(*group)
                .map(crate::history::group::Group::head),
            Row::Event(_, place) => Some(*place),
        }
    }

    /// Selects the row of an event, or that of its group.
    pub fn look_at(&mut self, history: &History, place: usize) {
        let Some(group) = history.group_of(place) else {
            return;
        };
        let own = self
            .rows
            .iter()
            .position(|row| *row == Row::Event(group, place));
        let whole = || self.rows.iter().position(|row| *row == Row::Group(group));
        let head = history
            .groups()
            .get(group)
            .is_some_and(|it| it.head() == place);
        let row = if head {
            whole().or(own)
        } else {
            own.or_else(whole)
        };
        self.selected = row.unwrap_or(self.selected);
    }

    /// Unfolds the group of an event that is not the first of it.
    pub fn unfold_to(&mut self, history: &History, place: usize) {
        if let Some(group) = history.group_of(place)
            && history
                .groups()
                .get(group)
                .is_some_and(|it| it.head() != place)
        {
            self.open.insert(group);
        }
    }

    /// Folds or unfolds the selected group; whether there is more than one event to show.
    pub fn toggle(&mut self, history: &History) -> bool {
        let Some(Row::Group(group)) = self.rows.get(self.selected).copied() else {
            return false;
        };
        if history
            .groups()
            .get(group)
            .is_none_or(|it| it.events.len() < 2)
        {
            return false;
        }
        if !self.open.remove(&group) {
            self.open.insert(group);
        }
        true
    }

    /// Unfolds the selected group, or folds it from any of its rows.
    pub fn set_open(&mut self, open: bool) {
        let Some(Row::Group(group) | Row::Event(group, _)) = self.rows.get(self.selected).copied()
        else {
            return;
        };
        if open {
            self.open.insert(group);
        } else {
            self.open.remove(&group);
            let row = self.rows.iter().position(|row| *row == Row::Group(group));
            self.selected = row.unwrap_or(self.selected);
        }
    }

    /// Unfolds or folds everything.
    pub fn set_all(&mut self, history: &History, open: bool) {
        self.open = if open {
            (0..history.groups().len()).collect()
        } else {
            BTreeSet::new()
        };
    }
}
