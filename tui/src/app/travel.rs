//! Time travel: a cursor over the events of a simulated run, of which everything on the screen is a function.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::overlay::Purpose;
use super::run::Run;
use super::{Effects, Go, Screen, rows};
use crate::history::search::Pattern;
use crate::keymap::Action;
use crate::source::{Data, Request, RequestId};
use crate::theme::Role;
use crate::worlds::World;

/// What stands beside the lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// The event, and why it happened.
    #[default]
    Event,
    /// Nodes and their clocks.
    Nodes,
    /// Histories as they are durable.
    Histories,
    /// What services have done.
    Ledger,
    /// What has been checked and found.
    Checks,
}

impl Pane {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Event, "event"),
        (Self::Nodes, "nodes"),
        (Self::Histories, "histories"),
        (Self::Ledger, "ledger"),
        (Self::Checks, "checks"),
    ];

    const fn numbered(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Event),
            2 => Some(Self::Nodes),
            3 => Some(Self::Histories),
            4 => Some(Self::Ledger),
            5 => Some(Self::Checks),
            _ => None,
        }
    }
}

/// A simulated run and where one is in it.
#[derive(Clone, Debug)]
pub struct Travel {
    /// What is run: a repro file, or a scenario and a seed.
    pub what: String,
    /// The run, once it is made.
    pub world: Option<Arc<World>>,
    /// The place of the event at which one is.
    pub cursor: usize,
    /// The places of the events that are shown.
    pub shown: Vec<usize>,
    /// The selected lane.
    pub lane: usize,
    /// The lanes that are hidden.
    pub hidden: BTreeSet<usize>,
    /// The event whose causes alone are shown.
    pub cone: Option<usize>,
    /// What stands beside the lanes.
    pub pane: Pane,
    /// Whether keys go there.
    pub in_pane: bool,
    /// The selected row there.
    pub row: usize,
    /// Where one wants to come back to.
    pub mark: Option<usize>,
    /// What is looked for.
    pub search: Option<Pattern>,
    /// The workflow whose changes are followed.
    pub workflow: Option<String>,
    /// The request that is under way.
    pub request: Option<RequestId>,
    /// What was wrong.
    pub trouble: Option<String>,
}

