//! Documents as messages: walks a document by the table of its message and writes the encoded
//! message.
//!
//! The encoded form in between costs little and lets one walk serve every message. Nothing else is
//! kept of a document than the path to where reading is and one bit per field of the open messages.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{
    Options,
    error::{JsonError, JsonProblem},
    limits,
    scalar::{brief, similar},
    schema::{Enum, Field, Kind, Message, Shape},
    value::{Element, Values},
    wire::Output,
};

/// Key of the bytes of an `Any` whose type we do not know, in base64. No other tool writes it:
/// there is no canonical form.
pub(super) const OPAQUE: &str = "@value";

/// Number of an event type whose name we do not know, under [`Options::unknown_event_types`].
pub const UNKNOWN_EVENT_TYPE: i32 = -1;

const EVENT: &str = "temporal.api.history.v1.HistoryEvent";
const EVENT_TYPE: &str = "temporal.api.enums.v1.EventType";

/// The encoded message of a value that is already parsed.
pub(super) fn value_to_wire(
    message: &'static Message,
    value: &serde_json::Value,
) -> Result<Vec<u8>, JsonError> {
    let options = Options::default();
    let mut reader = Reader {
        ordered: true,
        ..Reader::new(&options)
    };
    match reader.document(message, value) {
        Ok(()) => Ok(reader.out.into_bytes()),
        Err(error) => Err(reader.explain(&error)),
    }
}

/// One step of the way to a place in a document.
pub(super) enum Step {
    Field(&'static str),
    Key(String),
    Index(usize),
}

/// What is being read.
pub(super) struct Reader<'o> {
    options: &'o Options,
    pub(super) path: Vec<Step>,
    /// Why the walk ended. Errors of serde carry only text.
    problem: Option<JsonProblem>,
    depth: usize,
    messages: usize,
    events: usize,
    /// Whether the order of fields matters: the bytes of an `Any` are compared.
    ordered: bool,
    pub(super) out: Output,
}

impl<'o> Reader<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self {
            options,
            path: Vec::new(),
            problem: None,
            depth: 0,
            messages: 0,
            events: 0,
            ordered: false,
            out: Output::default(),
        }
    }

    /// Reads a whole document.
    pub(super) fn document<'de, D: Deserializer<'de>>(
        &mut self,
        message: &'static Message,
        deserializer: D,
    ) -> Result<(), D::Error> {
        Element {
            reader: self,
            number: 0,
            kind: Kind::Message(message),
            nullable: false,
        }
        .deserialize(deserializer)
    }

    /// Reads the value of a field, under its name in the path.
    pub(super) fn field<'de, A: MapAccess<'de>>(
        &mut self,
        field: &'static Field,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.path.push(Step::Field(field.json));
        map.next_value_seed(Values {
            reader: self,
            field,
        })?;
        self.path.pop();
        Ok(())
    }

    /// The error of a walk that ended with `error`.
    pub(super) fn explain(self, error: &serde_json::Error) -> JsonError {
        let problem = self.problem.unwrap_or_else(|| {
            let text = error.to_string();
            if text.starts_with("recursion limit") {
                return JsonProblem::TooDeep;
            }
            let end = text.rfind(" at line ").unwrap_or(text.len());
            JsonProblem::Syntax(text[..end].to_owned())
        });
        let path = render(&self.path);
        JsonError {
            line: error.line(),
            column: error.column(),
            path,
            problem,
        }
    }

    /// Whether a walk that ended says itself why.
    pub(super) fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    /// Ends the walk.
    pub(super) fn fail<E: Error>(&mut self, problem: JsonProblem) -> E {
        let error = E::custom(&problem);
        self.problem.get_or_insert(problem);
        error
    }

    /// Begins a nested message; the document itself has number 0.
    pub(super) fn open<E: Error>(&mut self, number: u32) -> Result<usize, E> {
        if number == 0 {
            return Ok(0);
        }
        self.depth += 1;
        if self.depth > limits::NESTING {
            return Err(self.fail(JsonProblem::TooDeep));
        }
        Ok(self.out.open(number))
    }

    pub(super) fn close(&mut self, number: u32, start: usize) {
        if number != 0 {
            self.depth -= 1;
            self.out.close(start);
        }
    }

    fn count<E: Error>(&mut self, message: &Message) -> Result<(), E> {
        self.messages += 1;
        self.events += usize::from(message.name == EVENT);
        if self.events > limits::EVENTS {
            return Err(self.fail(JsonProblem::TooManyEvents));
        }
        if self.messages > limits::MESSAGES {
            return Err(self.fail(JsonProblem::TooManyMessages));
        }
        Ok(())
    }

    pub(super) fn object<'de, A: MapAccess<'de>>(
        &mut self,
        message: &'static Message,
        mut map: A,
    ) -> Result<(), A::Error> {
        self.count(message)?;
        let start = self.out.len();
        let mut parts = Vec::new();
        let mut seen = Seen {
            message,
            fields: 0,
            oneofs: 0,
        };
        while let Some(name) = map.next_key_seed(NameSeed(message))? {
            let before = self.out.len();
            match name {
                Name::Field(at) => seen.field(self, at, &mut map)?,
                Name::Oneof(oneof) => {
                    self.path.push(Step::Field(message.oneofs[oneof]));
                    map.next_value_seed(Grouped {
                        reader: self,
                        oneof,
                        seen: &mut seen,
                    })?;
                    self.path.pop();
                }
                Name::Unknown(name) => self.unknown(message, &name, &mut map)?,
            }
            if self.ordered && self.out.len() > before {
                parts.push((self.out.number_at(before), before));
            }
        }
        if !parts.is_sorted() {
            self.out.sort(start, &parts);
        }
        Ok(())
    }

    /// Meets a field that `message` does not have.
    pub(super) fn unknown<'de, A: MapAccess<'de>>(
        &mut self,
        message: &'static Message,
        name: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if self.options.unknown_fields {
            return map.next_value::<IgnoredAny>().map(|_| ());
        }
        let known = message.fields.iter().map(|f| f.json);
        Err(self.fail(JsonProblem::UnknownField {
            field: brief(name),
            message: message.name,
            similar: similar(name, known),
        }))
    }

    pub(super) fn any<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(self.fail(JsonProblem::Duplicate));
            }
        }
        let url = match fields.remove("@type") {
            Some(serde_json::Value::String(url)) => url,
            None if fields.is_empty() => return Ok(()),
            _ => return Err(self.bad_any("an object without \"@type\" says not what it is")),
        };
        self.out.put_bytes(1, url.as_bytes());
        if let Some(bytes) = fields.remove(OPAQUE) {
            return self.embed(Kind::Bytes, bytes);
        }
        let Some(message) = Message::by_name(url.rsplit('/').next().unwrap_or_default()) else {
            return Err(self.bad_any(&format!("no message is known of type {:?}", brief(&url))));
        };
        let value = match message.shape {
            Shape::Object => serde_json::Value::Object(fields),
            _ => fields.remove("value").unwrap_or_default(),
        };
        self.embed(Kind::Message(message), value)
    }

    /// The value of an `Any`.
    fn embed<E: Error>(&mut self, kind: Kind, value: serde_json::Value) -> Result<(), E> {
        let outer = std::mem::replace(&mut self.ordered, true);
        let element = Element {
            reader: &mut *self,
            number: 2,
            kind,
            nullable: false,
        };
        element.deserialize(value).map_err(E::custom)?;
        self.ordered = outer;
        Ok(())
    }

    fn bad_any<E: Error>(&mut self, text: &str) -> E {
        self.fail(JsonProblem::BadAny(text.to_owned()))
    }

    /// Number of the enum value that a document calls `name`.
    pub(super) fn number_of<E: Error>(
        &mut self,
        found: &'static Enum,
        name: &str,
    ) -> Result<i32, E> {
        match found.number(name) {
            Some(number) => Ok(number),
            None if self.options.unknown_event_types && found.name == EVENT_TYPE => {
                Ok(UNKNOWN_EVENT_TYPE)
            }
            None => {
                let known = found.values.iter().flat_map(|v| [v.name, v.short]);
                let similar = similar(name, known);
                let (value, of) = (brief(name), found.name);
                Err(self.fail(JsonProblem::UnknownValue { value, of, similar }))
            }
        }
    }
}

