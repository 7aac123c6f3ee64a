//! Event groups: the events of one activity, timer, child and so on, told as one thing.

use steadfast_proto::payload::JSON_PLAIN;
use steadfast_proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::facts::{Category, Class, Facts};
use crate::theme::Role;

/// The events of one thing.
#[derive(Clone, Debug)]
pub struct Group {
    /// The places of its events in the history.
    pub events: Vec<usize>,
    /// What part of the workflow it is.
    pub category: Category,
    /// What it is called.
    pub name: String,
    /// The id by which the workflow knows it.
    pub id: String,
    /// What its latest event says.
    pub class: Class,
    /// When it was asked for.
    pub asked: i64,
    /// When it began.
    pub began: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// The greatest attempt.
    pub attempt: i32,
    /// Whether anything about it went wrong.
    pub problem: bool,
    /// A short word from its first event.
    pub note: String,
}

/// How something stands: a glyph, the same in ASCII, a word, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its glyph.
    pub glyph: &'static str,
    /// Its glyph in ASCII.
    pub ascii: &'static str,
    /// Its word.
    pub word: String,
    /// What it means.
    pub role: Role,
}

impl Status {
    /// A status of these parts.
    pub fn new(
        glyph: &'static str,
        ascii: &'static str,
        word: impl Into<String>,
        role: Role,
    ) -> Self {
        Self {
            glyph,
            ascii,
            word: word.into(),
            role,
        }
    }
}

impl Group {
    /// The group that begins with an event.
    pub(super) fn begin(place: usize, event: &HistoryEvent, facts: &Facts<'_>, time: i64) -> Self {
        let begins = matches!(facts.class, Class::Started | Class::Accepted);
        Self {
            events: vec![place],
            category: facts.category,
            name: name(event, facts),
            id: facts.id.to_owned(),
            class: facts.class,
            asked: time,
            began: begins.then_some(time),
            ended: facts.class.is_end().then_some(time),
            attempt: facts.attempt,
            problem: facts.class.is_problem(),
            note: facts.note.clone(),
        }
    }

    /// Another event belongs to it.
    pub(super) fn join(&mut self, place: usize, facts: &Facts<'_>, time: i64) {
        self.events.push(place);
        self.attempt = self.attempt.max(facts.attempt);
        self.problem |=
            facts.class.is_problem() || (facts.class == Class::Started && facts.failure.is_some());
        if matches!(facts.class, Class::Started | Class::Accepted) && self.began.is_none() {
            self.began = Some(time);
        }
        if self.name.is_empty() {
            facts.name.clone_into(&mut self.name);
        }
        // An end is final, whatever is told after it.
        if !self.class.is_end() {
            self.class = facts.class;
            self.ended = facts.class.is_end().then_some(time);
        }
        if !facts.note.is_empty() && facts.class.is_end() {
            self.note.clone_from(&facts.note);
        }
    }

    /// Whether more is to be expected of it.
    pub const fn is_open(&self) -> bool {
        !matches!(self.category, Category::Workflow) && !self.class.is_end()
    }

    /// The place of its first event.
    pub fn head(&self) -> usize {
        self.events.first().copied().unwrap_or(0)
    }

    /// How long it took from being asked for to its end.
    pub fn took(&self) -> Option<i64> {
        self.ended.map(|ended| ended.saturating_sub(self.asked))
    }

    /// How long it waited before it began.
    pub fn waited(&self) -> Option<i64> {
        let waits = matches!(
            self.category,
            Category::Activity | Category::Task | Category::Child | Category::Nexus
        );
        let began = self.began.filter(|_| waits)?;
        Some(began.saturating_sub(self.asked))
    }

    /// How it stands; `over` says that its run is.
    pub fn status(&self, over: bool) -> Status {
        let ok = |word: &str| Status::new("✓", "+", word, Role::Ok);
        let bad = |word: &str| Status::new("✗", "x", word, Role::Fail);
        let plain = |word: &str| Status::new("·", ".", word, Role::Muted);
        match self.class {
            Class::Completed if self.attempt > 1 => {
                Status::new("✓", "+", format!("done ×{}", self.attempt), Role::Warn)
            }
            Class::Completed => ok("completed"),
            Class::Fired => ok("fired"),
            Class::Received => Status::new("←", "<", "received", Role::Ok),
            Class::Recorded => plain("recorded"),
            Class::Failed if self.attempt > 1 => bad(&format!("failed ×{}", self.attempt)),
            Class::Failed => bad("failed"),
            Class::TimedOut => bad("timed out"),
            Class::Terminated => bad("terminated"),
            Class::Canceled => Status::new("⊘", "/", "canceled", Role::Warn),
            Class::ContinuedAsNew => Status::new("↻", "@", "continued", Role::Ok),
            Class::Started | Class::CancelRequested if self.category == Category::Workflow => {
                plain(match self.class {
                    Class::Started => "started",
                    _ => "cancel req.",
                })
            }
            _ if over => Status::new("◌", "o", "unfinished", Role::Warn),
            Class::Scheduled => Status::new("◌", "o", "scheduled", Role::Pending),
            Class::Started if self.attempt > 1 => {
                Status::new("◌", "o", format!("attempt {}", self.attempt), Role::Warn)
            }
            Class::Started if self.category == Category::Timer => {
                Status::new("◌", "o", "pending", Role::Pending)
            }
            Class::Started => Status::new("●", "*", "running", Role::Run),
            Class::Accepted => Status::new("●", "*", "accepted", Role::Run),
            Class::CancelRequested => Status::new("⊘", "/", "cancel req.", Role::Warn),
        }
    }
}

/// What a group is called: a marker by what it marks.
fn name(event: &HistoryEvent, facts: &Facts<'_>) -> String {
    let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes else {
        return facts.name.to_owned();
    };
    let mut documents = marker
        .details
        .values()
        .flat_map(|it| &it.payloads)
        .filter(|it| it.encoding() == JSON_PLAIN);
    let named = documents.find_map(|payload| {
        let fields: serde_json::Map<String, serde_json::Value> = payload.to_json().ok()?;
        let name = fields.get("activity_type").or_else(|| fields.get("id"))?;
        Some(name.as_str()?.to_owned())
    });
    match named {
        Some(name) if facts.category == Category::LocalActivity => name,
        Some(name) => format!("{}: {name}", facts.name),
        None => facts.name.to_owned(),
    }
}
