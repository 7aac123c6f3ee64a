//! The screens of one run. They share one focus, an event: whoever changes the tab stays where he is.

pub mod compact;
pub mod facets;
pub mod json;
pub mod tables;
pub mod timeline;

use std::path::PathBuf;

use serde_json::Value;

use super::overlay::Purpose;
use super::replay::Replay;
use super::{Cmd, Effects, Go, Screen, rows};
use crate::history::facts::{Category, Facts};
use crate::history::lints::{self, Warning};
use crate::history::search::Pattern;
use crate::history::{Event, History, document};
use crate::keymap::Action;
use crate::source::{Data, Reference, Request, RequestId};
use crate::theme::Role;
use crate::widgets::tree::Tree;
use compact::Compact;
use facets::Facets;
use json::Forest;
use timeline::Lines;

/// Below so many events, warnings are looked for while events still come in.
const FEW: usize = 20_000;

/// A tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// Event groups.
    #[default]
    Compact,
    /// Bars over time.
    Timeline,
    /// All events, and one of them.
    Events,
    /// Everything as JSON.
    Json,
    /// What has not ended.
    Pending,
    /// Other runs.
    Relations,
    /// What is often a mistake.
    Warnings,
    /// What the run is.
    About,
}

impl Tab {
    /// All of them, with their numbers and names.
    pub const ALL: [(Self, u8, &'static str); 8] = [
        (Self::Compact, 1, "Compact"),
        (Self::Timeline, 2, "Timeline"),
        (Self::Events, 3, "All events"),
        (Self::Json, 4, "JSON"),
        (Self::Pending, 5, "Pending"),
        (Self::Relations, 6, "Relations"),
        (Self::Warnings, 7, "Warnings"),
        (Self::About, 9, "About"),
    ];

    fn numbered(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, of, _)| *of == number)
            .map(|(tab, ..)| tab)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(tab, ..)| *tab == self)
            .map_or("", |(.., name)| name)
    }
}

/// What is looked for, and where it was found.
#[derive(Clone, Debug)]
pub struct Search {
    /// What is looked for.
    pub pattern: Pattern,
    /// The places of the events that have it, sorted.
    pub hits: Vec<usize>,
    /// The request that still looks.
    pub request: Option<RequestId>,
}

/// One event, unfolded.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Its place.
    pub place: usize,
    /// Its document.
    pub tree: Tree,
    /// The selected line.
    pub selected: usize,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called.
    pub reference: Reference,
    /// Its events.
    pub history: History,
    /// The tab that is seen.
    pub tab: Tab,
    /// The event that everything is about: its place.
    pub focus: usize,
    /// What is hidden.
    pub facets: Facets,
    /// Whether the latest comes first.
    pub newest_first: bool,
    /// Rows of the compact view.
    pub compact: Compact,
    /// The places of the events that are shown, in order.
    pub events: Vec<usize>,
    /// The timeline.
    pub lines: Lines,
    /// The JSON of all events.
    pub forest: Forest,
    /// The event beside the list of all events.
    pub detail: Option<Detail>,
    /// Whether keys go to that event.
    pub in_detail: bool,
    /// Whether payloads are shown as they are.
    pub encoded: bool,
    /// The selected row of the tabs that are plain tables.
    pub row: usize,
    /// What is looked for.
    pub search: Option<Search>,
    /// What is often a mistake.
    pub warnings: Vec<Warning>,
    /// The request for events that is under way.
    pub request: Option<RequestId>,
    /// What was wrong with the history.
    pub trouble: Option<String>,
    /// The event to go to as soon as it is there.
    wanted: Option<i64>,
    source: Origin,
}

/// Where the events of a run come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// They are asked for.
    Source,
    /// They were there at the beginning.
    Events,
}

