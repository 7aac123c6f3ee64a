//! Values of fields: lists, maps and single ones of every kind.

use std::{collections::BTreeSet, fmt};

use base64::Engine as _;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};

use super::{
    error::JsonProblem,
    read::{Reader, Step},
    scalar::{self, brief, describe},
    schema::{Arity, Field, Kind, Message, Shape},
    text,
};

/// The value or values of a field.
pub(super) struct Values<'r, 'o> {
    pub(super) reader: &'r mut Reader<'o>,
    pub(super) field: &'static Field,
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { reader, field } = self;
        let (number, kind) = (field.number, field.kind);
        match (field.arity, kind) {
            (Arity::One, _) => Element {
                reader,
                number,
                kind,
                nullable: true,
            }
            .deserialize(deserializer),
            (Arity::Map, Kind::Message(entry)) => deserializer.deserialize_any(Map {
                reader,
                number,
                entry,
            }),
            (Arity::List | Arity::Map, _) => deserializer.deserialize_any(List {
                reader,
                number,
                kind,
            }),
        }
    }
}

/// A list of values.
pub(super) struct List<'r, 'o> {
    pub(super) reader: &'r mut Reader<'o>,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

impl List<'_, '_> {
    fn wrong<E: Error>(self, found: String) -> E {
        let expected = "a list".to_owned();
        self.reader.fail(JsonProblem::WrongType { expected, found })
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self {
            reader,
            number,
            kind,
        } = self;
        // Numbers are packed, all into one field.
        let packed = !matches!(kind, Kind::Bytes | Kind::Message(_) | Kind::String);
        let start = reader.out.len();
        let (number, packed) = if packed {
            (0, Some(reader.out.open(number)))
        } else {
            (number, None)
        };
        let mut index = 0;
        loop {
            reader.path.push(Step::Index(index));
            let element = Element {
                reader,
                number,
                kind,
                nullable: false,
            };
            let more = seq.next_element_seed(element)?;
            reader.path.pop();
            if more.is_none() {
                break;
            }
            index += 1;
        }
        match packed {
            Some(_) if index == 0 => reader.out.truncate(start),
            Some(start) => reader.out.close(start),
            None => {}
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    scalar::refuse_others!();

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.wrong("an object".to_owned()))
    }
}

/// A map of values.
struct Map<'r, 'o> {
    reader: &'r mut Reader<'o>,
    number: u32,
    entry: &'static Message,
}

impl Map<'_, '_> {
    fn wrong<E: Error>(self, found: String) -> E {
        let expected = "an object".to_owned();
        self.reader.fail(JsonProblem::WrongType { expected, found })
    }
}

impl<'de> Visitor<'de> for Map<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            reader,
            number,
            entry,
        } = self;
        let [key_field, value_field] = entry.fields else {
            return Ok(());
        };
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            reader.path.push(Step::Key(brief(&key)));
            let start = reader.open(number)?;
            let element = Element {
                reader,
                number: 1,
                kind: key_field.kind,
                nullable: false,
            };
            element.deserialize(key.as_str().into_deserializer())?;
            let element = Element {
                reader,
                number: 2,
                kind: value_field.kind,
                nullable: false,
            };
            map.next_value_seed(element)?;
            reader.close(number, start);
            if !keys.insert(key) {
                return Err(reader.fail(JsonProblem::Duplicate));
            }
            reader.path.pop();
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    scalar::refuse_others!();

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.wrong("a list".to_owned()))
    }
}

/// One value.
pub(super) struct Element<'r, 'o> {
    pub(super) reader: &'r mut Reader<'o>,
    pub(super) number: u32,
    pub(super) kind: Kind,
    /// Whether null stands for no value.
    pub(super) nullable: bool,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.kind {
            Kind::Message(Message {
                shape: Shape::Wrapped,
                fields: [field],
                ..
            }) => deserializer.deserialize_option(Wrapped { outer: self, field }),
            _ => deserializer.deserialize_any(self),
        }
    }
}

/// The value of the only field of a message, in place of the message.
struct Wrapped<'r, 'o> {
    outer: Element<'r, 'o>,
    field: &'static Field,
}

impl<'de> Visitor<'de> for Wrapped<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self.field.kind))
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.outer.visit_unit()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.outer.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self {
            outer: Element { reader, number, .. },
            field,
        } = self;
        let start = reader.open(number)?;
        let element = Element {
            reader,
            number: field.number,
            kind: field.kind,
            nullable: false,
        };
        element.deserialize(deserializer)?;
        reader.close(number, start);
        Ok(())
    }
}

impl Element<'_, '_> {
    fn wrong<E: Error>(self, found: String) -> E {
        let expected = describe(self.kind);
        self.reader.fail(JsonProblem::WrongType { expected, found })
    }

