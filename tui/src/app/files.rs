//! The list of histories.

use super::{Effects, Go, Screen, replay::Replay, rows, run::Run};
use crate::history::search::Pattern;
use crate::keymap::Action;
use crate::source::{Data, Read, Reference, Request, RequestId};
use crate::theme::Role;

/// By what the list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the source has them.
    #[default]
    File,
    /// By workflow id.
    Id,
    /// Those with problems first.
    Problems,
    /// The latest first.
    Start,
    /// The longest first.
    Took,
    /// The one with most events first.
    Events,
}

impl Order {
    const ALL: [Self; 6] = [
        Self::File,
        Self::Id,
        Self::Problems,
        Self::Start,
        Self::Took,
        Self::Events,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Id => "workflow id",
            Self::Problems => "problems",
            Self::Start => "start",
            Self::Took => "duration",
            Self::Events => "events",
        }
    }
}

/// A history of the list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub history: Reference,
    /// What it is; nothing until it is read.
    pub read: Option<Result<Box<Read>, String>>,
}

/// The list of histories.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// All of them.
    pub entries: Vec<Entry>,
    /// The places of those that are shown, in order.
    pub shown: Vec<usize>,
    /// The selected row of those.
    pub selected: usize,
    /// What is filtered by.
    pub filter: Option<Pattern>,
    /// By what they are sorted.
    pub order: Order,
    /// The request that is under way.
    pub request: Option<RequestId>,
    /// What was wrong.
    pub trouble: Option<String>,
}

impl Files {
    pub(super) fn begin(&mut self, effects: &mut Effects<'_>) {
        self.request = Some(effects.ask(Request::List));
    }

    /// The selected history.
    pub fn current(&self) -> Option<&Entry> {
        self.shown
            .get(self.selected)
            .and_then(|place| self.entries.get(*place))
    }

    /// A history by workflow id, and by run id if that is known.
    pub fn find(&self, workflow: &str, run: &str) -> Option<Reference> {
        let of = |entry: &&Entry| {
            let Some(Ok(read)) = &entry.read else {
                return false;
            };
            let summary = &read.summary;
            summary.workflow_id == workflow && (run.is_empty() || summary.run_id == run)
        };
        self.entries
            .iter()
            .find(of)
            .map(|entry| entry.history.clone())
    }

