//! Payloads as the SDKs' default converter writes them: JSON with its encoding in the metadata.
//!
//! The engine itself decodes no payload; these are for workers, scenarios and tools.

use bytes::Bytes;
use prost::{Message, Name};
use serde::{Serialize, de::DeserializeOwned};

use crate::temporal::api::common::v1::{Payload, Payloads};

/// Metadata key that names the encoding.
pub const ENCODING: &str = "encoding";
/// Encoding of JSON values.
pub const JSON_PLAIN: &str = "json/plain";
/// Encoding of raw bytes.
pub const BINARY_PLAIN: &str = "binary/plain";
/// Encoding of "no value".
pub const BINARY_NULL: &str = "binary/null";

/// Why a payload could not be read as a value.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON, by its metadata.
    #[error("payload has encoding {found:?}, not {JSON_PLAIN:?}")]
    Encoding {
        /// What the metadata says, empty when it says nothing.
        found: String,
    },
    /// Not of the wanted shape.
    #[error("payload does not fit: {0}")]
    Value(#[from] serde_json::Error),
}

impl Payload {
    /// `value` as `json/plain`.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        Ok(Self::encoded(JSON_PLAIN, serde_json::to_vec(value)?))
    }

    /// Raw bytes as `binary/plain`.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self::encoded(BINARY_PLAIN, data)
    }

    /// "No value" as `binary/null`.
    pub fn null() -> Self {
        Self::encoded(BINARY_NULL, Bytes::new())
    }

    /// Bytes with the name of their encoding.
    pub fn encoded(encoding: &'static str, data: impl Into<Bytes>) -> Self {
        let metadata = [(ENCODING.to_owned(), Bytes::from_static(encoding.as_bytes()))].into();
        Self {
            metadata,
            data: data.into(),
            ..Self::default()
        }
    }

    /// What the metadata says of the encoding; empty when it says nothing readable.
    pub fn encoding(&self) -> &str {
        let name = self.metadata.get(ENCODING).map_or(&[][..], |name| name);
        str::from_utf8(name).unwrap_or_default()
    }

    /// The value of a `json/plain` payload. "No value" reads as JSON's null.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        match self.encoding() {
            JSON_PLAIN => Ok(serde_json::from_slice(&self.data)?),
            BINARY_NULL => Ok(serde_json::from_value(serde_json::Value::Null)?),
            other => Err(PayloadError::Encoding {
                found: other.to_owned(),
            }),
        }
    }
}

/// The payloads of a message, in the order in which they are encoded; those of search attributes are left out, because
/// servers read them and nothing may be hidden in them.
pub fn collect<M: Message + Name>(message: &M) -> Vec<Payload> {
    let mut found = Vec::new();
    crate::json::exchange(message, |payload| {
        found.push(payload.clone());
        Some(payload)
    });
    found
}

/// The message with other payloads in the places where [`collect`] found some, or nothing if there are more or fewer.
pub fn replaced<M: Message + Name + Default>(message: &M, payloads: Vec<Payload>) -> Option<M> {
    let mut payloads = payloads.into_iter();
    let encoded = crate::json::exchange(message, |_| payloads.next())?;
    if payloads.next().is_some() {
        return None;
    }
    let decoded = M::decode(Bytes::from(encoded));
    Some(decoded.expect("only payloads have changed"))
}

impl FromIterator<Payload> for Payloads {
    fn from_iter<I: IntoIterator<Item = Payload>>(payloads: I) -> Self {
        Self {
            payloads: payloads.into_iter().collect(),
        }
    }
}

impl From<Payload> for Payloads {
    fn from(payload: Payload) -> Self {
        Self {
            payloads: vec![payload],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::api::{
        common::v1::{Memo, SearchAttributes},
        workflowservice::v1::StartWorkflowExecutionRequest,
    };

    #[test]
    fn values_survive() {
        let payload = Payload::json(&("order-1", 3)).expect("plain data is JSON");
        assert_eq!(payload.encoding(), JSON_PLAIN);
        assert_eq!(payload.data, br#"["order-1",3]"#.as_slice());
        assert_eq!(
            payload.to_json::<(String, u32)>().expect("same shape"),
            ("order-1".into(), 3)
        );
        assert!(payload.to_json::<bool>().is_err());
    }

    #[test]
    fn payloads_are_exchanged_wherever_they_are_but_in_search_attributes() {
        let payload = |text: &str| Payload::binary(text.to_owned());
        let memo = [("m".to_owned(), payload("memo"))].into();
        let attributes = [("a".to_owned(), payload("attribute"))].into();
        let message = StartWorkflowExecutionRequest {
            workflow_id: "w".to_owned(),
            input: Some([payload("one"), payload("two")].into_iter().collect()),
            memo: Some(Memo { fields: memo }),
            search_attributes: Some(SearchAttributes {
                indexed_fields: attributes,
            }),
            ..StartWorkflowExecutionRequest::default()
        };
        let found = collect(&message);
        assert_eq!(found, [payload("one"), payload("two"), payload("memo")]);
        let shout = |p: &Payload| Payload::binary(p.data.to_ascii_uppercase());
        let loud = replaced(&message, found.iter().map(shout).collect()).expect("as many");
        assert_eq!(
            collect(&loud),
            [payload("ONE"), payload("TWO"), payload("MEMO")]
        );
        assert_eq!(loud.search_attributes, message.search_attributes);
        assert_eq!(loud.workflow_id, "w");
        assert_eq!(replaced(&message, vec![payload("one")]), None);
        assert_eq!(replaced(&message, vec![payload("x"); 4]), None);
    }

    #[test]
    fn null_reads_as_nothing_and_bytes_are_no_value() {
        assert_eq!(
            Payload::null()
                .to_json::<Option<u8>>()
                .expect("null is None"),
            None
        );
        let error = Payload::binary("x")
            .to_json::<u8>()
            .expect_err("bytes are not JSON");
        assert_eq!(
            error.to_string(),
            r#"payload has encoding "binary/plain", not "json/plain""#
        );
        assert_eq!(Payload::default().encoding(), "");
    }
}
