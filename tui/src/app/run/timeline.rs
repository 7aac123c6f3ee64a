//! The timeline: a bar for each group, and how much of time is seen.

use super::facets::Facets;
use crate::history::History;
use crate::widgets::timeline::Axis;

/// The greatest zoom.
const MOST_ZOOM: u32 = 1 << 16;

/// The timeline.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The numbers of the groups that have a bar.
    pub groups: Vec<usize>,
    /// The selected bar.
    pub selected: usize,
    /// How much wider than the screen all of time is.
    pub zoom: u32,
    /// The first moment that is seen, as a share of all of time, in millionths.
    pub from: u32,
    /// Whether idle time is folded.
    pub fold: bool,
    moments: Vec<i64>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            selected: 0,
            zoom: 1,
            from: 0,
            fold: true,
            moments: Vec::new(),
        }
    }
}

impl Lines {
    /// Takes the groups that are shown.
    pub fn arrange(&mut self, history: &History, facets: &Facets) {
        let before = self.groups.get(self.selected).copied();
        let groups = history.groups().iter().enumerate();
        self.groups = groups
            .filter(|(_, group)| facets.shows(group))
            .map(|(number, _)| number)
            .collect();
        let same = before.and_then(|before| self.groups.iter().position(|group| *group == before));
        self.selected = same
            .unwrap_or(self.selected)
            .min(self.groups.len().saturating_sub(1));
        let known = self.moments.len();
        self.moments
            .extend(history.iter().skip(known).map(|event| event.time));
        // Times of a history do not run back; those of a hostile one may.
        if !self.moments.is_sorted() {
            self.moments.sort_unstable();
        }
    }

    /// Where times are on so many cells, and the first cell that is seen.
    pub fn axis(&self, width: u16) -> (Axis, u32) {
        let axis = Axis::new(&self.moments, width, self.zoom, self.fold);
        let most = axis.cells().saturating_sub(u32::from(width));
        let pan = u64::from(axis.cells()) * u64::from(self.from) / 1_000_000;
        (axis, u32::try_from(pan).unwrap_or(u32::MAX).min(most))
    }

    /// The place of the first event of the selected bar.
    pub fn place(&self, history: &History) -> Option<usize> {
        let group = self.groups.get(self.selected)?;
        history
            .groups()
            .get(*group)
            .map(crate::history::group::Group::head)
    }

    /// Selects the bar of an event.
    pub fn look_at(&mut self, history: &History, place: usize) {
        let group = history.group_of(place);
        let row = self.groups.iter().position(|other| Some(*other) == group);
        self.selected = row.unwrap_or(self.selected);
    }

    /// Shows all of time.
    pub const fn fit(&mut self) {
        self.zoom = 1;
        self.from = 0;
    }

    /// Folds or unfolds idle time.
    pub const fn toggle_gaps(&mut self) {
        self.fold = !self.fold;
    }

    /// Twice as wide, or half.
    pub fn zoom(&mut self, more: bool) {
        let middle = self.from + self.share() / 2;
        self.zoom = if more {
            (self.zoom * 2).min(MOST_ZOOM)
        } else {
            (self.zoom / 2).max(1)
        };
        self.from = middle
            .saturating_sub(self.share() / 2)
            .min(1_000_000 - self.share());
    }

    /// Goes a quarter of the screen on, or back.
    pub fn pan(&mut self, on: bool) {
        let step = (self.share() / 4).max(1);
        let from = if on {
            self.from + step
        } else {
            self.from.saturating_sub(step)
        };
        self.from = from.min(1_000_000 - self.share());
    }

    /// The share of time that is seen, in millionths.
    const fn share(&self) -> u32 {
        1_000_000 / self.zoom
    }
}
