//! The tables that the JSON codec walks: every message with its fields, every enum with its values,
//! as statics that refer to each other.
//!
//! Generated, because decoding the descriptors at run time costs every short-lived process
//! milliseconds and needs a lazily filled global.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Of Google's own messages, those that Temporal's have as fields and how JSON shows them.
const GOOGLE: [(&str, &str); 6] = [
    ("google.protobuf.Any", "Any"),
    ("google.protobuf.DoubleValue", "Wrapped"),
    ("google.protobuf.Duration", "Duration"),
    ("google.protobuf.Empty", "Object"),
    ("google.protobuf.FieldMask", "FieldMask"),
    ("google.protobuf.Timestamp", "Timestamp"),
];

/// Most fields of a message, and most oneofs: the reader keeps bit sets of those it has seen.
const FIELDS_MAX: usize = 128;

/// Rust source of the tables, to be included where the types of `json::schema` are in scope.
pub(crate) fn generate(set: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let types = Types::of(set);
    let mut out = String::new();
    for (name, found) in &types.enums {
        types.write_enum(&mut out, name, found)?;
    }
    for (name, message) in &types.messages {
        types.write_message(&mut out, name, message)?;
    }
    // By name, for binary search: keys of a BTreeMap are sorted.
    let documents = types.messages.iter().filter(|(_, m)| !is_map_entry(m));
    let names: Vec<_> = documents
        .map(|(name, _)| format!("&{}", types.ident(name)))
        .collect();
    writeln!(
        out,
        "pub(super) static MESSAGES: [&Message; {}] = [{}];",
        names.len(),
        names.join(",")
    )?;
    Ok(out)
}

/// Everything that can occur in a document, by full name.
struct Types<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
}

impl<'a> Types<'a> {
    fn of(set: &'a FileDescriptorSet) -> Self {
        let mut types = Self {
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        for file in &set.file {
            for found in &file.enum_type {
                types
                    .enums
                    .insert(format!("{}.{}", file.package(), found.name()), found);
            }
            for message in &file.message_type {
                types.add(file.package(), message);
            }
        }
        let shown = |name: &str| GOOGLE.iter().any(|(google, _)| *google == name);
        types
            .messages
            .retain(|name, _| !name.starts_with("google.protobuf.") || shown(name));
        let fields = types.messages.values().flat_map(|m| &m.field);
        let used: BTreeSet<_> = fields
            .map(|f| f.type_name().trim_start_matches('.').to_owned())
            .collect();
        types.enums.retain(|name, _| used.contains(name));
        types
    }

    fn add(&mut self, scope: &str, message: &'a DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for found in &message.enum_type {
            self.enums.insert(format!("{name}.{}", found.name()), found);
        }
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.messages.insert(name, message);
    }

    /// Name of the static of a type.
    fn ident(&self, name: &str) -> String {
        let message = self.messages.keys().position(|key| key == name);
        let found = self.enums.keys().position(|key| key == name);
        match (message, found) {
            (Some(at), _) => format!("M{at}"),
            (_, Some(at)) => format!("E{at}"),
            _ => panic!("{name} is used in a message, but its package is left out"),
        }
    }

    fn write_enum(
        &self,
        out: &mut String,
        name: &str,
        found: &EnumDescriptorProto,
    ) -> Result<(), Box<dyn Error>> {
        let prefix = prefix(found);
        writeln!(
            out,
            "static {}: Enum = Enum {{ name: {name:?}, values: &[",
            self.ident(name)
        )?;
        for value in &found.value {
            let short = value
                .name()
                .strip_prefix(&prefix)
                .unwrap_or_else(|| value.name());
            let (number, full, short) = (value.number(), value.name(), camel(short));
            writeln!(
                out,
                "Value {{ number: {number}, name: {full:?}, short: {short:?} }},"
            )?;
        }
        writeln!(out, "] }};")?;
        Ok(())
    }

