//! What is often a mistake, found in a history: each rule says what it saw, where, and why that matters.

use std::collections::BTreeSet;
use std::panic::Location;

use steadfast_proto::temporal::api::history::v1::{
    ActivityTaskScheduledEventAttributes as Activity, history_event::Attributes as A,
};
use steadfast_proto::time::duration_nanos_saturating;

use super::facts::{Category, Class, Facts, innermost};
use super::{History, time};
use crate::text;
use crate::theme::Role;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// A payload of more bytes is better kept elsewhere: half of what Temporal warns of is a good habit.
const LARGE: usize = 128 << 10;

/// Temporal warns at so many events, and ends a run at five times as many.
const LONG: usize = 10_240;

/// Something that is often a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The place of the event that shows it.
    pub place: usize,
    /// How bad it is.
    pub role: Role,
    /// What was seen.
    pub text: String,
}

/// Everything that the rules find; each rule tells of a name once.
pub fn check(history: &History) -> Vec<Warning> {
    let mut found = Found::default();
    for (place, event) in history.iter().enumerate() {
        let facts = Facts::read(&event.message);
        carried(&mut found, place, &facts);
        match &event.message.attributes {
            Some(A::ActivityTaskScheduledEventAttributes(it)) => {
                activity(&mut found, place, it, facts.name)
            }
            Some(A::WorkflowTaskFailedEventAttributes(_)) => {
                let why = facts.failure.map_or("", |failure| innermost(failure).0);
                let (why, _) = text::head(why, 120);
                found.add(Role::Fail, place, &facts.note, || {
                    format!("workflow task failed: {} {why}", facts.note)
                });
            }
            Some(A::WorkflowTaskTimedOutEventAttributes(_)) => {
                found.add(Role::Warn, place, &facts.note, || {
                    format!(
                        "workflow task timed out ({}): no worker, or one that was too slow",
                        facts.note
                    )
                });
            }
            Some(A::TimerStartedEventAttributes(it)) => {
                let span = it
                    .start_to_fire_timeout
                    .as_ref()
                    .map_or(0, duration_nanos_saturating);
                if span > 0 && span < SECOND {
                    found.add(Role::Warn, place, "timer", || {
                        format!(
                            "timer of {}: the server rounds and takes its time",
                            time::span(span)
                        )
                    });
                }
            }
            _ => {}
        }
    }
    groups(&mut found, history);
    if history.len() > LONG {
        let events = text::count(history.len());
        found.add(Role::Warn, history.len() - 1, "long", || {
            format!("{events} events: continue as new before the server ends the run")
        });
    }
    found.warnings.sort_by_key(|warning| warning.place);
    found.warnings
}

#[derive(Default)]
struct Found {
    warnings: Vec<Warning>,
    told: BTreeSet<(u32, String)>,
}

impl Found {
    /// Adds a warning, unless this rule has told of this name.
    #[track_caller]
    fn add(&mut self, role: Role, place: usize, name: &str, say: impl FnOnce() -> String) {
        let rule = Location::caller().line();
        if self.told.insert((rule, name.to_owned())) {
            self.warnings.push(Warning {
                place,
                role,
                text: say(),
            });
        }
    }
}

fn carried(found: &mut Found, place: usize, facts: &Facts<'_>) {
    let bytes = |payloads: &[steadfast_proto::temporal::api::common::v1::Payload]| {
        payloads
            .iter()
            .map(|payload| payload.data.len())
            .sum::<usize>()
    };
    let most = bytes(facts.input).max(bytes(facts.output));
    if most > LARGE {
        found.add(Role::Warn, place, facts.category.name(), || {
            format!(
                "{} carries {}: keep it elsewhere and pass where",
                facts.category.name(),
                text::bytes(most)
            )
        });
    }
}