impl Run {
    /// A run that is still to be read.
    pub fn new(reference: Reference, event: Option<i64>) -> Self {
        Self {
            reference,
            history: History::default(),
            tab: if event.is_some() {
                Tab::Events
            } else {
                Tab::Compact
            },
            focus: 0,
            facets: Facets::default(),
            newest_first: false,
            compact: Compact::default(),
            events: Vec::new(),
            lines: Lines::default(),
            forest: Forest::default(),
            detail: None,
            in_detail: false,
            encoded: false,
            row: 0,
            search: None,
            warnings: Vec::new(),
            request: None,
            trouble: None,
            wanted: event,
            source: Origin::Source,
        }
    }

    /// A run whose events are there, under a name.
    pub fn of_events(name: impl Into<String>, events: Vec<Event>) -> Self {
        let mut run = Self {
            source: Origin::Events,
            ..Self::new(Reference(name.into()), None)
        };
        run.history.push(events);
        run.arrange();
        run.warnings = lints::check(&run.history);
        run
    }

    pub(super) fn begin(&mut self, effects: &mut Effects<'_>) {
        if self.source == Origin::Source {
            self.request = Some(effects.ask(Request::History(self.reference.clone())));
        }
    }

    /// The screen is seen again after it was left.
    pub(super) fn resume(&mut self, effects: &mut Effects<'_>) {
        if self.request.is_some() {
            *self = Self {
                tab: self.tab,
                ..Self::new(self.reference.clone(), None)
            };
            self.begin(effects);
        }
    }

    pub(super) fn waits_for(&self) -> Vec<RequestId> {
        let search = self.search.as_ref().and_then(|search| search.request);
        self.request.into_iter().chain(search).collect()
    }

    pub(super) fn stop(&mut self) {
        if self.request.take().is_some() {
            self.trouble = Some("reading was stopped".to_owned());
        }
        if let Some(search) = &mut self.search {
            search.request = None;
        }
    }

    /// Where it is among the breadcrumbs.
    pub(super) fn crumbs(&self) -> Vec<String> {
        let id = &self.history.summary().workflow_id;
        let id = if id.is_empty() || self.source == Origin::Events {
            &self.reference.0
        } else {
            id
        };
        vec![id.clone(), self.tab.name().to_owned()]
    }

