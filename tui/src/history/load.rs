//! Reads an exported history, an event at a time: the first events are there before the last are read, and what is
//! damaged or newer than this program is shown as it is.

use std::borrow::Cow;

use serde_json::Value;
use steadfast_proto::json::{self, Options, UNKNOWN_EVENT_TYPE};
use steadfast_proto::temporal::api::enums::v1::EventType;
use steadfast_proto::temporal::api::history::v1::HistoryEvent;
use steadfast_proto::time::timestamp_nanos_saturating;

use super::facts::{Category, Class, Facts};
use super::{Event, split};

/// So many events are handed on at once; the first few at once, so that something is seen.
const CHUNK: usize = 512;
const FIRST: usize = 64;

/// Reads the events of a document and hands them on in pieces, until `take` says that it has enough. What is wrong with
/// the document as a whole comes back; the events before that have been handed on.
pub fn load(text: &str, mut take: impl FnMut(Vec<Event>) -> bool) -> Result<(), String> {
    let mut chunk = Vec::with_capacity(FIRST);
    let mut most = FIRST;
    let mut events = split::Events::new(text);
    loop {
        let next = events.next();
        let over = !matches!(next, Some(Ok(_)));
        if let Some(Ok(text)) = next {
            chunk.push(event(text));
        }
        if (over && !chunk.is_empty()) || chunk.len() >= most {
            most = CHUNK;
            if !take(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK))) {
                return Ok(());
            }
        }
        match next {
            Some(Ok(_)) => {}
            Some(Err(why)) => return Err(why),
            None => return Ok(()),
        }
    }
}

/// Reads one event from its JSON.
pub fn event(text: &str) -> Event {
    if let Ok(message) = json::from_json::<HistoryEvent>(text) {
        return Event::from(message);
    }
    let tolerant = json::from_json_with::<HistoryEvent>(text, &Options::TOLERANT);
    let mut event = Event::from(tolerant.unwrap_or_default());
    if event.message.event_type == UNKNOWN_EVENT_TYPE || event.message.event_id == 0 {
        by_its_names(&mut event, text);
    }
    event.unread = Some(text.to_owned());
    event
}

/// What can be told of an event that this program does not know, by the names that all events use.
fn by_its_names(event: &mut Event, text: &str) {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) else {
        event.name = Cow::Borrowed("unreadable");
        return;
    };
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let kind = fields.get("eventType").or_else(|| fields.get("event_type"));
    event.name = Cow::Owned(camel(kind.and_then(Value::as_str).unwrap_or("unknown")));
    let id = fields.get("eventId").or_else(|| fields.get("event_id"));
    if let Some(id) = id.and_then(number) {
        event.id = id;
    }
    // Attributes of every kind call the events that they follow by names that end like this.
    let attributes = fields
        .iter()
        .filter(|(name, _)| name.ends_with("Attributes"));
    let named = attributes
        .filter_map(|(_, value)| value.as_object())
        .flatten();
    let causes = named
        .filter(|(name, _)| name.ends_with("EventId"))
        .filter_map(|(_, value)| number(value));
    event.causes = causes.filter(|cause| *cause > 0).take(3).collect();
}

/// `EVENT_TYPE_TIMER_STARTED` as `TimerStarted`.
fn camel(name: &str) -> String {
    let Some(rest) = name.strip_prefix("EVENT_TYPE_") else {
        return name.to_owned();
    };
    let words = rest.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter();
        first
            .chain(letters.flat_map(char::to_lowercase))
            .collect::<String>()
    });
    words.collect()
}

impl From<HistoryEvent> for Event {
    fn from(message: HistoryEvent) -> Self {
        let kind = EventType::try_from(message.event_type).ok();
        let facts = Facts::read(&message);
        let (category, class) = match kind {
            Some(_) => (facts.category, facts.class),
            None => (Category::Other, Class::Recorded),
        };
        let causes = facts
            .causes
            .into_iter()
            .filter(|cause| *cause > 0)
            .collect();
        Self {
            id: message.event_id,
            time: message
                .event_time
                .as_ref()
                .map_or(0, timestamp_nanos_saturating),
            name: kind.map_or(Cow::Borrowed("unknown"), |kind| {
                Cow::Borrowed(kind.short_name())
            }),
            category,
            class,
            causes,
            unread: None,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Vec<Event>, Result<(), String>) {
        let mut events = Vec::new();
        let result = load(text, |chunk| {
            events.extend(chunk);
            true
        });
        (events, result)
    }

    #[test]
    fn events_of_the_future_are_shown() {
        let text = r#"{"events":[
            {"eventId":"1","eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED","eventTime":"2026-01-01T00:00:00Z",
             "workflowExecutionStartedEventAttributes":{"workflowType":{"name":"w"}}},
            {"eventId":"2","eventType":"EVENT_TYPE_DREAM_SCHEDULED","eventTime":"2026-01-01T00:00:01Z",
             "dreamScheduledEventAttributes":{"workflowTaskCompletedEventId":"1","sheep":3}},
            {"eventId":"3","eventType":"EVENT_TYPE_TIMER_FIRED","timerFiredEventAttributes":{"timerId":"t","new":1}}]}"#;
        let (events, result) = all(text);
        assert_eq!(result, Ok(()));
        let names: Vec<_> = events
            .iter()
            .map(|event| (event.id, event.name.as_ref()))
            .collect();
        assert_eq!(
            names,
            [
                (1, "WorkflowExecutionStarted"),
                (2, "DreamScheduled"),
                (3, "TimerFired")
            ]
        );
        assert_eq!(events[1].causes, [1]);
        assert!(
            events[1]
                .unread
                .as_ref()
                .expect("it is kept")
                .contains("sheep")
        );
        assert!(
            events[2].unread.is_some(),
            "a field that is not known is kept"
        );
    }

    #[test]
    fn a_truncated_file_shows_what_it_has() {
        let (events, result) =
            all(r#"{"events":[{"eventId":"1","eventType":"TimerFired"},{"eventId":"2","ev"#);
        assert_eq!(events.len(), 1);
        assert!(result.expect_err("it is cut short").contains("cut short"));
    }

    #[test]
    fn reading_can_be_stopped() {
        let one = r#"{"eventId":"1","eventType":"TimerFired"}"#;
        let text = format!("[{}]", vec![one; 5000].join(","));
        let mut seen = 0;
        let result = load(&text, |chunk| {
            seen += chunk.len();
            false
        });
        assert_eq!((result, seen), (Ok(()), FIRST));
    }
}
