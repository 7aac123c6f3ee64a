//! Values that are written on the command line: inputs, memos, search attributes, headers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use serde_json::Value;
use steadfast_proto::payload::{ENCODING, JSON_PLAIN};
use steadfast_proto::temporal::api::common::v1::{
    Header, Memo, Payload, Payloads, SearchAttributes,
};

use super::args::pair;
use crate::problem::Problem;

/// The arguments of a workflow, query, signal or update.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct InputArgs {
    /// An argument, JSON unless --input-meta says otherwise; may be repeated
    #[arg(long, short, value_name = "JSON")]
    pub(super) input: Vec<String>,
    /// The same from a file; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub(super) input_file: Vec<PathBuf>,
    /// Metadata of the argument's payload; may be repeated, then each is for the next argument
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(super) input_meta: Vec<(String, String)>,
    /// Arguments are base64
    #[arg(long)]
    pub(super) input_base64: bool,
}

impl InputArgs {
    /// The arguments, if there are any.
    pub(super) fn payloads(&self) -> Result<Option<Payloads>, Problem> {
        let mut inputs: Vec<Bytes> = Vec::new();
        inputs.extend(self.input.iter().map(|input| Bytes::from(input.clone())));
        for file in &self.input_file {
            let read = std::fs::read(file);
            inputs.push(
                read.map_err(|error| Problem::io("read", file, &error))?
                    .into(),
            );
        }
        let metadata = self.metadata(inputs.len())?;
        let payloads = inputs.into_iter().enumerate().map(|(at, data)| {
            // With fewer values than arguments the first is for the rest.
            let of = |values: &Vec<String>| values.get(at).unwrap_or(&values[0]).clone();
            let metadata = metadata
                .iter()
                .map(|(key, values)| (key.clone(), of(values)));
            self.payload(at, data, metadata.collect())
        });
        let payloads = payloads.collect::<Result<Vec<_>, _>>()?;
        Ok((!payloads.is_empty()).then_some(Payloads { payloads }))
    }

    /// The values of each key of the metadata: at least one, at most one for each argument.
    fn metadata(&self, inputs: usize) -> Result<BTreeMap<String, Vec<String>>, Problem> {
        let mut metadata: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in &self.input_meta {
            let values = metadata.entry(key.clone()).or_default();
            if !values.is_empty() && values.len() >= inputs {
                return Err(Problem::user(format!(
                    "--input-meta has more values of {key} than there are inputs"
                )));
            }
            values.push(value.clone());
        }
        let json = || vec![JSON_PLAIN.to_owned()];
        metadata.entry(ENCODING.to_owned()).or_insert_with(json);
        Ok(metadata)
    }

    fn payload(
        &self,
        at: usize,
        data: Bytes,
        metadata: BTreeMap<String, String>,
    ) -> Result<Payload, Problem> {
        let number = at + 1;
        let json = metadata
            .get(ENCODING)
            .is_some_and(|encoding| encoding.starts_with("json/"));
        let data = match self.input_base64 {
            true => STANDARD.decode(data).map(Bytes::from),
            false => Ok(data),
        };
        let data = data.map_err(|_| Problem::user(format!("input {number} is no base64")))?;
        if json && serde_json::from_slice::<serde::de::IgnoredAny>(&data).is_err() {
            return Err(Problem::with_help(
                format!("input {number} is no JSON"),
                "text is written with its quotes, as in --input '\"text\"'",
            ));
        }
        let metadata = metadata.into_iter().map(|(key, value)| (key, value.into()));
        Ok(Payload {
            metadata: metadata.collect(),
            data,
            ..Payload::default()
        })
    }
}

/// A value as a payload of JSON.
pub(super) fn payload(value: &Value) -> Payload {
    Payload::json(value).expect("a value is JSON")
}

/// A text as a payload of JSON, or nothing.
pub(super) fn text_payload(text: Option<&String>) -> Option<Payload> {
    text.map(|text| payload(&Value::from(text.as_str())))
}

/// `KEY=JSON` of the flag `flag`.
pub(super) fn values(
    flag: &str,
    pairs: &[(String, String)],
) -> Result<BTreeMap<String, Payload>, Problem> {
    let read = pairs.iter().map(|(key, value)| {
        let value: Value = serde_json::from_str(value).map_err(|error| {
            Problem::with_help(
                format!("{flag}: the value of {key} is no JSON: {error}"),
                "text is written with its quotes, as in key='\"text\"'",
            )
        })?;
        Ok((key.clone(), payload(&value)))
    });
    read.collect()
}

/// The memo that `pairs` make, if there are any.
pub(super) fn memo(flag: &str, pairs: &[(String, String)]) -> Result<Option<Memo>, Problem> {
    let fields = values(flag, pairs)?;
    Ok((!fields.is_empty()).then_some(Memo { fields }))
}

/// The search attributes that `pairs` make, if there are any.
pub(super) fn search_attributes(
    flag: &str,
    pairs: &[(String, String)],
) -> Result<Option<SearchAttributes>, Problem> {
    let indexed_fields = values(flag, pairs)?;
    Ok((!indexed_fields.is_empty()).then_some(SearchAttributes { indexed_fields }))
}

/// The headers that `pairs` make; some also when there are none, as the real command line has it.
pub(super) fn header(pairs: &[(String, String)]) -> Result<Option<Header>, Problem> {
    let fields = values("--headers", pairs)?;
    Ok(Some(Header { fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(input: &[&str], meta: &[(&str, &str)]) -> InputArgs {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        InputArgs {
            input: input.iter().map(|text| (*text).to_owned()).collect(),
            input_meta: meta.iter().map(owned).collect(),
            ..InputArgs::default()
        }
    }

    fn encodings(args: &InputArgs) -> Vec<String> {
        let payloads = args.payloads().unwrap().unwrap_or_default().payloads;
        payloads
            .iter()
            .map(|payload| payload.encoding().to_owned())
            .collect()
    }

    #[test]
    fn arguments_are_json_unless_metadata_says_otherwise() {
        assert_eq!(args(&[], &[]).payloads().unwrap(), None);
        assert_eq!(
            encodings(&args(&["1", "{}"], &[])),
            ["json/plain", "json/plain"]
        );
        assert!(args(&["text"], &[]).payloads().is_err());
        let meta = [("encoding", "binary/plain"), ("encoding", "json/plain")];
        assert_eq!(
            encodings(&args(&["text", "1", "x"], &meta[..1])),
            ["binary/plain"; 3]
        );
        assert_eq!(
            encodings(&args(&["text", "1"], &meta)),
            ["binary/plain", "json/plain"]
        );
        assert!(
            args(&["text"], &meta).payloads().is_err(),
            "two values for one argument"
        );
    }

    #[test]
    fn base64_is_decoded_and_must_be_some() {
        let base64 = |input: &str| InputArgs {
            input_base64: true,
            ..args(&[input], &[])
        };
        let payloads = base64("eyJhIjoxfQ==").payloads().unwrap().unwrap();
        assert_eq!(payloads.payloads[0].data, r#"{"a":1}"#);
        assert!(base64("!").payloads().is_err());
    }

    #[test]
    fn values_that_are_no_json_are_named() {
        let pairs = [("Customer".to_owned(), "acme".to_owned())];
        let problem = values("--memo", &pairs).unwrap_err();
        assert!(
            problem.render().contains("--memo: the value of Customer"),
            "{}",
            problem.render()
        );
    }
}
