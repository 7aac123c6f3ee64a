//! Messages made at random from the descriptors: of the right kinds, and otherwise whatever there is at the edges.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value, prost::Message as _,
};
use steadfast_proto::FILE_DESCRIPTOR_SET;

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("a complete set"));

/// A generator of choices.
pub(crate) struct Choices {
    state: u64,
    /// What texts are made of, the empty one included if it is among them.
    words: &'static [&'static str],
}

impl Choices {
    /// The same seed and words make the same messages.
    pub(crate) fn new(seed: u64, words: &'static [&'static str]) -> Self {
        Self { state: seed, words }
    }

    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let below = (mixed ^ (mixed >> 31)) % bound as u64;
        usize::try_from(below).expect("below a usize")
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A message of this kind, with messages within messages down to this depth.
    pub(crate) fn message(&mut self, descriptor: &MessageDescriptor, depth: u64) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        match descriptor.full_name() {
            "google.protobuf.Timestamp" => {
                let seconds = [0, 1, -1, 1_791_293_096, 253_402_300_799, -62_135_596_800];
                message.set_field_by_number(1, Value::I64(self.one(&seconds)));
                let nanos = [0, 1, 500_000_000, 515_407_000, 999_999_999];
                message.set_field_by_number(2, Value::I32(self.one(&nanos)));
            }
            "google.protobuf.Duration" => {
                let (sign, sign_of_nanos) = self.one(&[(1, 1), (-1, -1)]);
                let seconds = self.one(&[0, 1, 60, 315_575_999_999]);
                message.set_field_by_number(1, Value::I64(sign * seconds));
                let nanos = self.one(&[0, 1, 1_000, 500_000_000, 999_999_999]);
                message.set_field_by_number(2, Value::I32(sign_of_nanos * nanos));
            }
            "google.protobuf.FieldMask" => {
                let paths = ["a", "task_queue.name", "x.y_z"].map(|p| Value::String(p.to_owned()));
                message.set_field_by_number(1, Value::List(paths.to_vec()));
            }
            "google.protobuf.Any" => {
                let inner = POOL.get_message_by_name(self.one(&[
                    "temporal.api.failure.v1.Failure",
                    "google.protobuf.Duration",
                    "temporal.api.update.v1.Request",
                ]));
                let inner = self.message(&inner.expect("is in the set"), depth.saturating_sub(1));
                let url = format!("type.googleapis.com/{}", inner.descriptor().full_name());
                message.set_field_by_number(1, Value::String(url));
                message.set_field_by_number(2, Value::Bytes(inner.encode_to_vec().into()));
            }
            _ => {
                for field in descriptor.fields() {
                    if self.below(3) == 0 && (depth > 0 || !is_message(&field)) {
                        let value = self.value(&field, depth);
                        message.set_field(&field, value);
                    }
                }
            }
        }
        message
    }

    fn value(&mut self, field: &FieldDescriptor, depth: u64) -> Value {
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            let count = self.below(3);
            let mut map = HashMap::new();
            for (text, number) in [("", -1), ("b", 0), ("a", 1)].into_iter().take(count) {
                let key = match entry.map_entry_key_field().kind() {
                    Kind::String => MapKey::String(text.to_owned()),
                    _ => MapKey::I32(number),
                };
                map.insert(
                    key,
                    self.single(&entry.map_entry_value_field().kind(), depth),
                );
            }
            return Value::Map(map);
        }
        if field.cardinality() == Cardinality::Repeated {
            return Value::List(
                (0..self.below(3))
                    .map(|_| self.single(&field.kind(), depth))
                    .collect(),
            );
        }
        self.single(&field.kind(), depth)
    }

    fn single(&mut self, kind: &Kind, depth: u64) -> Value {
        match kind {
            Kind::Bool => Value::Bool(self.below(2) == 0),
            Kind::Bytes => Value::Bytes(
                self.one::<&[u8]>(&[b"", b"\x00", b"\xfb\xff", b"abc"])
                    .into(),
            ),
            Kind::Double => Value::F64(self.one(&[0.0, 1.0, 1.1, -0.5, 1e21, 1e-7, f64::INFINITY])),
            Kind::Float => {
                Value::F32(self.one(&[0.0, 1.0, 1.1, -0.5, 1e21, 1e-7, f32::NEG_INFINITY]))
            }
            Kind::Enum(found) => {
                let values: Vec<i32> = found.values().map(|v| v.number()).chain([99]).collect();
                Value::EnumNumber(self.one(&values))
            }
            Kind::Int32 => Value::I32(self.one(&[0, 1, -1, i32::MAX, i32::MIN])),
            Kind::Int64 => Value::I64(self.one(&[0, 1, -1, i64::MAX, i64::MIN])),
            Kind::Uint32 => Value::U32(self.one(&[0, 1, u32::MAX])),
            Kind::String => Value::String(self.one(self.words).to_owned()),
            Kind::Message(inner) => Value::Message(self.message(inner, depth.saturating_sub(1))),
            other => panic!("the language has no {other:?}"),
        }
    }
}

fn is_message(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(_))
}
