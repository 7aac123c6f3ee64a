//! The tables of history events and commands: every type with its short name, and the type that
//! each kind of attributes is of.

use std::{error::Error, fmt::Write as _};

use crate::schema::camel;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// A message whose `type` says which of its `attributes` are present.
struct Tagged {
    message: &'static str,
    /// Path of the oneof in Rust.
    attributes: &'static str,
    /// What a field of the oneof is named after its type.
    suffix: &'static str,
    kind: &'static str,
    prefix: &'static str,
    method: &'static str,
}

const TAGGED: [Tagged; 2] = [
    Tagged {
        message: "HistoryEvent",
        attributes: "crate::temporal::api::history::v1::history_event::Attributes",
        suffix: "_event_attributes",
        kind: "EventType",
        prefix: "EVENT_TYPE_",
        method: "event_type",
    },
    Tagged {
        message: "Command",
        attributes: "crate::temporal::api::command::v1::command::Attributes",
        suffix: "_command_attributes",
        kind: "CommandType",
        prefix: "COMMAND_TYPE_",
        method: "command_type",
    },
];

/// Rust source of the tables, to be included where the enums are in scope.
pub(crate) fn generate(set: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    for tagged in &TAGGED {
        let names = names(set, tagged)?;
        types(&mut out, tagged, &names)?;
        attributes(&mut out, tagged, &names, message(set, tagged)?)?;
    }
    Ok(out)
}

fn types(out: &mut String, tagged: &Tagged, names: &[String]) -> Result<(), Box<dyn Error>> {
    writeln!(out, "impl {} {{", tagged.kind)?;
    writeln!(
        out,
        "/// Every type, by number.\npub const ALL: [Self; {}] = [",
        names.len()
    )?;
    for name in names {
        writeln!(out, "Self::{name},")?;
    }
    writeln!(
        out,
        "];\n/// The name of the type without prefix, as in `{}`.",
        names[1]
    )?;
    writeln!(
        out,
        "pub const fn short_name(self) -> &'static str {{ match self {{"
    )?;
    for name in names {
        writeln!(out, "Self::{name} => {name:?},")?;
    }
    writeln!(out, "}} }} }}")?;
    Ok(())
}

fn attributes(
    out: &mut String,
    tagged: &Tagged,
    names: &[String],
    message: &DescriptorProto,
) -> Result<(), Box<dyn Error>> {
    let Tagged {
        attributes,
        suffix,
        kind,
        method,
        ..
    } = tagged;
    let fields = || message.field.iter().filter(|f| f.name().ends_with(suffix));
    writeln!(
        out,
        "impl {attributes} {{\n/// The type that has these attributes."
    )?;
    writeln!(
        out,
        "pub const fn {method}(&self) -> {kind} {{ match self {{"
    )?;
    for field in fields() {
        let name = camel(field.name().strip_suffix(suffix).unwrap_or_default());
        if !names.contains(&name) {
            return Err(format!("no {kind} for {}", field.name()).into());
        }
        writeln!(out, "Self::{}(_) => {kind}::{name},", camel(field.name()))?;
    }
    writeln!(out, "}} }} }}")?;
    for field in fields() {
        let (variant, inner) = (camel(field.name()), inner(field));
        writeln!(out, "impl From<{inner}> for {attributes} {{")?;
        writeln!(
            out,
            "fn from(inner: {inner}) -> Self {{ Self::{variant}(inner) }} }}"
        )?;
    }
    Ok(())
}

/// Rust path of the message in `field`, which is no nested one.
fn inner(field: &FieldDescriptorProto) -> String {
    format!("crate{}", field.type_name().replace('.', "::"))
}

fn names(set: &FileDescriptorSet, tagged: &Tagged) -> Result<Vec<String>, Box<dyn Error>> {
    let is_it = |e: &&EnumDescriptorProto| e.name() == tagged.kind;
    let found = set
        .file
        .iter()
        .flat_map(|f| &f.enum_type)
        .find(is_it)
        .ok_or("no such enum")?;
    let names = found
        .value
        .iter()
        .map(|v| v.name().strip_prefix(tagged.prefix).map(camel));
    names
        .collect::<Option<_>>()
        .ok_or_else(|| "a value without prefix".into())
}

fn message<'a>(
    set: &'a FileDescriptorSet,
    tagged: &Tagged,
) -> Result<&'a DescriptorProto, Box<dyn Error>> {
    let is_it = |m: &&DescriptorProto| m.name() == tagged.message;
    Ok(set
        .file
        .iter()
        .flat_map(|f| &f.message_type)
        .find(is_it)
        .ok_or("no such message")?)
}
