//! Messages as documents: walks the encoded message by its table and feeds a serializer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{
    limits,
    payloads::held,
    read,
    schema::{Arity, Field, Kind, Message, Shape},
    text,
    wire::{Raw, low},
};

/// An encoded message, to be serialized.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    message: &'static Message,
    bytes: &'a [u8],
    /// Levels of messages that may still nest in this one. The bytes of an `Any` are anyone's.
    room: usize,
    in_any: bool,
    /// Whether payloads that hold JSON are shown as what they hold.
    shorthand: bool,
}

impl<'a> Wire<'a> {
    /// `bytes` encode a message that is already decoded, so their nesting needs no bound.
    pub(super) fn of(message: &'static Message, bytes: &'a [u8]) -> Self {
        Self {
            message,
            bytes,
            room: usize::MAX,
            in_any: false,
            shorthand: false,
        }
    }

    /// The same, with payloads shown as what they hold where that is JSON.
    pub(super) fn shorthand(self) -> Self {
        Self {
            shorthand: true,
            ..self
        }
    }

    fn within_any(message: &'static Message, bytes: &'a [u8]) -> Self {
        Self {
            message,
            bytes,
            room: limits::NESTING,
            in_any: true,
            shorthand: false,
        }
    }

    fn nested<E: Error>(self, message: &'static Message, raw: Raw<'a>) -> Result<Self, E> {
        let room = self
            .room
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self {
            message,
            bytes: raw.bytes()?,
            room,
            ..self
        })
    }

    /// Known fields in the order of their declaration, each with its values in order.
    fn values<E: Error>(self) -> Result<Vec<(usize, Raw<'a>)>, E> {
        let mut bytes = self.bytes;
        let mut values: Vec<(usize, Raw<'a>)> = Vec::new();
        let mut guess = 0;
        while !bytes.is_empty() {
            let (number, raw) = Raw::next(&mut bytes)?;
            let fields = self.message.fields;
            // Fields are encoded by number, which is nearly the order of their declaration.
            let later = fields[guess..]
                .iter()
                .position(|f| f.number == number)
                .map(|i| i + guess);
            let at = later.or_else(|| fields[..guess].iter().position(|f| f.number == number));
            let Some(at) = at else { continue };
            guess = at;
            values.push((at, raw));
        }
        if !values.is_sorted_by_key(|(at, _)| *at) {
            values.sort_by_key(|(at, _)| *at);
        }
        Ok(values)
    }

    /// The text in place of the message, if there is a canonical one.
    fn text<E: Error>(self) -> Result<Option<String>, E> {
        let values = self.values()?;
        if self.message.shape == Shape::FieldMask {
            let paths: Result<Vec<&str>, E> = values.iter().map(|(_, raw)| raw.str()).collect();
            return Ok(text::field_mask(&paths?));
        }
        let (mut seconds, mut nanos) = (0, 0);
        for (at, raw) in values {
            let part = if at == 0 { &mut seconds } else { &mut nanos };
            *part = raw.varint::<E>()?.cast_signed();
        }
        Ok(match self.message.shape {
            Shape::Timestamp => text::timestamp(seconds, nanos),
            _ => text::duration(seconds, nanos),
        })
    }

    fn object<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.values()?;
        let mut object = serializer.serialize_map(None)?;
        for group in values.chunk_by(|a, b| a.0 == b.0) {
            let field = &self.message.fields[group[0].0];
            object.serialize_entry(
                field.json,
                &FieldValues {
                    of: self,
                    field,
                    group,
                },
            )?;
        }
        object.end()
    }

    fn any<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut url, mut bytes) = ("", &[][..]);
        for (at, raw) in self.values()? {
            if at == 0 {
                url = raw.str()?
            } else {
                bytes = raw.bytes()?
            }
        }
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("@type", url)?;
        match embedded(url, bytes).filter(|_| !self.in_any) {
            Some((Shape::Object, serde_json::Value::Object(fields))) => {
                for (name, value) in &fields {
                    object.serialize_entry(name, value)?;
                }
            }
            Some((_, value)) => object.serialize_entry("value", &value)?,
            None => object.serialize_entry(read::OPAQUE, &STANDARD.encode(bytes))?,
        }
        object.end()
    }
}

/// What an `Any` holds, if we know its type and its document says everything.
fn embedded(url: &str, bytes: &[u8]) -> Option<(Shape, serde_json::Value)> {
    let message = Message::by_name(url.rsplit('/').next()?)?;
    let value = serde_json::to_value(Wire::within_any(message, bytes)).ok()?;
    let back = read::value_to_wire(message, &value).ok()?;
    (back == bytes).then_some((message.shape, value))
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.shorthand
            && let Some(held) = held(self.message, self.bytes)
        {
            return held.serialize(serializer);
        }
        match self.message.shape {
            Shape::Object => self.object(serializer),
            Shape::Any => self.any(serializer),
            Shape::Wrapped => {
                let kind = self.message.fields[0].kind;
                let raw = self
                    .values()?
                    .pop()
                    .map_or_else(|| Raw::zero(kind), |(_, raw)| raw);
                Element {
                    of: *self,
                    kind,
                    raw,
                }
                .serialize(serializer)
            }
            Shape::Duration | Shape::FieldMask | Shape::Timestamp => match self.text()? {
                Some(text) => serializer.serialize_str(&text),
                // What has no canonical form is shown as the message it is.
                None => self.object(serializer),
            },
        }
    }
}

