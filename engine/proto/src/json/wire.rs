//! Protobuf's encoding, as far as the codec needs it.

use serde::ser::Error;

use super::schema::Kind;

/// A value as it is encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Raw<'a> {
    /// Takes the next field, with its number.
    pub(super) fn next<E: Error>(bytes: &mut &'a [u8]) -> Result<(u32, Self), E> {
        let key = take_varint(bytes)?;
        let number = u32::try_from(key >> 3).map_err(E::custom)?;
        let raw = match key & 7 {
            0 => Self::Varint(take_varint(bytes)?),
            1 => Self::Fixed(u64::from_le_bytes(take(bytes)?)),
            2 => {
                let len = usize::try_from(take_varint::<E>(bytes)?).map_err(E::custom)?;
                let (value, rest) = bytes.split_at_checked(len).ok_or_else(short)?;
                *bytes = rest;
                Self::Bytes(value)
            }
            5 => Self::Fixed(u32::from_le_bytes(take(bytes)?).into()),
            other => return Err(E::custom(format_args!("wire type {other}"))),
        };
        Ok((number, raw))
    }

    /// Takes the next of packed numbers.
    pub(super) fn next_packed<E: Error>(kind: Kind, bytes: &mut &'a [u8]) -> Result<Self, E> {
        Ok(match kind {
            Kind::Double => Self::Fixed(u64::from_le_bytes(take(bytes)?)),
            Kind::Float => Self::Fixed(u32::from_le_bytes(take(bytes)?).into()),
            _ => Self::Varint(take_varint(bytes)?),
        })
    }

    /// The value that is left out when encoding.
    pub(super) fn zero(kind: Kind) -> Self {
        match kind {
            Kind::Bytes | Kind::Message(_) | Kind::String => Self::Bytes(&[]),
            Kind::Double | Kind::Float => Self::Fixed(0),
            Kind::Bool | Kind::Enum(_) | Kind::Int32 | Kind::Int64 | Kind::Uint32 => {
                Self::Varint(0)
            }
        }
    }

    pub(super) fn varint<E: Error>(self) -> Result<u64, E> {
        match self {
            Self::Varint(value) => Ok(value),
            Self::Fixed(_) | Self::Bytes(_) => Err(E::custom("not a varint")),
        }
    }

    pub(super) fn fixed<E: Error>(self) -> Result<u64, E> {
        match self {
            Self::Fixed(value) => Ok(value),
            Self::Varint(_) | Self::Bytes(_) => Err(E::custom("not a fixed number")),
        }
    }

    pub(super) fn bytes<E: Error>(self) -> Result<&'a [u8], E> {
        match self {
            Self::Bytes(value) => Ok(value),
            Self::Varint(_) | Self::Fixed(_) => Err(E::custom("not bytes")),
        }
    }

    pub(super) fn str<E: Error>(self) -> Result<&'a str, E> {
        str::from_utf8(self.bytes()?).map_err(E::custom)
    }
}

/// The lower half, as protobuf reads 32-bit numbers from longer encodings.
pub(super) fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).expect("masked to 32 bits")
}

fn take<const N: usize, E: Error>(bytes: &mut &[u8]) -> Result<[u8; N], E> {
    let (value, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    *bytes = rest;
    Ok(*value)
}

fn take_varint<E: Error>(bytes: &mut &[u8]) -> Result<u64, E> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Ok(value);
        }
    }
    Err(short())
}

fn short<E: Error>() -> E {
    E::custom("cut short")
}

/// Where a message is being encoded.
#[derive(Debug, Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn put_varint(&mut self, number: u32, value: u64) {
        self.key(number, 0);
        self.varint(value);
    }

    pub(super) fn put_double(&mut self, number: u32, value: f64) {
        self.key(number, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn put_float(&mut self, number: u32, value: f32) {
        self.key(number, 5);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn put_bytes(&mut self, number: u32, value: &[u8]) {
        let start = self.open(number);
        self.0.extend_from_slice(value);
        self.close(start);
    }

    /// Fields as they are encoded elsewhere.
    pub(super) fn put_encoded(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// Begins a nested message, to be ended by [`close`](Self::close).
    pub(super) fn open(&mut self, number: u32) -> usize {
        self.key(number, 2);
        self.len()
    }

    /// Ends the nested message that began at `start`: its length goes before it.
    pub(super) fn close(&mut self, start: usize) {
        let end = self.len();
        self.varint((end - start) as u64);
        let prefix = self.len() - end;
        self.0[start..].rotate_right(prefix);
    }

    /// Number of the field that begins at `start`.
    pub(super) fn number_at(&self, start: usize) -> u32 {
        let key = take_varint::<std::fmt::Error>(&mut &self.0[start..]);
        key.map_or(0, |key| low(key >> 3))
    }

    /// Brings the parts of a message that began at `start` into the order of their numbers. Each
    /// part is a number and where it begins.
    pub(super) fn sort(&mut self, start: usize, parts: &[(u32, usize)]) {
        let ends = parts.iter().skip(1).map(|part| part.1).chain([self.len()]);
        let mut spans: Vec<_> = parts.iter().zip(ends).collect();
        spans.sort_by_key(|((number, _), _)| *number);
        let sorted: Vec<u8> = spans
            .iter()
            .flat_map(|&(&(_, from), to)| &self.0[from..to])
            .copied()
            .collect();
        self.0.truncate(start);
        self.0.extend(sorted);
    }

    /// Numbers in a list are packed: they have no key, and 0 for a number.
    fn key(&mut self, number: u32, wire_type: u64) {
        if number != 0 {
            self.varint((u64::from(number) << 3) | wire_type);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}
