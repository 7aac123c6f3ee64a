//! The history of a run as it is looked at: events in pieces that threads share, their groups, and what the run is.
//!
//! A history grows at its end. Everything that a row on the screen needs is kept or is read from the event in a moment;
//! nothing here looks at the whole history for one row.

pub mod document;
pub mod facts;
pub mod group;
pub mod lints;
pub mod load;
pub mod search;
mod split;
pub mod summary;
pub mod time;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use steadfast_proto::temporal::api::history::v1::{History as Exported, HistoryEvent};

use facts::{Category, Class, Facts, Join};
use group::Group;
use summary::Summary;

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: i64,
    /// When it was written down, in nanoseconds since the epoch; 0 if it does not say.
    pub time: i64,
    /// The short name of its type.
    pub name: Cow<'static, str>,
    /// The part of the workflow that it belongs to.
    pub category: Category,
    /// What it says about its group.
    pub class: Class,
    /// The events that it follows, nearest first.
    pub causes: Vec<i64>,
    /// The event.
    pub message: HistoryEvent,
    /// Its JSON, if not all of it was understood.
    pub unread: Option<String>,
}

impl Event {
    /// Whether something went wrong here: also an attempt that was tried because another failed.
    pub fn is_problem(&self) -> bool {
        self.class.is_problem()
            || (self.class == Class::Started && Facts::read(&self.message).failure.is_some())
    }
}

/// Events that came together, and the place of the first.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The place of the first event.
    pub start: usize,
    /// The events.
    pub events: Arc<[Event]>,
}

/// The history of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    segments: Vec<Segment>,
    len: usize,
    groups: Vec<Group>,
    /// The group of each event.
    group_of: Vec<usize>,
    /// The place of each event id.
    places: HashMap<i64, usize>,
    /// The group of each update id.
    updates: HashMap<String, usize>,
    /// The places of events at which something went wrong.
    problems: Vec<usize>,
    summary: Summary,
}

impl History {
    /// A history of these events.
    pub fn of(events: Vec<Event>) -> Self {
        let mut history = Self::default();
        history.push(events);
        history
    }

    /// Adds events at the end.
    pub fn push(&mut self, events: Vec<Event>) {
        for event in &events {
            self.add(event);
        }
        let start = self.len - events.len();
        self.segments.push(Segment {
            start,
            events: events.into(),
        });
    }

    fn add(&mut self, event: &Event) {
        let place = self.len;
        self.len += 1;
        self.places.entry(event.id).or_insert(place);
        self.summary.see(event);
        if event.is_problem() {
            self.problems.push(place);
        }
        let facts = Facts::read(&event.message);
        let known = match facts.join {
            Join::Head => None,
            Join::Event(id) => self
                .places
                .get(&id)
                .and_then(|place| self.group_of.get(*place))
                .copied(),
            Join::Update(id) => self.updates.get(id).copied(),
        };
        let group = known.unwrap_or(self.groups.len());
        if let Join::Update(id) = facts.join {
            self.updates.entry(id.to_owned()).or_insert(group);
        }
        self.group_of.push(group);
        match self.groups.get_mut(group) {
            Some(group) => group.join(place, &facts, event.time),
            None => {
                let mut group = Group::begin(place, &event.message, &facts, event.time);
                group.category = event.category;
                if event.category == Category::Other && group.name.is_empty() {
                    group.name = event.name.clone().into_owned();
                }
                self.groups.push(group);
            }
        }
    }

    /// How many events there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no events.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The event at a place.
    pub fn get(&self, place: usize) -> Option<&Event> {
        let after = self
            .segments
            .partition_point(|segment| segment.start <= place);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        segment.events.get(place - segment.start)
    }

    /// All events.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.segments
            .iter()
            .flat_map(|segment| segment.events.iter())
    }

    /// The pieces, for a thread that looks at them.
    pub fn segments(&self) -> Vec<Segment> {
        self.segments.clone()
    }

    /// The place of an event.
    pub fn place_of(&self, id: i64) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The groups, in the order of their first events.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The number of the group that an event belongs to.
    pub fn group_of(&self, place: usize) -> Option<usize> {
        self.group_of.get(place).copied()
    }

    /// The places of events at which something went wrong.
    pub fn problems(&self) -> &[usize] {
        &self.problems
    }

    /// What the run is.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// When the first event was.
    pub fn start(&self) -> i64 {
        self.get(0).map_or(0, |event| event.time)
    }

    /// When the last event was.
    pub fn end(&self) -> i64 {
        self.get(self.len.saturating_sub(1))
            .map_or(0, |event| event.time)
    }

    /// The events as a replayer takes them.
    pub fn exported(&self) -> Exported {
        Exported {
            events: self.iter().map(|event| event.message.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn recorded(name: &str) -> History {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/histories");
        let text = std::fs::read_to_string(folder.join(name)).expect("it is there");
        let mut history = History::default();
        load::load(&text, |events| {
            history.push(events);
            true
        })
        .expect("a whole history");
        history
    }

    fn told(history: &History) -> Vec<String> {
        let over = history.summary().is_over();
        let groups = history
            .groups()
            .iter()
            .filter(|group| group.category != Category::Task);
        let each = groups.map(|group| {
            let ids: Vec<_> = group
                .events
                .iter()
                .filter_map(|place| Some(history.get(*place)?.id))
                .collect();
            format!(
                "{} {} {} {ids:?}",
                group.category.name(),
                group.name,
                group.status(over).word
            )
        });
        each.collect()
    }

    #[test]
    fn events_find_their_groups() {
        assert_eq!(
            told(&recorded("batch-mixed.json")),
            [
                "Workflow batchFulfillment started [1]",
                "Child orderFulfillment completed [5, 8, 14]",
                "Child orderFulfillment failed [6, 10, 18]",
                "Child orderFulfillment failed [7, 11]",
                "Workflow  completed [22]",
            ]
        );
    }

    #[test]
    fn retries_are_a_problem_that_is_over() {
        let history = recorded("activity-retried.json");
        let activity = history
            .groups()
            .iter()
            .find(|group| group.category == Category::Activity);
        let activity = activity.expect("it has one");
        assert!(activity.problem && activity.attempt > 1);
        assert!(activity.status(true).word.starts_with("done ×"));
        assert!(!history.problems().is_empty());
    }

    #[test]
    fn every_recorded_history_is_in_groups_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/histories");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if !name.ends_with(".json") || name == "cases.json" {
                continue;
            }
            let history = recorded(&name);
            let mut places: Vec<_> = history
                .groups()
                .iter()
                .flat_map(|group| group.events.clone())
                .collect();
            places.sort_unstable();
            assert_eq!(places, (0..history.len()).collect::<Vec<_>>(), "{name}");
            for event in history.iter() {
                assert!(event.unread.is_none(), "{name}: {}", event.name);
                assert_ne!(event.category, Category::Other, "{name}: {}", event.name);
                for cause in &event.causes {
                    assert!(history.place_of(*cause).is_some(), "{name}");
                }
            }
            seen += 1;
        }
        assert!(seen >= 100, "the histories were not found");
    }
}
