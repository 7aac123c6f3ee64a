//! The log of what chance decided: the part of a repro file that makes a run happen again.
//!
//! Only choices other than 0 are kept, since a missing one is 0. Deleting entries, or whole
//! streams, therefore always leaves a valid log. The JSON form has one line per stream, so that a
//! shrunk log and its origin can be read side by side with any text diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::label::Entity;
use super::time::Time;

const FORMAT: &str = "steadfast.choices";
const VERSION: u32 = 1;

/// One choice that was not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The how-manieth choice of its stream this is, counted from 0.
    pub ordinal: u64,
    /// What was chosen.
    pub value: u64,
    /// When, in the run that was recorded; negative if unknown. Informs people and finds drift;
    /// decides nothing.
    pub at: Time,
}

/// The time of a choice that was edited in, not recorded.
pub(crate) const UNKNOWN: Time = Time(-1);

/// What was chosen for one label and one entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// How many choices were asked for, those that came out 0 included.
    pub draws: u64,
    /// The others, by ascending ordinal.
    pub choices: Vec<Choice>,
}

impl Series {
    /// Whether every ordinal is above the one before it and below `draws`.
    fn is_ordered(&self) -> bool {
        let ascending = self
            .choices
            .windows(2)
            .all(|pair| pair[0].ordinal < pair[1].ordinal);
        ascending
            && self
                .choices
                .last()
                .is_none_or(|last| last.ordinal < self.draws)
    }
}

/// Every choice of a run, by label and entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChoiceLog {
    /// The seed that the choices came from; entropy that is no choice still comes from it.
    pub seed: u64,
    /// The series, by label name and entity.
    pub series: BTreeMap<(String, Entity), Series>,
}

/// Why a text is not a log of choices.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceLogError {
    /// The text is not the JSON that was expected.
    #[error("the log of choices does not parse")]
    Json(#[from] serde_json::Error),
    /// The document says that it is something else.
    #[error("this is {format:?} version {version}; expected {FORMAT:?} version {VERSION}")]
    Format {
        /// The format that the document claims.
        format: String,
        /// The version that the document claims.
        version: u32,
    },
    /// A field holds what it cannot mean.
    #[error("{field} cannot be {text:?}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What stands there.
        text: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    seed: String,
    streams: Vec<StreamLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamLine {
    label: String,
    entity: String,
    draws: u64,
    choices: Vec<(u64, u64, i64)>,
}

impl ChoiceLog {
    /// How many choices other than 0 there are.
    pub fn len(&self) -> usize {
        self.series
            .values()
            .map(|series| series.choices.len())
            .sum()
    }

    /// Whether nothing but 0 was ever chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the choices that the predicate refuses; they become 0.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, Entity, &Choice) -> bool) {
        for ((label, entity), series) in &mut self.series {
            series.choices.retain(|choice| keep(label, *entity, choice));
        }
    }

    /// Sets one choice, whatever it was.
    pub fn set(&mut self, label: &str, entity: Entity, ordinal: u64, value: u64) {
        let series = self.series.entry((label.to_owned(), entity)).or_default();
        series.draws = series.draws.max(ordinal.saturating_add(1));
        match series
            .choices
            .binary_search_by_key(&ordinal, |choice| choice.ordinal)
        {
            Ok(found) if value == 0 => drop(series.choices.remove(found)),
            Ok(found) => series.choices[found].value = value,
            Err(_) if value == 0 => {}
            Err(place) => {
                series.choices.insert(
                    place,
                    Choice {
                        ordinal,
                        value,
                        at: UNKNOWN,
                    },
                );
            }
        }
    }

    /// The JSON document, one stream a line: `[ordinal, value, nanoseconds]` per choice.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        let seed = self.seed;
        write!(
            out,
            "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"seed\":\"{seed:#018x}\","
        )
        .and_then(|()| out.write_str("\"streams\":["))
        .and_then(|()| self.write_streams(&mut out))
        .and_then(|()| out.write_str("\n]}\n"))
        .expect("writing to a string does not fail");
        out
    }

    fn write_streams(&self, out: &mut String) -> std::fmt::Result {
        for (i, ((label, entity), series)) in self.series.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let label = serde_json::Value::from(label.as_str());
            write!(out, "{comma}\n{{\"label\":{label},\"entity\":\"{entity}\",")?;
            write!(out, "\"draws\":{},\"choices\":[", series.draws)?;
            for (i, choice) in series.choices.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let Choice { ordinal, value, at } = choice;
                write!(out, "{comma}[{ordinal},{value},{}]", at.as_nanos())?;
            }
            out.write_str("]}")?;
        }
        Ok(())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, ChoiceLogError> {
        let Document {
            format,
            version,
            seed,
            streams,
        } = serde_json::from_str(text)?;
        if format != FORMAT || version != VERSION {
            return Err(ChoiceLogError::Format { format, version });
        }
        let parsed = seed
            .strip_prefix("0x")
            .map(|hex| u64::from_str_radix(hex, 16));
        let Some(Ok(seed)) = parsed else {
            return Err(ChoiceLogError::Field {
                field: "seed",
                text: seed,
            });
        };
        let mut log = Self {
            seed,
            series: BTreeMap::new(),
        };
        for line in streams {
            let (key, series) = line.parse()?;
            log.series.insert(key, series);
        }
        Ok(log)
    }
}