    pub(super) fn refuses(&self, action: Action) -> Option<&'static str> {
        let empty = self.history.is_empty();
        match action {
            Action::Replay | Action::Save | Action::CopyEvent | Action::CopyValue if empty => {
                Some("there are no events yet")
            }
            Action::CopyRun if self.history.summary().run_id.is_empty() => {
                Some("the history does not name its run")
            }
            Action::Tab(8) => Some("a file has no worker that could be asked"),
            Action::Gaps | Action::Fit if self.tab != Tab::Timeline => Some("only on the timeline"),
            Action::NextHit | Action::PreviousHit if self.search.is_none() => {
                Some("nothing was searched for: /")
            }
            _ => None,
        }
    }

    /// The number of rows of the tab that is seen.
    fn len(&self) -> usize {
        match self.tab {
            Tab::Compact => self.compact.rows.len(),
            Tab::Timeline => self.lines.groups.len(),
            Tab::Events => self.events.len(),
            Tab::Json => self.forest.len(),
            Tab::Pending => tables::pending(self).len(),
            Tab::Relations => tables::relations(self).len(),
            Tab::Warnings => self.warnings.len(),
            Tab::About => tables::about(self).len(),
        }
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        if self.in_detail && self.tab == Tab::Events && self.act_in_detail(action, effects) {
            return;
        }
        let len = self.len();
        let mut selected = self.selected();
        if rows::moved(&mut selected, len, effects.page, action) {
            self.select(selected);
            return;
        }
        match action {
            Action::Tab(number) => {
                if let Some(tab) = Tab::numbered(number) {
                    self.go_to_tab(tab);
                }
            }
            Action::NextPane | Action::PreviousPane => self.next_pane(action == Action::NextPane),
            Action::Open => self.open(effects),
            Action::Left | Action::Right => self.fold(action == Action::Right),
            Action::More | Action::Less => self.more(action == Action::More),
            Action::Fit => self.lines.fit(),
            Action::Gaps => self.lines.toggle_gaps(),
            Action::Encoding => {
                self.encoded = !self.encoded;
                self.forest.clear();
                self.detail = None;
                self.select(self.selected());
            }
            Action::Order => {
                self.newest_first = !self.newest_first;
                self.arrange();
            }
            Action::NextProblem | Action::PreviousProblem => {
                let next = rows::next(
                    self.history.problems(),
                    self.focus,
                    action == Action::NextProblem,
                );
                self.jump(next, "nothing went wrong in this run", effects);
            }
            Action::NextHit | Action::PreviousHit => {
                let hits = self.search.as_ref().map_or(&[][..], |search| &search.hits);
                let next = rows::next(hits, self.focus, action == Action::NextHit);
                self.jump(next, "nothing was found", effects);
            }
            Action::NextRelated | Action::PreviousRelated => {
                let group = self
                    .history
                    .group_of(self.focus)
                    .and_then(|group| self.history.groups().get(group));
                let events = group.map_or(&[][..], |group| &group.events);
                let next = rows::next(events, self.focus, action == Action::NextRelated);
                self.jump(next, "", effects);
            }
            Action::Replay => {
                let replay = Replay::of_events(self.history.segments());
                effects.go = Some(Go::Open(Screen::Replay(Box::new(replay))));
            }
            Action::OpenRelated => self.open_related(effects),
            Action::Save => self.save(effects),
            action => self.act_facet_or_copy(action, effects),
        }
    }

    fn act_facet_or_copy(&mut self, action: Action, effects: &mut Effects<'_>) {
        let focused = self
            .focused_name()
            .map(|(category, name)| (category, name.to_owned()));
        let focused = focused
            .as_ref()
            .map(|(category, name)| (*category, name.as_str()));
        if let Some(changed) = self.facets.act(action, focused) {
            self.arrange();
            effects.tell(Role::Ok, changed);
            return;
        }
        let summary = self.history.summary();
        match action {
            Action::CopyId => effects.copy(&summary.workflow_id),
            Action::CopyRun => effects.copy(&summary.run_id),
            Action::CopyEvent => {
                let text = self
                    .history
                    .get(self.focus)
                    .map(|event| pretty(&document::encoded(event)));
                effects.copy(&text.unwrap_or_default());
            }
            Action::CopyValue => effects.copy(&self.value()),
            Action::CopyCommand | Action::CopyLink => {
                let name = crate::source::files::quoted(&self.reference.0);
                let id = self.history.get(self.focus).map_or(0, |event| event.id);
                effects.copy(&format!("steadfast console {name} --event {id}"));
            }
            _ => {}
        }
    }

    /// The name of the group in focus, with what part of the workflow it is.
    fn focused_name(&self) -> Option<(Category, &str)> {
        let group = self
            .history
            .groups()
            .get(self.history.group_of(self.focus)?)?;
        Some((group.category, &group.name))
    }

    /// The value under the selection: of a line of a tree, or what the event carries.
    fn value(&self) -> String {
        let in_tree = match self.tab {
            Tab::Events if self.in_detail => self
                .detail
                .as_ref()
                .and_then(|detail| detail.tree.value(detail.selected).cloned()),
            Tab::Json => self.forest.value(),
            _ => None,
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            value => pretty(&value),
        };
        if let Some(value) = in_tree {
            return text(value);
        }
        let Some(event) = self.history.get(self.focus) else {
            return String::new();
        };
        let facts = Facts::read(&event.message);
        let carried = if facts.output.is_empty() {
            facts.input
        } else {
            facts.output
        };
        match facts.failure {
            Some(failure) if carried.is_empty() => failure.message.clone(),
            _ => document::line(carried, 1 << 20),
        }
    }

    fn save(&self, effects: &mut Effects<'_>) {
        let events: Vec<Value> = self.history.iter().map(document::encoded).collect();
        let id = &self.history.summary().workflow_id;
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = id.chars().take(80).map(plain).collect();
        let name = if name.is_empty() {
            "history".to_owned()
        } else {
            name
        };
        let text = pretty(&serde_json::json!({ "events": events })) + "\n";
        effects.cmds.push(Cmd::Save(
            PathBuf::from(format!("{name}.history.json")),
            text,
        ));
    }

    fn jump(&mut self, place: Option<usize>, otherwise: &str, effects: &mut Effects<'_>) {
        match place {
            Some(place) => self.reveal(place, effects),
            None if otherwise.is_empty() => {}
            None => effects.tell(Role::Ok, otherwise),
        }
    }

    /// Goes to an event by its id.
    pub(super) fn go_to(&mut self, id: i64, effects: &mut Effects<'_>) {
        match self.history.place_of(id) {
            Some(place) => self.reveal(place, effects),
            None => effects.tell(Role::Warn, format!("there is no event {id}")),
        }
    }

    /// Shows an event, whatever hides it.
    fn reveal(&mut self, place: usize, effects: &mut Effects<'_>) {
        let group = self
            .history
            .group_of(place)
            .and_then(|group| self.history.groups().get(group));
        if let Some(group) = group
            && let Some(shown) = self.facets.show(group)
        {
            self.arrange();
            effects.tell(Role::Ok, format!("{shown} shown again"));
        }
        if matches!(
            self.tab,
            Tab::Pending | Tab::Relations | Tab::Warnings | Tab::About
        ) {
            self.tab = Tab::Events;
        }
        self.focus = place;
        self.compact.unfold_to(&self.history, place);
        self.arrange();
        self.look_at_focus();
    }

    fn go_to_tab(&mut self, tab: Tab) {
        self.tab = tab;
        self.row = 0;
        self.in_detail = false;
        self.look_at_focus();
    }

    /// The selected row of the tab that is seen.
    pub fn selected(&self) -> usize {
        match self.tab {
            Tab::Compact => self.compact.selected,
            Tab::Timeline => self.lines.selected,
            Tab::Events => self.event_row(self.focus),
            Tab::Json => self.forest.selected,
            _ => self.row,
        }
    }

    /// The row of an event in the list of all events: its own, or the nearest.
    fn event_row(&self, place: usize) -> usize {
        let row = if self.newest_first {
            self.events.partition_point(|other| *other > place)
        } else {
            self.events.partition_point(|other| *other < place)
        };
        row.min(self.events.len().saturating_sub(1))
    }

    /// Selects a row of the tab that is seen; the focus follows.
    fn select(&mut self, row: usize) {
        match self.tab {
            Tab::Compact => {
                self.compact.selected = row;
                self.focus = self.compact.place(&self.history).unwrap_or(self.focus);
            }
            Tab::Timeline => {
                self.lines.selected = row;
                self.focus = self.lines.place(&self.history).unwrap_or(self.focus);
            }
            Tab::Events => {
                self.focus = self.events.get(row).copied().unwrap_or(self.focus);
                self.look_at_detail();
            }
            Tab::Json => {
                self.forest.selected = row;
                self.focus = self.forest.place();
            }
            Tab::Warnings => {
                self.row = row;
                self.focus = self
                    .warnings
                    .get(row)
                    .map_or(self.focus, |warning| warning.place);
            }
            Tab::Pending => {
                self.row = row;
                self.focus = tables::pending(self)
                    .get(row)
                    .map_or(self.focus, |pending| pending.place);
            }
            Tab::Relations | Tab::About => self.row = row,
        }
    }

    /// Selects in the tab that is seen what is in focus.
    fn look_at_focus(&mut self) {
        match self.tab {
            Tab::Compact => self.compact.look_at(&self.history, self.focus),
            Tab::Timeline => self.lines.look_at(&self.history, self.focus),
            Tab::Json => self.forest.look_at(self.focus),
            Tab::Events => self.look_at_detail(),
            _ => {}
        }
    }

    /// Unfolds the event in focus.
    fn look_at_detail(&mut self) {
        if self
            .detail
            .as_ref()
            .is_some_and(|detail| detail.place == self.focus)
        {
            return;
        }
        self.detail = self.history.get(self.focus).map(|event| {
            let document = if self.encoded {
                document::encoded(event)
            } else {
                document::decoded(event)
            };
            Detail {
                place: self.focus,
                tree: Tree::new(tidied(document), 2),
                selected: 0,
            }
        });
    }

    fn act_in_detail(&mut self, action: Action, effects: &mut Effects<'_>) -> bool {
        let Some(detail) = &mut self.detail else {
            return false;
        };
        let len = detail.tree.lines().len();
        if rows::moved(&mut detail.selected, len, effects.page, action) {
            return true;
        }
        match action {
            Action::Open => {
                detail.tree.toggle(detail.selected);
            }
            Action::Right => detail.selected = detail.tree.set_open(detail.selected, true),
            Action::Left => detail.selected = detail.tree.set_open(detail.selected, false),
            Action::More => detail.tree.unfold(usize::MAX),
            Action::Less => detail.tree.unfold(0),
            _ => return false,
        }
        detail.selected = detail
            .selected
            .min(detail.tree.lines().len().saturating_sub(1));
        true
    }

    fn next_pane(&mut self, forward: bool) {
        if self.tab == Tab::Events {
            self.in_detail = !self.in_detail;
            self.look_at_detail();
            return;
        }
        let all = Tab::ALL;
        let place = all
            .iter()
            .position(|(tab, ..)| *tab == self.tab)
            .unwrap_or(0);
        let step = if forward { 1 } else { all.len() - 1 };
        self.go_to_tab(all[(place + step) % all.len()].0);
    }

    fn open(&mut self, effects: &mut Effects<'_>) {
        match self.tab {
            Tab::Compact => {
                if !self.compact.toggle(&self.history) {
                    self.go_to_tab(Tab::Events);
                    self.in_detail = !effects.wide;
                }
                self.compact
                    .arrange(&self.history, &self.facets, self.newest_first);
            }
            Tab::Json => self.forest.toggle(&self.history, self.encoded),
            Tab::Events => self.in_detail = true,
            Tab::Relations => self.open_related(effects),
            Tab::Timeline | Tab::Pending | Tab::Warnings => {
                self.go_to_tab(Tab::Events);
                self.in_detail = !effects.wide;
            }
            Tab::About => {}
        }
    }

    fn fold(&mut self, open: bool) {
        match self.tab {
            Tab::Compact => {
                self.compact.set_open(open);
                self.compact
                    .arrange(&self.history, &self.facets, self.newest_first);
            }
            Tab::Json => self.forest.set_open(open, &self.history, self.encoded),
            Tab::Timeline => self.lines.pan(open),
            Tab::Events => self.in_detail = open,
            _ => {}
        }
    }

    fn more(&mut self, more: bool) {
        match self.tab {
            Tab::Compact => {
                self.compact.set_all(&self.history, more);
                self.compact
                    .arrange(&self.history, &self.facets, self.newest_first);
                self.compact.look_at(&self.history, self.focus);
            }
            Tab::Json => self.forest.unfold(more, &self.history, self.encoded),
            Tab::Timeline => self.lines.zoom(more),
            _ => {}
        }
    }

    fn open_related(&mut self, effects: &mut Effects<'_>) {
        let relations = tables::relations(self);
        let chosen = match self.tab {
            Tab::Relations => relations.get(self.row),
            _ => relations.iter().find(|relation| {
                relation.place == Some(self.history.group_of(self.focus).unwrap_or(0))
            }),
        };
        match chosen {
            Some(relation) => {
                effects.go = Some(Go::Related(relation.workflow.clone(), relation.run.clone()));
            }
            None => effects.tell(Role::Warn, "this has no other run: 6 shows all of them"),
        }
    }

    pub(super) fn entered(&mut self, purpose: Purpose, text: &str, effects: &mut Effects<'_>) {
        match purpose {
            Purpose::Event => match text.trim().parse() {
                Ok(id) => self.go_to(id, effects),
                Err(_) => effects.tell(Role::Warn, "an event id is a number"),
            },
            Purpose::Search if text.is_empty() => {
                self.undo(effects);
            }
            Purpose::Search => match Pattern::parse(text) {
                Ok(pattern) => {
                    self.end_search(effects);
                    let request =
                        effects.ask(Request::Search(self.history.segments(), pattern.clone()));
                    self.search = Some(Search {
                        pattern,
                        hits: Vec::new(),
                        request: Some(request),
                    });
                }
                Err(why) => effects.tell(Role::Fail, why),
            },
        }
    }

    fn end_search(&mut self, effects: &mut Effects<'_>) -> bool {
        let search = self.search.take();
        let under_way = search.as_ref().and_then(|search| search.request);
        effects.cmds.extend(under_way.map(Cmd::Cancel));
        search.is_some()
    }

    pub(super) fn undo(&mut self, effects: &mut Effects<'_>) -> bool {
        if self.end_search(effects) {
            return true;
        }
        if self.in_detail {
            self.in_detail = false;
            return true;
        }
        if !self.facets.is_default() {
            self.facets = Facets::default();
            self.arrange();
            return true;
        }
        false
    }

    pub(super) fn data(&mut self, id: RequestId, data: Data, effects: &mut Effects<'_>) {
        let of_search = self
            .search
            .as_mut()
            .filter(|search| search.request == Some(id));
        if let Some(search) = of_search {
            match data {
                Data::Hits(places) => {
                    let first = search.hits.is_empty() && !places.is_empty();
                    search.hits.extend(places);
                    let from = self.focus.saturating_sub(1);
                    let next = rows::next(&search.hits, from, true);
                    if first {
                        self.jump(next, "", effects);
                    }
                }
                Data::Done(trouble) => {
                    search.request = None;
                    let found = search.hits.len();
                    let text = search.pattern.text().to_owned();
                    match trouble {
                        Some(why) => effects.tell(Role::Fail, why),
                        None if found == 0 => {
                            effects.tell(Role::Warn, format!("{text} was not found"))
                        }
                        None => {}
                    }
                }
                _ => {}
            }
            return;
        }
        if self.request != Some(id) {
            return;
        }
        match data {
            Data::Events(events) => {
                self.history.push(events);
                self.arrange();
                if self.history.len() <= FEW {
                    self.warnings = lints::check(&self.history);
                }
                if let Some(wanted) = self.wanted
                    && self.history.place_of(wanted).is_some()
                {
                    self.wanted = None;
                    self.go_to(wanted, effects);
                }
            }
            Data::Done(trouble) => {
                self.request = None;
                if let Some(why) = &trouble {
                    effects.tell(Role::Fail, why.clone());
                }
                self.trouble = trouble;
                self.warnings = lints::check(&self.history);
                if let Some(wanted) = self.wanted.take() {
                    effects.tell(Role::Warn, format!("there is no event {wanted}"));
                }
            }
            _ => {}
        }
    }

    /// Makes the rows anew, after events came or something was hidden or shown.
    fn arrange(&mut self) {
        self.compact
            .arrange(&self.history, &self.facets, self.newest_first);
        self.lines.arrange(&self.history, &self.facets);
        self.forest.set_events(self.history.len());
        let shown = |group: usize| {
            self.history
                .groups()
                .get(group)
                .is_some_and(|group| self.facets.shows(group))
        };
        let shown: Vec<bool> = (0..self.history.groups().len()).map(shown).collect();
        let places = 0..self.history.len();
        let kept = places.filter(|place| {
            self.history
                .group_of(*place)
                .is_some_and(|group| shown[group])
        });
        self.events = kept.collect();
        if self.newest_first {
            self.events.reverse();
        }
        if self.tab == Tab::Events {
            self.look_at_detail();
        }
    }
}

/// What a document of an event is shown as: what lies within the attributes stands at the top.
fn tidied(document: Value) -> Value {
    let Value::Object(mut fields) = document else {
        return document;
    };
    let attributes = fields
        .keys()
        .find(|name| name.ends_with("Attributes"))
        .cloned();
    if let Some(name) = attributes
        && let Some(Value::Object(inner)) = fields.remove(&name)
    {
        for (name, value) in inner {
            fields.entry(name).or_insert(value);
        }
    }
    Value::Object(fields)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