impl Travel {
    /// A run that is still to be made.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            world: None,
            cursor: 0,
            shown: Vec::new(),
            lane: 0,
            hidden: BTreeSet::new(),
            cone: None,
            pane: Pane::Event,
            in_pane: false,
            row: 0,
            mark: None,
            search: None,
            workflow: None,
            request: None,
            trouble: None,
        }
    }

    pub(super) fn begin(&mut self, effects: &mut Effects<'_>) {
        self.request = Some(effects.ask(Request::World(self.what.clone())));
    }

    /// The row of the cursor among those that are shown.
    pub fn selected(&self) -> usize {
        self.shown
            .partition_point(|place| *place < self.cursor)
            .min(self.shown.len().saturating_sub(1))
    }

    pub(super) fn refuses(&self, action: Action) -> Option<&'static str> {
        let world = self.world.as_ref();
        match action {
            Action::Palette
            | Action::Help
            | Action::Leave
            | Action::Undo
            | Action::Quit
            | Action::CopyCommand => None,
            _ if world.is_none_or(|world| world.events().is_empty()) => {
                Some("the run is not there yet")
            }
            Action::NextFault | Action::PreviousFault
                if world.is_some_and(|world| world.faults().is_empty()) =>
            {
                Some("nothing went wrong in this world")
            }
            Action::NextProblem | Action::PreviousProblem
                if world.is_some_and(|world| world.findings().is_empty()) =>
            {
                Some("everything held in this run")
            }
            Action::NextHit | Action::PreviousHit if self.search.is_none() => {
                Some("nothing was searched for: /")
            }
            Action::ToMark if self.mark.is_none() => Some("nothing is marked: m"),
            Action::NextRelated | Action::PreviousRelated if self.workflow.is_none() => {
                Some("choose a workflow among the histories: 3")
            }
            _ => None,
        }
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        let Some(world) = self.world.clone() else {
            if action == Action::CopyCommand {
                effects.copy(&format!("steadfast console {}", self.what));
            }
            return;
        };
        let len = self.pane_len(&world);
        if self.in_pane && rows::moved(&mut self.row, len, effects.page, action) {
            return;
        }
        let mut selected = self.selected();
        if rows::moved(&mut selected, self.shown.len(), effects.page, action) {
            self.cursor = self.shown.get(selected).copied().unwrap_or(self.cursor);
            return;
        }
        match action {
            Action::Left => self.lane = self.next_lane(&world, false),
            Action::Right => self.lane = self.next_lane(&world, true),
            Action::NextOnLane | Action::PreviousOnLane => {
                let forward = action == Action::NextOnLane;
                let lane = self.lane;
                let on = |place: &usize| is_on(&world, *place, lane);
                let next = if forward {
                    self.shown
                        .iter()
                        .copied()
                        .filter(on)
                        .find(|place| *place > self.cursor)
                } else {
                    self.shown
                        .iter()
                        .rev()
                        .copied()
                        .filter(on)
                        .find(|place| *place < self.cursor)
                };
                self.go(next, "no more on this lane", effects);
            }
            Action::NextFault | Action::PreviousFault => {
                let next = rows::next(world.faults(), self.cursor, action == Action::NextFault);
                self.go(next, "", effects);
            }
            Action::NextProblem | Action::PreviousProblem => {
                let next = rows::next(world.findings(), self.cursor, action == Action::NextProblem);
                self.go(next, "", effects);
                if let Some(found) = world.found_at(self.cursor).next() {
                    effects.tell(Role::Fail, format!("{}: {}", found.checker, found.message));
                }
            }
            Action::NextHit | Action::PreviousHit => {
                self.go_to_hit(&world, action == Action::NextHit, effects)
            }
            Action::NextRelated | Action::PreviousRelated => {
                let forward = action == Action::NextRelated;
                let workflow = self.workflow.clone().unwrap_or_default();
                let next = world.naming(self.cursor, &workflow, forward);
                self.go(next, "nothing more of this workflow", effects);
            }
            Action::Cause => {
                let cause = world.cause(self.cursor);
                self.go(cause, "this came from outside", effects);
            }
            Action::Cone => {
                self.cone = if self.cone.is_some() {
                    None
                } else {
                    Some(self.cursor)
                };
                self.arrange(&world);
            }
            Action::HideLane => {
                let name = world.nodes().get(self.lane).cloned().unwrap_or_default();
                self.hidden.insert(self.lane);
                self.lane = self.next_lane(&world, true);
                self.arrange(&world);
                effects.tell(Role::Ok, format!("{name} is hidden; 0 shows all"));
            }
            Action::ShowAll => {
                self.hidden.clear();
                self.cone = None;
                self.arrange(&world);
            }
            Action::Mark => {
                self.mark = Some(self.cursor);
                effects.tell(Role::Ok, "marked; ' comes back here");
            }
            Action::ToMark => {
                let back = self.mark.replace(self.cursor);
                self.go(back, "", effects);
            }
            Action::Tab(number) => {
                self.pane = Pane::numbered(number).unwrap_or(self.pane);
                self.row = 0;
                self.in_pane = self.pane != Pane::Event;
            }
            Action::NextPane | Action::PreviousPane => self.in_pane = !self.in_pane,
            Action::Open => self.open(&world, effects),
            Action::CopyCommand => effects.copy(&format!("steadfast console {}", self.what)),
            Action::CopyEvent | Action::CopyValue => {
                let event = world.events().get(self.cursor).map(ToString::to_string);
                effects.copy(&event.unwrap_or_default());
            }
            _ => {}
        }
    }

    fn go(&mut self, place: Option<usize>, otherwise: &str, effects: &mut Effects<'_>) {
        match place {
            Some(place) => {
                self.cursor = place;
                if self.cone.is_some() && self.shown.binary_search(&place).is_err() {
                    self.cone = None;
                    if let Some(world) = self.world.clone() {
                        self.arrange(&world);
                    }
                }
            }
            None if otherwise.is_empty() => {}
            None => effects.tell(Role::Ok, otherwise),
        }
    }

    fn next_lane(&self, world: &World, on: bool) -> usize {
        let lanes = world.nodes().len().max(1);
        let seen = |lane: &usize| !self.hidden.contains(lane);
        let after: Vec<usize> = if on {
            (self.lane + 1..lanes).chain(0..=self.lane).collect()
        } else {
            (0..self.lane)
                .rev()
                .chain((self.lane..lanes).rev())
                .collect()
        };
        after.into_iter().find(seen).unwrap_or(self.lane)
    }

    fn go_to_hit(&mut self, world: &World, forward: bool, effects: &mut Effects<'_>) {
        let Some(pattern) = &self.search else { return };
        let events = world.events();
        let is_hit = |place: &usize| {
            let event = &events[*place];
            pattern.is_in(&format!("{} {}", event.label, event.text))
        };
        let next = if forward {
            (self.cursor + 1..events.len())
                .chain(0..=self.cursor)
                .find(is_hit)
        } else {
            (0..self.cursor)
                .rev()
                .chain((self.cursor..events.len()).rev())
                .find(is_hit)
        };
        self.go(next, "nothing was found", effects);
    }

    /// How many rows the pane has.
    fn pane_len(&self, world: &World) -> usize {
        match self.pane {
            Pane::Event => world.causes(self.cursor, MOST_CAUSES).len() + 1,
            Pane::Nodes => world.nodes().len(),
            Pane::Histories => world.histories(self.cursor).count(),
            Pane::Ledger => world.ledger(self.cursor).len(),
            Pane::Checks => world.checks(self.cursor).len(),
        }
    }

    /// Opens what is selected in the pane: an event that led here, or a history as it was at this event.
    fn open(&mut self, world: &World, effects: &mut Effects<'_>) {
        match self.pane {
            Pane::Event if self.in_pane => {
                let causes = world.causes(self.cursor, MOST_CAUSES);
                let chosen = self
                    .row
                    .checked_sub(1)
                    .and_then(|row| causes.get(row))
                    .copied();
                self.row = 0;
                self.go(chosen, "", effects);
            }
            Pane::Nodes if self.in_pane => self.lane = self.row,
            Pane::Histories => {
                let chosen = world.histories(self.cursor).nth(self.row);
                if let Some((grown, length)) = chosen {
                    self.workflow = Some(grown.workflow_id.clone());
                    let seq = world.events().get(self.cursor).map_or(0, |event| event.seq);
                    let name = format!("{} at event {seq}", grown.workflow_id);
                    let run = Run::of_events(name, grown.events(length));
                    effects.go = Some(Go::Open(Screen::Run(Box::new(run))));
                }
            }
            _ => self.in_pane = true,
        }
    }

    pub(super) fn entered(&mut self, purpose: Purpose, text: &str, effects: &mut Effects<'_>) {
        let Some(world) = self.world.clone() else {
            return;
        };
        match purpose {
            Purpose::Event => match text.trim().parse::<u64>() {
                Ok(seq) => {
                    let place = world.place_of(seq);
                    self.go(Some(place), "", effects);
                }
                Err(_) => effects.tell(Role::Warn, "an event is a number"),
            },
            Purpose::Search if text.is_empty() => self.search = None,
            Purpose::Search => match Pattern::parse(text) {
                Ok(pattern) => {
                    self.search = Some(pattern);
                    self.go_to_hit(&world, true, effects);
                }
                Err(why) => effects.tell(Role::Fail, why),
            },
        }
    }

    pub(super) fn undo(&mut self) -> bool {
        if self.search.take().is_some() {
            return true;
        }
        if std::mem::take(&mut self.in_pane) {
            return true;
        }
        let Some(world) = self.world.clone() else {
            return false;
        };
        let had = self.cone.take().is_some() || self.hidden != *world.idle();
        self.hidden.clone_from(world.idle());
        self.arrange(&world);
        had
    }

    pub(super) fn data(&mut self, id: RequestId, data: Data, effects: &mut Effects<'_>) {
        if self.request != Some(id) {
            return;
        }
        match data {
            Data::World(world) => {
                self.hidden.clone_from(world.idle());
                self.arrange(&world);
                // What went wrong is what one came for.
                self.cursor = world.findings().first().copied().unwrap_or(0);
                if let Some(node) = world.events().get(self.cursor).and_then(|event| event.node) {
                    self.lane = node.0 as usize;
                }
                self.world = Some(world);
            }
            Data::Done(trouble) => {
                self.request = None;
                if let Some(why) = &trouble {
                    effects.tell(Role::Fail, why.clone());
                }
                self.trouble = trouble;
            }
            _ => {}
        }
    }

    /// Chooses the events that are shown.
    fn arrange(&mut self, world: &World) {
        let seen = |place: usize| {
            let event = &world.events()[place];
            let hidden = |node: Option<steadfast_sim::kernel::NodeId>| {
                node.is_some_and(|node| self.hidden.contains(&(node.0 as usize)))
            };
            !hidden(event.node)
        };
        self.shown = match self.cone {
            None if self.hidden.is_empty() => (0..world.events().len()).collect(),
            None => (0..world.events().len())
                .filter(|place| seen(*place))
                .collect(),
            Some(of) => {
                let mut cone = world.causes(of, usize::MAX);
                cone.reverse();
                cone.push(of);
                cone.retain(|place| seen(*place));
                cone
            }
        };
    }
}

/// So many causes are listed.
pub const MOST_CAUSES: usize = 12;

/// Whether an event touches a lane.
fn is_on(world: &World, place: usize, lane: usize) -> bool {
    let Some(event) = world.events().get(place) else {
        return false;
    };
    let on = |node: Option<steadfast_sim::kernel::NodeId>| {
        node.is_some_and(|node| node.0 as usize == lane)
    };
    on(event.node) || on(event.peer)
}