impl StreamLine {
    fn parse(self) -> Result<((String, Entity), Series), ChoiceLogError> {
        let Ok(entity) = self.entity.parse() else {
            return Err(ChoiceLogError::Field {
                field: "entity",
                text: self.entity,
            });
        };
        let choice = |(ordinal, value, at)| Choice {
            ordinal,
            value,
            at: Time(at),
        };
        let choices = self.choices.into_iter().map(choice).collect();
        let series = Series {
            draws: self.draws,
            choices,
        };
        if !series.is_ordered() {
            let text = format!("that of {} {entity}", self.label);
            return Err(ChoiceLogError::Field {
                field: "choices",
                text,
            });
        }
        Ok(((self.label, entity), series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::NodeId;

    fn log() -> ChoiceLog {
        let mut log = ChoiceLog {
            seed: 7,
            ..ChoiceLog::default()
        };
        log.set("net.loss", Entity::link(NodeId(0), NodeId(1)), 17, 1);
        log.set("net.loss", Entity::link(NodeId(0), NodeId(1)), 3, 1);
        log.set("crash", Entity::from(NodeId(2)), 0, u64::MAX);
        log
    }

    #[test]
    fn json_reads_back_and_is_one_line_per_stream() {
        let text = log().to_json();
        assert_eq!(
            text,
            "{\"format\":\"steadfast.choices\",\"version\":1,\"seed\":\"0x0000000000000007\",\
             \"streams\":[\n\
             {\"label\":\"crash\",\"entity\":\"2\",\"draws\":1,\
             \"choices\":[[0,18446744073709551615,-1]]},\n\
             {\"label\":\"net.loss\",\"entity\":\"0>1\",\"draws\":18,\
             \"choices\":[[3,1,-1],[17,1,-1]]}\n]}\n"
        );
        assert_eq!(ChoiceLog::from_json(&text).expect("own output"), log());
    }

    #[test]
    fn foreign_documents_are_refused() {
        let text = log().to_json();
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("steadfast.choices", "other"),
            ("0x0000000000000007", "7"),
            ("\"0>1\"", "\"0-1\""),
            ("[3,1,-1],[17,1,-1]", "[17,1,-1],[3,1,-1]"),
            ("[17,1,-1]", "[18,1,-1]"),
            ("\"draws\"", "\"dice\""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(ChoiceLog::from_json(&changed).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn setting_zero_deletes() {
        let mut log = log();
        log.set("crash", Entity::from(NodeId(2)), 0, 0);
        assert_eq!(log.len(), 2);
        log.retain(|label, _, choice| label != "net.loss" || choice.ordinal == 3);
        assert_eq!(log.len(), 1);
    }
}