fn render(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Field(name) if out.is_empty() => out.push_str(name),
            Step::Field(name) => out.extend([".", name]),
            Step::Key(key) => out.push_str(&format!("[{key:?}]")),
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

/// Which fields of a message have been read.
struct Seen {
    message: &'static Message,
    fields: u128,
    oneofs: u128,
}

impl Seen {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let field = &self.message.fields[at];
        let before = reader.out.len();
        reader.field(field, map)?;
        if self.fields & 1 << at != 0 {
            reader.path.push(Step::Field(field.json));
            return Err(reader.fail(JsonProblem::Duplicate));
        }
        self.fields |= 1 << at;
        // A null is no value, so it excludes no other.
        let Some(oneof) = field.oneof.filter(|_| reader.out.len() > before) else {
            return Ok(());
        };
        if self.oneofs & 1 << oneof != 0 {
            reader.path.push(Step::Field(field.json));
            return Err(reader.fail(JsonProblem::Excluded(self.message.oneofs[oneof])));
        }
        self.oneofs |= 1 << oneof;
        Ok(())
    }
}

/// What a key of an object names.
enum Name {
    Field(usize),
    Oneof(usize),
    Unknown(String),
}

struct NameSeed(&'static Message);

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a field of {}", self.0.name)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        let oneof = || {
            self.0
                .oneofs
                .iter()
                .position(|oneof| *oneof == name)
                .map(Name::Oneof)
        };
        let found = self.0.field(name).map(Name::Field).or_else(oneof);
        Ok(found.unwrap_or_else(|| Name::Unknown(name.to_owned())))
    }
}

/// A oneof as Rust's `serde` derives write it, which is how Temporal's Rust SDK exports: the name
/// of the oneof, and within it the variant, as in `"attributes": {"TimerFiredEventAttributes":
/// {…}}`.
struct Grouped<'r, 'o> {
    reader: &'r mut Reader<'o>,
    oneof: usize,
    seen: &'r mut Seen,
}

impl<'de> DeserializeSeed<'de> for Grouped<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grouped<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an object with one of {}",
            self.seen.message.oneofs[self.oneof]
        )
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let message = self.seen.message;
        while let Some(variant) = map.next_key::<String>()? {
            let is_it = |f: &Field| f.oneof == Some(self.oneof) && is_camel_of(&variant, f.name);
            match message.fields.iter().position(is_it) {
                Some(at) => self.seen.field(self.reader, at, &mut map)?,
                None => self.reader.unknown(message, &variant, &mut map)?,
            }
        }
        Ok(())
    }
}

fn is_camel_of(camel: &str, snake: &str) -> bool {
    let letters = snake.bytes().filter(|b| *b != b'_');
    camel.bytes().map(|b| b.to_ascii_lowercase()).eq(letters)
}