fn activity(found: &mut Found, place: usize, it: &Activity, name: &str) {
    let nanos = |duration: &Option<prost_types::Duration>| {
        duration.as_ref().map_or(0, duration_nanos_saturating)
    };
    let (run, whole) = (
        nanos(&it.start_to_close_timeout),
        nanos(&it.schedule_to_close_timeout),
    );
    let (name, _) = text::head(name, 60);
    if run > HOUR && nanos(&it.heartbeat_timeout) == 0 {
        found.add(Role::Warn, place, name, || {
            format!(
                "{name} may run {} without a heartbeat: a dead worker is noticed only then",
                time::span(run)
            )
        });
    }
    if run > 0 && run < SECOND {
        found.add(Role::Warn, place, name, || {
            format!(
                "{name} has {} to run: a pause of its worker is a timeout",
                time::span(run)
            )
        });
    }
    if whole > 0 && run > whole {
        found.add(Role::Warn, place, name, || {
            format!(
                "{name}: start-to-close {} is more than schedule-to-close {}",
                time::span(run),
                time::span(whole)
            )
        });
    }
    if it
        .retry_policy
        .as_ref()
        .is_some_and(|retry| retry.maximum_attempts == 1)
    {
        found.add(Role::Warn, place, name, || {
            format!("{name} is never retried: a lost worker fails it")
        });
    }
}

/// What shows only in what became of it.
fn groups(found: &mut Found, history: &History) {
    let over = history.summary().is_over();
    for group in history.groups() {
        let (name, _) = text::head(&group.name, 60);
        if group.category == Category::Activity && group.attempt > 3 {
            let attempts = group.attempt;
            found.add(Role::Warn, group.head(), name, || {
                format!("{name} took {attempts} attempts")
            });
        }
        let waited = group.waited().unwrap_or(0);
        if waited > 60 * SECOND && group.category != Category::Child {
            let what = group.category.name().to_lowercase();
            found.add(Role::Warn, group.head(), &what, || {
                format!("{what} {name} waited {} for a worker", time::span(waited))
            });
        }
        if group.category == Category::Task && group.class == Class::Scheduled && !over {
            found.add(Role::Warn, group.head(), "waits", || {
                "a workflow task waits for a worker".to_owned()
            });
        }
        if over && group.is_open() && !matches!(group.category, Category::Timer | Category::Task) {
            found.add(Role::Warn, group.head(), name, || {
                format!("{} {name} was left unfinished", group.category.name())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use steadfast_proto::temporal::api::common::v1::{ActivityType, Payload, RetryPolicy};
    use steadfast_proto::temporal::api::enums::v1::EventType;
    use steadfast_proto::temporal::api::history::v1::HistoryEvent;
    use steadfast_proto::time::duration;

    use super::*;
    use crate::history::Event;

    fn scheduled(id: i64, attributes: Activity) -> Event {
        Event::from(HistoryEvent {
            event_id: id,
            event_type: EventType::ActivityTaskScheduled.into(),
            attributes: Some(attributes.into()),
            ..HistoryEvent::default()
        })
    }

    fn texts(events: Vec<Event>) -> Vec<String> {
        check(&History::of(events))
            .into_iter()
            .map(|warning| warning.text)
            .collect()
    }

    #[test]
    fn activities_that_ask_for_trouble() {
        let named = |name: &str| Activity {
            activity_type: Some(ActivityType {
                name: name.to_owned(),
            }),
            start_to_close_timeout: Some(duration(10 * SECOND)),
            ..Activity::default()
        };
        let long = Activity {
            start_to_close_timeout: Some(duration(5 * HOUR)),
            ..named("long")
        };
        let once = RetryPolicy {
            maximum_attempts: 1,
            ..RetryPolicy::default()
        };
        let once = Activity {
            retry_policy: Some(once),
            ..named("once")
        };
        let large = Payload::binary(vec![0; LARGE + 1]);
        let large = Activity {
            input: Some(large.into()),
            ..named("large")
        };
        let told = texts(vec![
            scheduled(1, named("fine")),
            scheduled(2, long.clone()),
            scheduled(3, long),
            scheduled(4, once),
            scheduled(5, large),
        ]);
        assert_eq!(
            told,
            [
                "long may run 5h without a heartbeat: a dead worker is noticed only then",
                "once is never retried: a lost worker fails it",
                "Activity carries 128.0 KiB: keep it elsewhere and pass where",
            ]
        );
    }
}