    fn bad<E: Error>(self, value: &str) -> E {
        let (value, expected) = (brief(value), describe(self.kind));
        self.reader.fail(JsonProblem::BadValue { value, expected })
    }

    fn integer<E: Error>(self, value: i64) -> Result<(), E> {
        let fits = match self.kind {
            Kind::Double | Kind::Float => {
                return self.float(value as f64);
            }
            Kind::Int64 => true,
            Kind::Int32 | Kind::Enum(_) => i32::try_from(value).is_ok(),
            Kind::Uint32 => u32::try_from(value).is_ok(),
            Kind::Bool | Kind::Bytes | Kind::Message(_) | Kind::String => {
                return Err(self.wrong(format!("number {value}")));
            }
        };
        if !fits {
            return Err(self.bad(&value.to_string()));
        }
        // Negative 32-bit numbers too are encoded as 64 bits.
        self.reader
            .out
            .put_varint(self.number, value.cast_unsigned());
        Ok(())
    }

    fn float<E: Error>(self, value: f64) -> Result<(), E> {
        match self.kind {
            Kind::Double => self.reader.out.put_double(self.number, value),
            Kind::Float => match scalar::narrow(value) {
                Some(value) => self.reader.out.put_float(self.number, value),
                None => return Err(self.bad(&value.to_string())),
            },
            Kind::Int32 | Kind::Int64 | Kind::Uint32 => match text::whole(value) {
                Some(whole) => return self.integer(whole),
                None => return Err(self.bad(&value.to_string())),
            },
            Kind::Bool | Kind::Bytes | Kind::Enum(_) | Kind::Message(_) | Kind::String => {
                return Err(self.wrong(format!("number {value}")));
            }
        }
        Ok(())
    }

    /// A message that documents show as text.
    fn text_message<E: Error>(self, message: &'static Message, text: &str) -> Result<(), E> {
        let parts = match message.shape {
            Shape::Timestamp => text::parse_timestamp(text),
            Shape::Duration => text::parse_duration(text),
            Shape::FieldMask => text::parse_field_mask(text).map(|_| (0, 0)),
            Shape::Object | Shape::Any | Shape::Wrapped => {
                return Err(self.wrong(format!("text {:?}", brief(text))));
            }
        };
        let Some((seconds, nanos)) = parts else {
            return Err(self.bad(text));
        };
        let Self { reader, number, .. } = self;
        let start = reader.open(number)?;
        if message.shape == Shape::FieldMask {
            for path in text::parse_field_mask(text).unwrap_or_default() {
                reader.out.put_bytes(1, path.as_bytes());
            }
        }
        for (part, value) in [(1, seconds), (2, nanos)] {
            if value != 0 {
                reader.out.put_varint(part, value.cast_unsigned());
            }
        }
        reader.close(number, start);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self.kind))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.nullable {
            Ok(())
        } else {
            Err(self.wrong("null".to_owned()))
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.kind {
            Kind::Bool => self.reader.out.put_varint(self.number, value.into()),
            _ => return Err(self.wrong(value.to_string())),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => match self.kind {
                Kind::Double | Kind::Float => self.float(value as f64),
                Kind::Bool | Kind::Bytes | Kind::Message(_) | Kind::String => {
                    Err(self.wrong(format!("number {value}")))
                }
                _ => Err(self.bad(&value.to_string())),
            },
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.float(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.kind {
            Kind::String => self.reader.out.put_bytes(self.number, value.as_bytes()),
            Kind::Bytes => match scalar::base64_of(value).decode(value) {
                Ok(bytes) => self.reader.out.put_bytes(self.number, &bytes),
                Err(_) => return Err(self.bad(value)),
            },
            Kind::Enum(found) => {
                let number = self.reader.number_of(found, value)?;
                return self.integer(number.into());
            }
            Kind::Int32 | Kind::Int64 | Kind::Uint32 => match text::parse_integer(value) {
                Some(number) => return self.integer(number),
                None => return Err(self.bad(value)),
            },
            Kind::Double | Kind::Float => match text::parse_float(value) {
                Some(number) => return self.float(number),
                None => return Err(self.bad(value)),
            },
            Kind::Message(message) => return self.text_message(message, value),
            Kind::Bool => return Err(self.wrong(format!("text {:?}", brief(value)))),
        }
        Ok(())
    }

    /// Bytes as Rust's `serde` derives write them.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !matches!(self.kind, Kind::Bytes) {
            return Err(self.wrong("a list".to_owned()));
        }
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        self.reader.out.put_bytes(self.number, &bytes);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.kind else {
            return Err(self.wrong("an object".to_owned()));
        };
        let Self { reader, number, .. } = self;
        let start = reader.open(number)?;
        match message.shape {
            Shape::Any => reader.any(map)?,
            _ => reader.object(message, map)?,
        }
        reader.close(number, start);
        Ok(())
    }
}
