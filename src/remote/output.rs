//! What verbs print: documents for programs, cards and tables for people, or nothing.

use std::cell::Cell;

use prost::{Message, Name};
use serde::Serialize;
use serde_json::{Map, Value};
use steadfast_proto::json::{Canonical, Shorthand};

use super::args::{Format, OutputArgs};
use super::text::{Card, Table, Times, printable};
use crate::problem::Problem;
use crate::report::{BOLD, Console};

/// Where a verb prints.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    console: &'a Console,
    format: Format,
    shorthand: bool,
    pub(crate) times: Times,
    /// How many documents of a list are out, in a list.
    listed: Cell<Option<usize>>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(console: &'a Console, args: &OutputArgs) -> Self {
        Self {
            console,
            format: args.output,
            shorthand: !args.no_json_shorthand_payloads,
            times: Times::now(args.time_format),
            listed: Cell::new(None),
        }
    }

    /// Whether documents are wanted, and not text.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// Whether JSON shows payloads as what they hold.
    pub(crate) fn is_shorthand(&self) -> bool {
        self.shorthand
    }

    /// A message as the document that it is.
    pub(crate) fn message<M: Message + Name>(&self, message: &M) -> Result<(), Problem> {
        if self.shorthand {
            return self.document(&Shorthand(message));
        }
        self.document(&Canonical(message))
    }

    /// A message as workers' replayers read it.
    pub(crate) fn canonical<M: Message + Name>(&self, message: &M) -> Result<(), Problem> {
        self.document(&Canonical(message))
    }

    /// A message as a part of a document.
    pub(crate) fn value<M: Message + Name>(&self, message: &M) -> Value {
        let value = match self.shorthand {
            true => serde_json::to_value(Shorthand(message)),
            false => serde_json::to_value(Canonical(message)),
        };
        value.expect("messages in memory have tables")
    }

    /// A document.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), Problem> {
        let written = match self.format {
            Format::Json => serde_json::to_string_pretty(document),
            Format::Jsonl => serde_json::to_string(document),
            Format::Text | Format::None => return Ok(()),
        };
        let written = written
            .map_err(|why| Problem::user(format!("the answer is no JSON document: {why}")))?;
        match (self.format, self.listed.get()) {
            (Format::Json, Some(count)) => {
                self.listed.set(Some(count + 1));
                let between = if count == 0 { "[" } else { "," };
                self.console.print(&format!("{between}\n{written}"))
            }
            _ => self.console.line(&written),
        }
    }

    /// Documents from now on are those of a list.
    pub(crate) fn begin_list(&self) {
        self.listed.set(Some(0));
    }

    /// The list ends.
    pub(crate) fn end_list(&self) -> Result<(), Problem> {
        match (self.format, self.listed.take()) {
            (Format::Json, Some(0)) => self.console.line("[\n]"),
            (Format::Json, Some(_)) => self.console.print("\n]\n"),
            _ => Ok(()),
        }
    }

    /// A line for people.
    pub(crate) fn line(&self, line: &str) -> Result<(), Problem> {
        match self.format {
            Format::Text => self.console.line(line),
            _ => Ok(()),
        }
    }

    /// A heading for people.
    pub(crate) fn heading(&self, heading: &str) -> Result<(), Problem> {
        self.line(&format!("{BOLD}{heading}{BOLD:#}"))
    }

    /// A few named values: a card for people, a document for programs.
    pub(crate) fn fields<const N: usize>(
        &self,
        fields: [(&'static str, Value); N],
    ) -> Result<(), Problem> {
        if self.is_json() {
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value));
            return self.document(&fields.collect::<Map<_, _>>());
        }
        let card = fields
            .into_iter()
            .fold(Card::default(), |card, (name, value)| {
                card.text(capital(name), &shown(&value))
            });
        self.card(&card)
    }

    /// A card for people.
    pub(crate) fn card(&self, card: &Card) -> Result<(), Problem> {
        self.line(card.render().trim_end())
    }

    /// A table for people.
    pub(crate) fn table(&self, table: &Table) -> Result<(), Problem> {
        self.line(table.render().trim_end())
    }
}

/// A value as a card shows it: text without quotes, everything else as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
