//! What a document may hold: every message, field and enum of the published language, as static
//! tables.

/// A message and the names its fields go by.
#[derive(Debug)]
pub(super) struct Message {
    /// Full name, as in `temporal.api.history.v1.History`.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// In the order of their declaration, in which documents show them.
    pub(super) fields: &'static [Field],
    /// Sorted: JSON names and original names, with the index of their field.
    pub(super) names: &'static [(&'static str, usize)],
    pub(super) oneofs: &'static [&'static str],
}

/// How a document shows a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Any,
    Duration,
    FieldMask,
    Timestamp,
    /// As the value of its only field.
    Wrapped,
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// As the language declares it: `event_type`.
    pub(super) name: &'static str,
    /// As documents show it: `eventType`.
    pub(super) json: &'static str,
    /// Of each element when there can be many; of a map, the message with its key and value.
    pub(super) kind: Kind,
    pub(super) arity: Arity,
    pub(super) oneof: Option<usize>,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arity {
    One,
    List,
    Map,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Bytes,
    Double,
    Enum(&'static Enum),
    Float,
    Int32,
    Int64,
    Message(&'static Message),
    String,
    Uint32,
}

/// An enum and its values.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) name: &'static str,
    pub(super) values: &'static [Value],
}

/// A value of an enum.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) number: i32,
    /// `EVENT_TYPE_TIMER_FIRED`.
    pub(super) name: &'static str,
    /// `TimerFired`, as older exports write it.
    pub(super) short: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

impl Message {
    /// The message of that full name.
    pub(super) fn by_name(name: &str) -> Option<&'static Self> {
        let at = MESSAGES.binary_search_by_key(&name, |m| m.name).ok()?;
        Some(MESSAGES[at])
    }

    /// Index of the field that a document calls `name`.
    pub(super) fn field(&self, name: &str) -> Option<usize> {
        let at = self
            .names
            .binary_search_by_key(&name, |(known, _)| known)
            .ok()?;
        Some(self.names[at].1)
    }
}

impl Enum {
    /// Number of the value that a document calls `name`.
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        let known = |v: &&Value| v.name == name || v.short == name;
        self.values.iter().find(known).map(|v| v.number)
    }

    /// Name of the value with that number.
    pub(super) fn name_of(&self, number: i32) -> Option<&'static str> {
        self.values
            .iter()
            .find(|v| v.number == number)
            .map(|v| v.name)
    }
}
