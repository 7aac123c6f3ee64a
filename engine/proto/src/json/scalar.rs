//! Small parts of reading: how kinds are described, what a mistaken name may have meant, numbers
//! and base64.

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::schema::{Kind, Shape};

/// Base64 with or without padding.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The alphabet of `text`: both are accepted, as canonical JSON wants.
pub(super) fn base64_of(text: &str) -> &'static GeneralPurpose {
    if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    }
}

/// A 32-bit number, if `value` is within its range.
pub(super) fn narrow(value: f64) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is meant, overflow is checked"
    )]
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

/// What a value of that kind looks like in a document.
pub(super) fn describe(kind: Kind) -> String {
    let text = match kind {
        Kind::Bool => "true or false",
        Kind::Bytes => "base64 text",
        Kind::Double | Kind::Float => "number",
        Kind::Enum(found) => return format!("value of {}", found.name),
        Kind::Int32 => "32-bit integer",
        Kind::Int64 => "64-bit integer",
        Kind::Uint32 => "unsigned 32-bit integer",
        Kind::String => "text",
        Kind::Message(message) => match message.shape {
            Shape::Object | Shape::Any | Shape::Wrapped => {
                return format!("object ({})", message.name);
            }
            Shape::Duration => "duration in seconds, as in \"1.5s\"",
            Shape::FieldMask => "field mask, as in \"name,spec.policy\"",
            Shape::Timestamp => "time, as in \"2026-01-31T12:00:00Z\"",
        },
    };
    text.to_owned()
}

/// The known name that `name` was probably meant to be.
pub(super) fn similar(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    const CLOSE: f64 = 0.9;
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        return None;
    }
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= CLOSE).then_some(best.1)
}

/// The beginning of a text, for a message.
pub(super) fn brief(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The scalar methods of a visitor that wants none, told to its `wrong`.
macro_rules! refuse_others {
    () => {
        fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
            Err(self.wrong(value.to_string()))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
            Err(self.wrong(format!("number {value}")))
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
            Err(self.wrong(format!("number {value}")))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
            Err(self.wrong(format!("number {value}")))
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
            Err(self.wrong(format!("text {:?}", brief(value))))
        }
    };
}
pub(super) use refuse_others;