    pub(super) fn refuses(&self, action: Action) -> Option<&'static str> {
        let none = self.current().is_none();
        match action {
            Action::Open | Action::Replay | Action::CopyId if none => {
                Some("no history is selected")
            }
            _ => None,
        }
    }

    pub(super) fn undo(&mut self) -> bool {
        let had = self.filter.take().is_some();
        self.arrange();
        had
    }

    pub(super) fn entered(&mut self, text: &str, effects: &mut Effects<'_>) {
        if text.is_empty() {
            self.filter = None;
        } else {
            match Pattern::parse(text) {
                Ok(pattern) => self.filter = Some(pattern),
                Err(why) => effects.tell(Role::Fail, why),
            }
        }
        self.arrange();
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        if rows::moved(&mut self.selected, self.shown.len(), effects.page, action) {
            return;
        }
        match action {
            Action::Open => {
                if let Some(entry) = self.current() {
                    let run = Run::new(entry.history.clone(), None);
                    effects.go = Some(Go::Open(Screen::Run(Box::new(run))));
                }
            }
            Action::Replay => {
                if let Some(entry) = self.current() {
                    let replay = Replay::of_reference(entry.history.clone());
                    effects.go = Some(Go::Open(Screen::Replay(Box::new(replay))));
                }
            }
            Action::Refresh => {
                *self = Self {
                    filter: self.filter.take(),
                    order: self.order,
                    selected: self.selected,
                    ..Self::default()
                };
                self.begin(effects);
            }
            Action::Order => {
                let place = Order::ALL
                    .iter()
                    .position(|order| *order == self.order)
                    .unwrap_or(0);
                self.order = Order::ALL[(place + 1) % Order::ALL.len()];
                self.arrange();
                effects.tell(Role::Ok, format!("sorted by {}", self.order.name()));
            }
            Action::NextProblem
            | Action::PreviousProblem
            | Action::NextHit
            | Action::PreviousHit => {
                let forward = matches!(action, Action::NextProblem | Action::NextHit);
                let problems: Vec<usize> = (0..self.shown.len())
                    .filter(|row| self.has_problem(*row))
                    .collect();
                match rows::next(&problems, self.selected, forward) {
                    Some(row) => self.selected = row,
                    None => effects.tell(Role::Ok, "no history has a problem"),
                }
            }
            Action::CopyId => {
                let id = self
                    .current()
                    .and_then(|entry| entry.read.as_ref()?.as_ref().ok());
                let id = id
                    .map(|read| read.summary.workflow_id.clone())
                    .unwrap_or_default();
                effects.copy(&id);
            }
            Action::CopyCommand => {
                let name = self
                    .current()
                    .map(|entry| entry.history.0.clone())
                    .unwrap_or_default();
                effects.copy(&format!(
                    "steadfast console {}",
                    crate::source::files::quoted(&name)
                ));
            }
            _ => {}
        }
    }

    fn has_problem(&self, row: usize) -> bool {
        let entry = self
            .shown
            .get(row)
            .and_then(|place| self.entries.get(*place));
        match entry.and_then(|entry| entry.read.as_ref()) {
            Some(Ok(read)) => read.problems > 0,
            Some(Err(_)) => true,
            None => false,
        }
    }

    pub(super) fn data(&mut self, id: RequestId, data: Data, effects: &mut Effects<'_>) {
        if self.request != Some(id) {
            return;
        }
        match data {
            Data::Listed(all) => {
                self.entries = all
                    .into_iter()
                    .map(|history| Entry {
                        history,
                        read: None,
                    })
                    .collect();
                self.arrange();
            }
            Data::Summary(place, read) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    entry.read = Some(read);
                }
                // Sorting anew for each of many thousands would be slow: it is done when all are read.
                let settled = self.filter.is_none() && matches!(self.order, Order::File);
                if !settled && place.is_multiple_of(64) {
                    self.arrange();
                }
            }
            Data::Done(trouble) => {
                self.request = None;
                if let Some(why) = &trouble {
                    effects.tell(Role::Fail, why.clone());
                }
                self.trouble = trouble;
                self.arrange();
            }
            _ => {}
        }
    }

    /// Filters and sorts, and keeps the selection where it was.
    fn arrange(&mut self) {
        let before = self.shown.get(self.selected).copied();
        let all = self.entries.iter().enumerate();
        let shown = all.filter(|(_, entry)| {
            self.filter
                .as_ref()
                .is_none_or(|filter| matches(filter, entry))
        });
        self.shown = shown.map(|(place, _)| place).collect();
        let entries = &self.entries;
        let key = |place: &usize| {
            entries[*place]
                .read
                .as_ref()
                .and_then(|read| read.as_ref().ok())
        };
        let down = std::cmp::Reverse::<i64>;
        match self.order {
            Order::File => {}
            Order::Id => self
                .shown
                .sort_by_key(|place| key(place).map(|read| read.summary.workflow_id.clone())),
            Order::Problems => self
                .shown
                .sort_by_key(|place| std::cmp::Reverse(key(place).map_or(0, |read| read.problems))),
            Order::Start => self
                .shown
                .sort_by_key(|place| down(key(place).map_or(0, |read| read.summary.start))),
            Order::Took => self
                .shown
                .sort_by_key(|place| down(key(place).map_or(0, |read| read.summary.took()))),
            Order::Events => self.shown.sort_by_key(|place| {
                std::cmp::Reverse(key(place).map_or(0, |read| read.summary.events))
            }),
        }
        let same = before.and_then(|before| self.shown.iter().position(|place| *place == before));
        self.selected = same
            .unwrap_or(self.selected)
            .min(self.shown.len().saturating_sub(1));
    }
}

fn matches(filter: &Pattern, entry: &Entry) -> bool {
    let mut text = entry.history.0.clone();
    if let Some(Ok(read)) = &entry.read {
        let summary = &read.summary;
        for part in [
            &summary.workflow_id,
            &summary.workflow_type,
            &summary.task_queue,
            &summary.outcome,
            &summary.status().word,
        ] {
            text.push('\n');
            text.push_str(part);
        }
    }
    filter.is_in(&text)
}
