//! Repro files: everything that is needed to make one run happen again.
//!
//! A repro file holds the text of the scenario, the log of choices, and what went wrong. It does
//! not depend on seeds meaning the same in the next version.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steadfast_sim::kernel::ChoiceLog;
use steadfast_sim::report::Failure;

const FORMAT: &str = "steadfast.repro";
const VERSION: u32 = 1;

/// A recorded run.
#[derive(Clone, Debug)]
pub(crate) struct Repro {
    pub(crate) head: Head,
    pub(crate) choices: ChoiceLog,
}

/// What a repro file says beside the choices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) format: String,
    pub(crate) version: u32,
    /// The version of Steadfast that wrote it.
    pub(crate) steadfast: String,
    pub(crate) scenario: Source,
    pub(crate) sabotage: Option<String>,
    pub(crate) seed: String,
    pub(crate) hash: String,
    pub(crate) failures: Vec<Wrong>,
}

/// The scenario of a recorded run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// What went wrong in a recorded run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrong {
    pub(crate) checker: String,
    pub(crate) message: String,
}

impl From<&Failure> for Wrong {
    fn from(failure: &Failure) -> Self {
        Self {
            checker: failure.checker.to_string(),
            message: failure.message.clone(),
        }
    }
}

impl Head {
    pub(crate) fn new(source: Source, sabotage: Option<String>, seed: u64, hash: u64) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            steadfast: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: source,
            sabotage,
            seed: seed.to_string(),
            hash: hash_text(hash),
            failures: Vec::new(),
        }
    }
}

/// A hash as it is written everywhere.
pub(crate) fn hash_text(hash: u64) -> String {
    format!("{hash:#018x}")
}

impl Repro {
    /// The file. The choices have a line per stream, so that two files can be compared.
    pub(crate) fn to_json(&self) -> String {
        let head = serde_json::to_string_pretty(&self.head).expect("it has only text keys");
        let head = head.strip_suffix("\n}").unwrap_or(&head);
        format!("{head},\n  \"choices\": {}}}\n", self.choices.to_json())
    }

    /// Reads a file; the error says what is wrong with it.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(mut fields) = document else {
            return Err("it is no JSON object".to_owned());
        };
        let format = fields
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if format != FORMAT {
            return Err(format!("its format is not {FORMAT:?}"));
        }
        let version = fields
            .get("version")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        if version != u64::from(VERSION) {
            return Err(format!(
                "its version is {version}; this program reads {VERSION}"
            ));
        }
        let choices = fields.remove("choices").ok_or("it has no choices")?;
        let choices =
            ChoiceLog::from_json(&choices.to_string()).map_err(|error| error.to_string())?;
        let head =
            serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        Ok(Self { head, choices })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repro() -> Repro {
        let source = Source {
            file: "a.toml".to_owned(),
            text: "schema = 1\n".to_owned(),
        };
        let head = Head::new(source, None, u64::MAX, 0xabc);
        let mut choices = ChoiceLog {
            seed: u64::MAX,
            ..ChoiceLog::default()
        };
        choices.set("net.loss", steadfast_sim::kernel::Entity::WORLD, 3, 1);
        Repro { head, choices }
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = repro().to_json();
        let read = Repro::from_json(&text).expect("its own output");
        assert_eq!(read.choices, repro().choices);
        assert_eq!(read.head.seed, u64::MAX.to_string());
        assert_eq!(read.to_json(), text);
    }

    #[test]
    fn other_documents_are_refused() {
        let text = repro().to_json();
        for (from, to) in [
            ("steadfast.repro", "steadfast.other"),
            ("\"version\": 1", "\"version\": 2"),
            ("\"choices\"", "\"dice\""),
            ("\"sabotage\"", "\"sabotaged\""),
            ("net.loss", "net.loss\" \""),
            ("steadfast.choices", "choices"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(Repro::from_json(&changed).is_err(), "{from} -> {to}");
        }
        assert!(Repro::from_json(&"[".repeat(100_000)).is_err());
        assert!(Repro::from_json(&text[..text.len() / 2]).is_err());
    }
}