    fn write_message(
        &self,
        out: &mut String,
        name: &str,
        message: &DescriptorProto,
    ) -> Result<(), Box<dyn Error>> {
        let oneofs: Vec<_> = message.oneof_decl.iter().map(|o| o.name()).collect();
        if message.field.len() > FIELDS_MAX {
            return Err(format!("{name} has more than {FIELDS_MAX} fields").into());
        }
        let shape = GOOGLE
            .iter()
            .find(|(google, _)| *google == name)
            .map_or("Object", |g| g.1);
        writeln!(out, "static {}: Message = Message {{", self.ident(name))?;
        writeln!(
            out,
            "name: {name:?}, shape: Shape::{shape}, oneofs: &{oneofs:?},"
        )?;
        writeln!(out, "fields: &[")?;
        for field in &message.field {
            self.write_field(out, field)?;
        }
        writeln!(out, "], names: &{:?} }};", names(message))?;
        Ok(())
    }

    fn write_field(
        &self,
        out: &mut String,
        field: &FieldDescriptorProto,
    ) -> Result<(), Box<dyn Error>> {
        let kind = self.kind(field)?;
        let entry = self.messages.get(field.type_name().trim_start_matches('.'));
        let arity = match field.label() {
            _ if entry.is_some_and(|e| is_map_entry(e)) => "Map",
            Label::Repeated => "List",
            Label::Optional | Label::Required => "One",
        };
        // A oneof of one `optional` field is how descriptors say "has presence".
        let oneof = field.oneof_index.filter(|_| !field.proto3_optional());
        writeln!(
            out,
            "Field {{ number: {}, name: {:?}, json: {:?}, kind: {kind}, \
             arity: Arity::{arity}, oneof: {oneof:?} }},",
            field.number(),
            field.name(),
            json_name(field),
        )?;
        Ok(())
    }

    fn kind(&self, field: &FieldDescriptorProto) -> Result<String, Box<dyn Error>> {
        let plain = match field.r#type() {
            Type::Message | Type::Enum => {
                let which = if field.r#type() == Type::Enum {
                    "Enum"
                } else {
                    "Message"
                };
                let ident = self.ident(field.type_name().trim_start_matches('.'));
                return Ok(format!("Kind::{which}(&{ident})"));
            }
            Type::Double => "Double",
            Type::Float => "Float",
            Type::Int32 => "Int32",
            Type::Int64 => "Int64",
            Type::Uint32 => "Uint32",
            Type::Bool => "Bool",
            Type::String => "String",
            Type::Bytes => "Bytes",
            other => return Err(format!("json::schema lacks {other:?} of {}", field.name()).into()),
        };
        Ok(format!("Kind::{plain}"))
    }
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|o| o.map_entry())
}

/// Each name that a document may use for a field, sorted, with the index of the field.
fn names(message: &DescriptorProto) -> Vec<(String, usize)> {
    let mut names = BTreeMap::new();
    for (index, field) in message.field.iter().enumerate() {
        names.insert(field.name().to_owned(), index);
        names.insert(json_name(field), index);
    }
    names.into_iter().collect()
}

fn json_name(field: &FieldDescriptorProto) -> String {
    match &field.json_name {
        Some(name) => name.clone(),
        None => {
            let name = camel(field.name());
            name[..1].to_ascii_lowercase() + &name[1..]
        }
    }
}

/// What all values of an enum begin with, up to an underscore: `EVENT_TYPE_`.
fn prefix(found: &EnumDescriptorProto) -> String {
    let mut names = found.value.iter().map(|v| v.name());
    let first = names.next().unwrap_or_default();
    let common = names.fold(first, |common, name| {
        let same = common
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        &common[..same]
    });
    common[..common.rfind('_').map_or(0, |at| at + 1)].to_owned()
}

/// `WORKFLOW_TASK_STARTED` or `workflow_task_started` as `WorkflowTaskStarted`.
pub(crate) fn camel(snake: &str) -> String {
    let word = |w: &str| match w.get(..1) {
        Some(first) => first.to_ascii_uppercase() + &w[1..].to_ascii_lowercase(),
        None => String::new(),
    };
    snake.split('_').map(word).collect()
}
