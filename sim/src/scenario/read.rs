//! Reads tables of a TOML document key by key, knowing where everything stands.
//!
//! A [`Table`] remembers which keys it was asked for. What is left over at the end is unknown, and
//! what was asked for is what the author may have meant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Span;
use super::mistake::{Log, did_you_mean};
use super::text::{parse_duration, parse_rate};
use crate::kernel::Rate;

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) value: &'a DeValue<'a>,
    pub(super) at: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    pub(super) fn new(at: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            value: at.get_ref(),
            at,
        }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.at.span()
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn expected(&self, log: &mut Log, what: &str, help: Option<String>) {
        let kind = self.kind();
        log.wrong(
            self.span(),
            format!("expected {what}, found {kind}"),
            kind,
            help,
        );
    }

    pub(super) fn string(self, log: &mut Log) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => {
                self.expected(log, "a text", None);
                None
            }
        }
    }

    pub(super) fn bool(self, log: &mut Log) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                self.expected(log, "true or false", None);
                None
            }
        }
    }

    pub(super) fn integer(self, log: &mut Log, range: &Range<u32>) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            self.expected(log, "a whole number", None);
            return None;
        };
        let value = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let most = range.end - 1;
            let message = format!("{number} is not between {} and {most}", range.start);
            log.wrong(self.span(), message, "out of range", None);
        }
        value
    }

    /// Any number.
    pub(super) fn float(self, log: &mut Log) -> Option<f64> {
        let value = match self.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::Float(number) => return number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        if value.is_none() {
            self.expected(log, "a number", None);
        }
        #[expect(clippy::cast_precision_loss, reason = "nobody writes such rates")]
        value.map(|value| value as f64)
    }

    pub(super) fn duration(self, log: &mut Log) -> Option<Duration> {
        const HELP: &str = "write for example \"30s\", \"1h30m\", \"14d\" or \"500ms\"";
        let DeValue::String(text) = self.value else {
            self.expected(log, "a duration", Some(HELP.to_owned()));
            return None;
        };
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                let message = format!("\"{text}\" is no duration: {why}");
                log.wrong(self.span(), message, "no duration", Some(HELP.to_owned()));
                None
            }
        }
    }

    pub(super) fn rate(self, log: &mut Log) -> Option<Rate> {
        let help = || Some("rates go from 0 (never) to 1 (always)".to_owned());
        if !matches!(self.value, DeValue::Integer(_) | DeValue::Float(_)) {
            self.expected(log, "a rate", help());
            return None;
        }
        match parse_rate(self.float(log)?) {
            Ok(rate) => Some(rate),
            Err(why) => {
                log.wrong(self.span(), why, "no rate", help());
                None
            }
        }
    }

    /// One value, or a list of the least and the most.
    pub(super) fn range<T: Copy + PartialOrd>(
        self,
        log: &mut Log,
        mut one: impl FnMut(Self, &mut Log) -> Option<T>,
    ) -> Option<Span<T>> {
        let DeValue::Array(items) = self.value else {
            return one(self, log).map(|value| Span {
                min: value,
                max: value,
            });
        };
        let [min, max] = &items[..] else {
            let help = Some("write one value, or [least, most]".to_owned());
            log.wrong(self.span(), "a range has two ends", "not two values", help);
            return None;
        };
        let (min, max) = (one(Item::new(min), log), one(Item::new(max), log));
        let span = Span {
            min: min?,
            max: max?,
        };
        if span.min > span.max {
            log.wrong(
                self.span(),
                "the range runs backwards",
                "[most, least]",
                None,
            );
            return None;
        }
        Some(span)
    }

    /// The value as JSON.
    pub(super) fn json(self, log: &mut Log) -> Option<Value> {
        Some(match self.value {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(number) => {
                let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
                if value.is_none() {
                    log.wrong(self.span(), "the number is too large", "does not fit", None);
                }
                Value::from(value?)
            }
            DeValue::Float(_) => {
                let value = self.float(log)?;
                if !value.is_finite() {
                    log.wrong(self.span(), "JSON has no such number", "not finite", None);
                }
                Value::from(value)
            }
            DeValue::Boolean(value) => Value::from(*value),
            DeValue::Datetime(date) => Value::from(date.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| Item::new(item).json(log));
                Value::Array(items.collect::<Option<_>>()?)
            }
            DeValue::Table(table) => {
                let fields = table.iter().map(|(key, value)| {
                    Some((key.get_ref().to_string(), Item::new(value).json(log)?))
                });
                Value::Object(fields.collect::<Option<_>>()?)
            }
        })
    }

    pub(super) fn table(self, log: &mut Log, what: &'static str) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Table::new(table, self.span(), what)),
            _ => {
                self.expected(log, "a table", None);
                None
            }
        }
    }

    pub(super) fn list(self, log: &mut Log) -> Option<Vec<Self>> {
        match self.value {
            DeValue::Array(items) => Some(items.iter().map(Item::new).collect()),
            _ => {
                self.expected(log, "a list", None);
                None
            }
        }
    }
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// What messages call it.
    what: &'static str,
    span: Range<usize>,
    entries: BTreeMap<&'a str, (Range<usize>, Item<'a>)>,
    known: BTreeSet<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, span: Range<usize>, what: &'static str) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), (key.span(), Item::new(value))));
        Self {
            what,
            span,
            entries: entries.collect(),
            known: BTreeSet::new(),
        }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Takes the value of a key; asking for it makes the key known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.known.insert(key);
        self.entries.remove(key).map(|(_, item)| item)
    }

    /// Takes a value that must be there.
    pub(super) fn need(&mut self, log: &mut Log, key: &'static str) -> Option<Item<'a>> {
        let item = self.take(key);
        if item.is_none() {
            let message = format!("{} lacks `{key}`", self.what);
            log.wrong(self.span(), message, format!("`{key}` is missing"), None);
        }
        item
    }

    pub(super) fn string(&mut self, log: &mut Log, key: &'static str) -> Option<&'a str> {
        self.take(key)?.string(log)
    }

    pub(super) fn duration(&mut self, log: &mut Log, key: &'static str) -> Option<Duration> {
        self.take(key)?.duration(log)
    }

    pub(super) fn integers(
        &mut self,
        log: &mut Log,
        key: &'static str,
        bounds: Range<u32>,
    ) -> Option<Span<u32>> {
        self.take(key)?
            .range(log, |item, log| item.integer(log, &bounds))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        log: &mut Log,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let item = self.take(key)?;
        let text = item.string(log)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let help = did_you_mean(text, "word", words.iter().map(|(word, _)| *word));
            log.wrong(
                item.span(),
                format!("`{key}` cannot be \"{text}\""),
                "unknown",
                help,
            );
        }
        found.map(|(_, value)| *value)
    }

    /// The entries that were not asked for by name; the caller knows what they are.
    pub(super) fn rest(&mut self) -> Vec<(&'a str, Range<usize>, Item<'a>)> {
        let rest = std::mem::take(&mut self.entries).into_iter();
        rest.map(|(key, (span, item))| (key, span, item)).collect()
    }

    /// Refuses what is left over.
    pub(super) fn finish(mut self, log: &mut Log) {
        for (key, span, _) in self.rest() {
            let message = format!("{} has no key `{key}`", self.what);
            let help = did_you_mean(key, "key", self.known.iter().copied());
            log.wrong(span, message, "unknown key", help);
        }
    }
}
