//! Looks for a text in events and in everything that they carry, decoded.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Segment, document};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    inverted: bool,
    text: String,
}

impl Pattern {
    /// Reads what somebody typed. Small letters mean any case; `!` before it means what does not have it; after `re:`
    /// stands a regular expression.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let (inverted, rest) = typed
            .strip_prefix('!')
            .map_or((false, typed), |rest| (true, rest));
        let (expression, rest) = match rest.strip_prefix("re:") {
            Some(expression) => (expression.to_owned(), expression),
            None => (regex::escape(rest), rest),
        };
        let any_case = !rest.chars().any(char::is_uppercase);
        let regex = RegexBuilder::new(&expression)
            .case_insensitive(any_case)
            .size_limit(1 << 20)
            .build();
        let regex = regex.map_err(|error| {
            error
                .to_string()
                .lines()
                .last()
                .unwrap_or("not a pattern")
                .to_owned()
        })?;
        Ok(Self {
            regex,
            inverted,
            text: typed.to_owned(),
        })
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text has it.
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text) != self.inverted
    }

    /// Whether an event has it anywhere.
    fn is_in_event(&self, event: &super::Event) -> bool {
        let document = document::decoded(event);
        let found = self.regex.is_match(&event.name) || self.in_document(&document);
        found != self.inverted
    }

    fn in_document(&self, document: &Value) -> bool {
        match document {
            Value::Object(fields) => {
                let mut fields = fields.iter();
                fields.any(|(name, value)| self.regex.is_match(name) || self.in_document(value))
            }
            Value::Array(items) => items.iter().any(|item| self.in_document(item)),
            Value::String(text) => self.regex.is_match(text),
            Value::Null => false,
            other => self.regex.is_match(&other.to_string()),
        }
    }
}

/// Looks through pieces of a history; `found` hears the places, and says whether to go on.
pub fn search(segments: &[Segment], pattern: &Pattern, mut found: impl FnMut(Vec<usize>) -> bool) {
    for segment in segments {
        let places = segment
            .events
            .iter()
            .enumerate()
            .filter(|(_, event)| pattern.is_in_event(event));
        let places: Vec<usize> = places.map(|(place, _)| segment.start + place).collect();
        if !found(places) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use steadfast_proto::temporal::api::common::v1::Payload;
    use steadfast_proto::temporal::api::enums::v1::EventType;
    use steadfast_proto::temporal::api::history::v1::{
        HistoryEvent, WorkflowExecutionSignaledEventAttributes,
    };

    use super::*;
    use crate::history::{Event, History};

    fn signal(id: i64, name: &str, input: &str) -> Event {
        let payload = Payload::json(&serde_json::json!({"card": input})).expect("it is JSON");
        let attributes = WorkflowExecutionSignaledEventAttributes {
            signal_name: name.to_owned(),
            input: Some(payload.into()),
            ..Default::default()
        };
        Event::from(HistoryEvent {
            event_id: id,
            event_type: EventType::WorkflowExecutionSignaled.into(),
            attributes: Some(attributes.into()),
            ..HistoryEvent::default()
        })
    }

    fn hits(typed: &str) -> Vec<usize> {
        let history = History::of(vec![
            signal(1, "pay", "Declined"),
            signal(2, "bump", "fine"),
            signal(3, "pay", "ok"),
        ]);
        let pattern = Pattern::parse(typed).expect("a pattern");
        let mut all = Vec::new();
        search(&history.segments(), &pattern, |places| {
            all.extend(places);
            true
        });
        all
    }

    #[test]
    fn names_and_payloads_are_searched() {
        assert_eq!(hits("pay"), [0, 2]);
        assert_eq!(hits("declined"), [0]);
        assert_eq!(hits("DECLINED"), Vec::<usize>::new());
        assert_eq!(hits("!pay"), [1]);
        assert_eq!(hits("re:^f.ne$"), [1]);
        assert_eq!(hits("a.b"), Vec::<usize>::new());
        assert_eq!(hits("card"), [0, 1, 2]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(Pattern::parse("re:(").is_err());
        assert!(Pattern::parse("re:(a{1000}){1000}").is_err());
        assert!(Pattern::parse("(").is_ok());
    }
}
