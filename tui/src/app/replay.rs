//! What the registered workflows make of a history, and where the two part.

use serde_json::json;
use steadfast_replay::NonDeterminismKind;

use super::{Effects, Go, rows};
use crate::history::{History, Segment};
use crate::keymap::Action;
use crate::source::{Data, Outcome, Reference, Replayed, Request, RequestId};
use crate::theme::Role;

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What each build made of it, what is most worth telling first.
    pub builds: Vec<Replayed>,
    /// The build that is seen.
    pub build: usize,
    /// The selected row.
    pub selected: usize,
    /// The request that is under way.
    pub request: Option<RequestId>,
    /// What was wrong.
    pub trouble: Option<String>,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    /// A history that is to be read first.
    Reference(Reference, Box<History>),
    Events(Vec<Segment>),
}

impl Replay {
    fn new(from: From) -> Self {
        Self {
            builds: Vec::new(),
            build: 0,
            selected: 0,
            request: None,
            trouble: None,
            from,
        }
    }

    /// Of events that are there.
    pub fn of_events(events: Vec<Segment>) -> Self {
        Self::new(From::Events(events))
    }

    /// Of a history that is to be read first.
    pub fn of_reference(history: Reference) -> Self {
        Self::new(From::Reference(history, Box::default()))
    }

    pub(super) fn begin(&mut self, effects: &mut Effects<'_>) {
        let request = match &self.from {
            From::Reference(history, _) => Request::History(history.clone()),
            From::Events(events) => Request::Replay(events.clone()),
        };
        self.request = Some(effects.ask(request));
    }

    /// What the build that is seen made of it.
    pub fn current(&self) -> Option<&Replayed> {
        self.builds.get(self.build)
    }

    /// How many rows the comparison has.
    pub fn len(&self) -> usize {
        match self.current().map(|replayed| &replayed.outcome) {
            Some(Outcome::Differs(difference)) => difference.rows.len(),
            _ => 0,
        }
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn refuses(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Open if matches!(self.from, From::Reference(..)) => {
                Some("open the history first")
            }
            Action::Open | Action::CopyEvent if self.is_empty() => Some("nothing differs"),
            Action::Search | Action::NextHit | Action::PreviousHit => {
                Some("there is little to search in")
            }
            _ => None,
        }
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        let len = self.len();
        if rows::moved(&mut self.selected, len, effects.page, action) {
            return;
        }
        let difference = match self.current().map(|replayed| &replayed.outcome) {
            Some(Outcome::Differs(difference)) => Some(difference.clone()),
            _ => None,
        };
        match (action, difference) {
            (Action::NextPane | Action::PreviousPane, _) if !self.builds.is_empty() => {
                let step = if action == Action::NextPane {
                    1
                } else {
                    self.builds.len() - 1
                };
                self.build = (self.build + step) % self.builds.len();
                self.look_at_difference();
            }
            (Action::NextProblem | Action::PreviousProblem, _) => self.look_at_difference(),
            (Action::Open, Some(difference)) => {
                let id = difference
                    .rows
                    .get(self.selected)
                    .and_then(|row| row.event_id);
                effects.go = Some(Go::Event(id.unwrap_or(difference.event_id)));
            }
            (Action::CopyEvent, Some(difference)) => {
                effects.copy(&serde_json::to_string_pretty(&json!(difference)).unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Selects the row at which history and code part.
    fn look_at_difference(&mut self) {
        if let Some(Outcome::Differs(difference)) = self.current().map(|replayed| &replayed.outcome)
        {
            self.selected = difference
                .rows
                .iter()
                .position(|row| row.differs)
                .unwrap_or(0);
        }
    }

    pub(super) fn data(&mut self, id: RequestId, data: Data, effects: &mut Effects<'_>) {
        if self.request != Some(id) {
            return;
        }
        match data {
            Data::Events(events) => {
                if let From::Reference(_, history) = &mut self.from {
                    history.push(events);
                }
            }
            Data::Replayed(builds) => {
                self.builds = builds;
                self.look_at_difference();
            }
            Data::Done(trouble) => {
                self.request = None;
                if let Some(why) = &trouble {
                    effects.tell(Role::Fail, why.clone());
                }
                self.trouble = trouble;
                if let From::Reference(_, history) = &self.from
                    && !history.is_empty()
                    && self.builds.is_empty()
                    && self.trouble.is_none()
                {
                    self.request = Some(effects.ask(Request::Replay(history.segments())));
                }
            }
            _ => {}
        }
    }

    /// What is probably the cause, in a sentence or two.
    pub fn likely(&self) -> Option<String> {
        let Some(Outcome::Differs(difference)) = self.current().map(|replayed| &replayed.outcome)
        else {
            return None;
        };
        match difference.kind {
            NonDeterminismKind::MissingPatch => {
                return Some(
                    "The run began with code that asked for this patch, and the code here never does. Replay it with a build \
                     that has the patch, or keep the patch, deprecated, until no such run is open."
                        .to_owned(),
                );
            }
            NonDeterminismKind::ImpossibleOutcome | NonDeterminismKind::UnknownOperation => {
                return Some(
                    "What the history tells of began otherwise in the code: look at what it does before this event.".to_owned(),
                );
            }
            _ => {}
        }
        let at = difference.rows.iter().position(|row| row.differs)?;
        let row = &difference.rows[at];
        let later = &difference.rows[at + 1..];
        let code_later = row
            .code
            .as_ref()
            .is_some_and(|code| later.iter().any(|it| it.history.as_ref() == Some(code)));
        let history_later = row
            .history
            .as_ref()
            .is_some_and(|history| later.iter().any(|it| it.code.as_ref() == Some(history)));
        let (code, history) = (difference.code.as_str(), difference.history.as_str());
        Some(match (code_later, history_later) {
            (true, true) => format!("The code asks for the same things in another order: {code} came later."),
            (false, true) => format!(
                "The code asks for something new, {code}, before {history}. Guard what is new with a patch, so that runs \
                 that began without it go on without it."
            ),
            (true, false) => format!(
                "The code no longer asks for {history}. Keep it behind a patch until no run is open that began with it."
            ),
            (false, false) => {
                "The code asks for something else than it did. Guard the change with a patch, or reset these runs.".to_owned()
            }
        })
    }
}