/// All values of one field.
struct FieldValues<'a, 'v> {
    of: Wire<'a>,
    field: &'static Field,
    group: &'v [(usize, Raw<'a>)],
}

impl Serialize for FieldValues<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.field.kind;
        match (self.field.arity, kind) {
            (Arity::One, _) => {
                // Of repeated values of a single field the last counts.
                let raw = self.group[self.group.len() - 1].1;
                Element {
                    of: self.of,
                    kind,
                    raw,
                }
                .serialize(serializer)
            }
            (Arity::Map, Kind::Message(entry)) => self.map(entry, serializer),
            (Arity::List | Arity::Map, _) => self.list(serializer),
        }
    }
}

impl FieldValues<'_, '_> {
    fn list<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.field.kind;
        let mut list = serializer.serialize_seq(None)?;
        for (_, raw) in self.group {
            match (kind, raw) {
                (Kind::String | Kind::Bytes | Kind::Message(_), _) | (_, Raw::Varint(_)) => {
                    list.serialize_element(&Element {
                        of: self.of,
                        kind,
                        raw: *raw,
                    })?;
                }
                // Numbers of a list come packed.
                (_, packed) => {
                    let mut bytes = packed.bytes()?;
                    while !bytes.is_empty() {
                        let raw = Raw::next_packed(kind, &mut bytes)?;
                        list.serialize_element(&Element {
                            of: self.of,
                            kind,
                            raw,
                        })?;
                    }
                }
            }
        }
        list.end()
    }

    fn map<S: Serializer>(
        &self,
        entry: &'static Message,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let [key_field, value_field] = entry.fields else {
            return Err(S::Error::custom("a map entry is a key and a value"));
        };
        let mut map = serializer.serialize_map(None)?;
        for (_, raw) in self.group {
            let of = self.of.nested(entry, *raw)?;
            let (mut key, mut value) = (None, None);
            for (at, raw) in of.values()? {
                if at == 0 {
                    key = Some(raw)
                } else {
                    value = Some(raw)
                }
            }
            // Zero values are left out on the wire.
            let key = key.unwrap_or_else(|| Raw::zero(key_field.kind));
            let raw = value.unwrap_or_else(|| Raw::zero(value_field.kind));
            map.serialize_key(&Element {
                of,
                kind: key_field.kind,
                raw: key,
            })?;
            map.serialize_value(&Element {
                of,
                kind: value_field.kind,
                raw,
            })?;
        }
        map.end()
    }
}

/// One value.
struct Element<'a> {
    of: Wire<'a>,
    kind: Kind,
    raw: Raw<'a>,
}

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = self.raw;
        match self.kind {
            Kind::Bool => serializer.serialize_bool(raw.varint()? != 0),
            Kind::Bytes => serializer.collect_str(&base64::display::Base64Display::new(
                raw.bytes()?,
                &STANDARD,
            )),
            Kind::Double => number(f64::from_bits(raw.fixed()?), serializer),
            Kind::Enum(found) => {
                let number = low(raw.varint()?).cast_signed();
                match found.name_of(number) {
                    Some(name) => serializer.serialize_str(name),
                    None => serializer.serialize_i32(number),
                }
            }
            Kind::Float => {
                let bits: u64 = raw.fixed()?;
                float(f32::from_bits(low(bits)), serializer)
            }
            Kind::Int32 => serializer.serialize_i32(low(raw.varint()?).cast_signed()),
            Kind::Int64 => serializer.collect_str(&raw.varint()?.cast_signed()),
            Kind::Message(message) => self.of.nested(message, raw)?.serialize(serializer),
            Kind::String => serializer.serialize_str(raw.str()?),
            Kind::Uint32 => serializer.serialize_u32(low(raw.varint()?)),
        }
    }
}

/// Whole numbers are shown without a fraction, as Go shows them.
fn number<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(name) = text::special_float(value) {
        return serializer.serialize_str(name);
    }
    match text::whole(value) {
        Some(whole) => serializer.serialize_i64(whole),
        None => serializer.serialize_f64(value),
    }
}

/// As [`number`], with the shortest digits that lead back to 32 bits.
fn float<S: Serializer>(value: f32, serializer: S) -> Result<S::Ok, S::Error> {
    let shortest = value.to_string().parse();
    number(shortest.unwrap_or_else(|_| value.into()), serializer)
}
