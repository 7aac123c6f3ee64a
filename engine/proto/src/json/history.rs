//! Histories, in all the forms in which they are exported.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    JsonError, JsonProblem, Options, checked_size, decoded, message_of, read::Reader,
    to_json_pretty, value::List,
};
use crate::temporal::api::history::v1::History;

/// Reads an exported history: an object with `events`, a bare list of events, or the response of
/// the HTTP API that has the history within.
pub fn history_from_json(text: &str) -> Result<History, JsonError> {
    history_from_json_with(text, &Options::default())
}

/// Reads an exported history, tolerating what `options` say.
pub fn history_from_json_with(text: &str, options: &Options) -> Result<History, JsonError> {
    let text = checked_size(text)?;
    let mut reader = Reader::new(options);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document = Document {
        reader: &mut reader,
        within: false,
    };
    let walked = document.deserialize(&mut deserializer);
    match walked.and_then(|found| deserializer.end().map(|()| found)) {
        Ok(true) => decoded(reader.out),
        Ok(false) => Err(JsonError::whole(JsonProblem::NotAHistory)),
        // Of what is neither object nor list, serde says so; all else has its own problem.
        Err(error) if error.is_data() && !reader.has_problem() => {
            Err(JsonError::whole(JsonProblem::NotAHistory))
        }
        Err(error) => Err(reader.explain(&error)),
    }
}

/// Writes a history as `temporal workflow show --output json` prints it.
pub fn history_to_json(history: &History) -> String {
    to_json_pretty(history) + "\n"
}

/// A document that should hold a history; its value says whether it does.
struct Document<'r, 'o> {
    reader: &'r mut Reader<'o>,
    /// Whether this is the history within a response.
    within: bool,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a history")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        let events = &message_of::<History>().fields[0];
        let list = List {
            reader: self.reader,
            number: events.number,
            kind: events.kind,
        };
        list.visit_seq(seq).map(|()| true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { reader, within } = self;
        let history = message_of::<History>();
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "events" | "history" if found => return Err(reader.fail(JsonProblem::Duplicate)),
                "events" => {
                    reader.field(&history.fields[0], &mut map)?;
                    found = true;
                }
                "history" if !within => {
                    found = map.next_value_seed(Document {
                        reader: &mut *reader,
                        within: true,
                    })?;
                }
                "nextPageToken" | "next_page_token" if !within => {
                    let token = map.next_value::<Option<String>>()?;
                    if token.is_some_and(|token| !token.is_empty()) {
                        return Err(reader.fail(JsonProblem::Incomplete));
                    }
                }
                "archived" | "rawHistory" | "raw_history" if !within => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => reader.unknown(history, &name, &mut map)?,
            }
        }
        Ok(found)
    }
}
