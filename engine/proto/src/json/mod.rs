//! Canonical proto3 JSON both ways: what `temporal workflow show --output json` prints and what the
//! Web UI downloads.
//!
//! # Writing
//!
//! [`to_json`] and its kin write the canonical form: `camelCase` names, enums by name, 64-bit
//! integers as text, base64, RFC 3339 times, defaults left out. Fields come in the order of their
//! declaration and maps sorted by key, so that equal messages give equal text. What has no
//! canonical form is still written so that it reads back: times beyond the year 9999 as the object
//! that they are, an `Any` of an unknown type with its bytes in base64 as `@value`.
//!
//! # Reading
//!
//! [`from_json`] and [`history_from_json`] read the canonical form and what older tools wrote:
//!
//! - original names of fields (`event_type`), enums as numbers or by short names
//!   (`WorkflowExecutionStarted`);
//! - the form of Rust's `serde` derives, in which Temporal's Rust SDK writes histories: oneofs
//!   under their own name (`"attributes": {"TimerFiredEventAttributes": {…}}`), bytes as lists of
//!   numbers, defaults and nulls spelled out.
//!
//! Strict unless [`Options`] say otherwise: an unknown name is an error that names it, its place
//! and what was probably meant. Documents may be hostile: [`limits`] bound their size, depth and
//! number of messages.
//!
//! # Why not a library
//!
//! `prost-reflect` writes the same text (tests hold both against each other), but at a third of the
//! speed and reads at a fifth of it: 31 and 17 MB/s where this does 101 and 79, with equally modest
//! optimisation. It decodes its pool of descriptors in every process (30 ms), its errors have no path,
//! and told to pass over unknown fields it silently reads unknown enum values as zero. `pbjson`
//! generates two implementations per message, reads no older form and has no paths either. Walking
//! our own tables serves all messages with one reader and one writer.

mod error;
mod history;
pub mod limits;
mod payloads;
mod read;
mod scalar;
mod schema;
mod text;
mod value;
mod wire;
mod write;

use prost::{Message, Name};
use serde::ser::{Serialize, Serializer};

pub(crate) use self::payloads::exchange;
pub use self::{
    error::{JsonError, JsonProblem},
    history::{history_from_json, history_from_json_with, history_to_json},
    read::UNKNOWN_EVENT_TYPE,
};
use self::{read::Reader, wire::Output, write::Wire};

/// What reading tolerates beyond the published language that we know. By default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Pass over fields that the message does not have. What they say is lost.
    pub unknown_fields: bool,
    /// Read an event type that we do not know as [`UNKNOWN_EVENT_TYPE`], so that whoever replays
    /// the history can decide by the event's `worker_may_ignore`. Its attributes are an unknown
    /// field.
    pub unknown_event_types: bool,
}

impl Options {
    /// For documents of servers newer than this crate.
    pub const TOLERANT: Self = Self {
        unknown_fields: true,
        unknown_event_types: true,
    };
}

/// A message that serializes as canonical JSON, to embed it in other documents.
#[derive(Debug, Clone, Copy)]
pub struct Canonical<'a, M>(pub &'a M);

impl<M: Message + Name> Serialize for Canonical<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(message_of::<M>(), &self.0.encode_to_vec()).serialize(serializer)
    }
}

/// A message that serializes as Temporal's own command line shows it: canonical JSON, but payloads that hold JSON are
/// that JSON. Workers' replayers do not read this form.
#[derive(Debug, Clone, Copy)]
pub struct Shorthand<'a, M>(pub &'a M);

impl<M: Message + Name> Serialize for Shorthand<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.encode_to_vec();
        let wire = Wire::of(message_of::<M>(), &bytes).shorthand();
        wire.serialize(serializer)
    }
}

/// Writes a message on one line.
pub fn to_json<M: Message + Name>(message: &M) -> String {
    serde_json::to_string(&Canonical(message)).expect(WRITES)
}

/// Writes a message on many lines, indented by two spaces as the `temporal` command line does.
pub fn to_json_pretty<M: Message + Name>(message: &M) -> String {
    serde_json::to_string_pretty(&Canonical(message)).expect(WRITES)
}

/// Writes a message as a value.
pub fn to_value<M: Message + Name>(message: &M) -> serde_json::Value {
    serde_json::to_value(Canonical(message)).expect(WRITES)
}

const WRITES: &str = "a message in memory has valid text and a table";

/// Reads a message.
pub fn from_json<M: Message + Name + Default>(text: &str) -> Result<M, JsonError> {
    from_json_with(text, &Options::default())
}

/// Reads a message, tolerating what `options` say.
pub fn from_json_with<M: Message + Name + Default>(
    text: &str,
    options: &Options,
) -> Result<M, JsonError> {
    let text = checked_size(text)?;
    let mut reader = Reader::new(options);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let walked = reader.document(message_of::<M>(), &mut deserializer);
    match walked.and_then(|()| deserializer.end()) {
        Ok(()) => decoded(reader.out),
        Err(error) => Err(reader.explain(&error)),
    }
}

/// The text, without the mark that Windows tools put before it.
fn checked_size(text: &str) -> Result<&str, JsonError> {
    if text.len() > limits::BYTES {
        return Err(JsonError::whole(JsonProblem::TooLarge(text.len())));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn decoded<M: Message + Default>(out: Output) -> Result<M, JsonError> {
    // From `Bytes`, so that payloads share the one buffer.
    let bytes = bytes::Bytes::from(out.into_bytes());
    M::decode(bytes).map_err(|e| JsonError::whole(JsonProblem::Undecodable(e.to_string())))
}

/// The table of a message of this crate.
fn message_of<M: Name>() -> &'static schema::Message {
    schema::Message::by_name(&M::full_name()).expect("every message of this crate has a table")
}
