//! Expressions of scenario files: the Common Expression Language over a [`View`].
//!
//! An expression is checked when the file is read, long before anything runs: it must parse, name
//! only what exists, put together only what fits, and be true or false.

mod check;
mod types;

use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr, operators};
use cel::extractors::This;
use cel::{Context, ExecutionError, Program, Value};

pub use types::{FUNCTIONS, FieldDoc, Shape, VARIABLES};

use super::ClusterFault;
use super::view::{FaultsView, View};
use crate::kernel::FaultClass;

/// Signs of operators, fields and brackets in one expression. Parser and evaluator call themselves for each of them, so
/// that a hostile file could exhaust the stack.
const MOST_SIGNS: usize = 256;

/// A checked expression that is true or false.
#[derive(Clone)]
pub struct Condition {
    source: Arc<str>,
    program: Arc<Program>,
}

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CelMistake {
    /// What is wrong, in a sentence.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The place, as bytes of the expression.
    pub span: std::ops::Range<usize>,
}

impl Condition {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn new(source: &str) -> Result<Self, Vec<CelMistake>> {
        if let Some(mistake) = too_deep(source) {
            return Err(vec![mistake]);
        }
        let program = Program::compile(source).map_err(|errors| syntax(source, &errors))?;
        let mistakes = check::check(&program, source);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            source: Arc::from(source),
            program: Arc::new(program),
        })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is true of a run.
    ///
    /// # Errors
    /// If it has no value there: it looks for an element or field that this run does not have.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> Result<bool, String> {
        match self.program.execute(&facts.0) {
            Ok(Value::Bool(value)) => Ok(value),
            Ok(other) => Err(format!(
                "it is neither true nor false but {}",
                shown(&other)
            )),
            Err(error) => Err(explained(&error)),
        }
    }

    /// The two sides of a comparison that does not hold, for the message.
    pub(super) fn sides(&self, facts: &Facts<'_>) -> Option<String> {
        let Expr::Call(call) = &self.program.expression().expr else {
            return None;
        };
        let compares = [
            operators::EQUALS,
            operators::NOT_EQUALS,
            operators::LESS,
            operators::LESS_EQUALS,
            operators::GREATER,
            operators::GREATER_EQUALS,
        ];
        if !compares.contains(&call.func_name.as_str()) {
            return None;
        }
        let [left, right] = call.args.as_slice() else {
            return None;
        };
        let left = Value::resolve(left, &facts.0).ok()?;
        let right = Value::resolve(right, &facts.0).ok()?;
        Some(format!(
            "left is {}, right is {}",
            shown(&left),
            shown(&right)
        ))
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.source).finish()
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Condition {}

/// A [`View`] made ready for expressions.
pub(super) struct Facts<'a>(Context<'a, 'a>);

impl Facts<'_> {
    pub(super) fn of(view: &View) -> Self {
        let mut context = Context::default();
        context
            .add_function("sum", sum)
            .expect("the standard library has no such function");
        let faults = with_every_class(&view.faults);
        for (name, value) in [
            ("runs", cel::to_value(&view.runs)),
            ("ledger", cel::to_value(&view.ledger)),
            ("time", cel::to_value(view.time)),
            ("faults", cel::to_value(&faults)),
        ] {
            let value = value.expect("a view has only text keys, so it has a value");
            context.add_variable_from_value(name, value);
        }
        Self(context)
    }
}

/// A class that is off in a run struck 0 times.
fn with_every_class(faults: &FaultsView) -> FaultsView {
    let mut faults = faults.clone();
    let kernel = FaultClass::ALL.iter().map(|class| class.name());
    for name in kernel.chain(ClusterFault::ALL.iter().map(|fault| fault.name())) {
        faults.by_class.entry(name.to_owned()).or_default();
    }
    faults
}

/// The sum of a list of numbers.
fn sum(This(list): This<Value>) -> Result<Value, ExecutionError> {
    let Value::List(items) = list else {
        return Err(ExecutionError::function_error(
            "sum",
            "it takes a list of numbers",
        ));
    };
    let (mut whole, mut parts, mut any_parts) = (0_i64, 0.0, false);
    for item in items.iter() {
        match item {
            Value::Int(value) => whole = whole.saturating_add(*value),
            Value::Float(value) => {
                parts += value;
                any_parts = true;
            }
            other => {
                let message = format!("{} is no number", shown(other));
                return Err(ExecutionError::function_error("sum", message));
            }
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "the sum of a mixed list is approximate"
    )]
    let mixed = whole as f64 + parts;
    Ok(if any_parts {
        Value::Float(mixed)
    } else {
        Value::Int(whole)
    })
}

fn explained(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}` in this run"),
        ExecutionError::IndexOutOfBounds(index) => {
            format!("the list has no element {}", shown(index))
        }
        other => other.to_string(),
    }
}

/// A value for people, cut to a readable length.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => format!("\"{text}\""),
        Value::Null => "null".to_owned(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().take(8).map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries = map
                .map
                .iter()
                .map(|(key, value)| format!("{key}: {}", shown(value)));
            let mut entries: Vec<_> = entries.collect();
            entries.sort();
            entries.truncate(8);
            format!("{{{}}}", entries.join(", "))
        }
        other => format!("{other:?}"),
    };
    match text.char_indices().nth(120) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

fn too_deep(source: &str) -> Option<CelMistake> {
    let mut signs = source.match_indices(|c: char| "!%&()*+-./<=>?[]|".contains(c));
    let (start, sign) = signs.nth(MOST_SIGNS)?;
    Some(CelMistake {
        message: format!("the expression is too long: it has more than {MOST_SIGNS} operators"),
        help: Some("make several expectations of it".to_owned()),
        span: start..start + sign.len(),
    })
}

fn syntax(source: &str, errors: &cel::ParseErrors) -> Vec<CelMistake> {
    let mistakes = errors.errors.iter().map(|error| {
        let (line, column) = error.pos;
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let before: usize = source
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let start = (before + column - 1).min(source.len());
        let message = format!("the expression does not parse: {}", error.msg);
        CelMistake {
            message,
            help: None,
            span: start..(start + 1).min(source.len()),
        }
    });
    let mut mistakes: Vec<_> = mistakes.collect();
    // The parser goes on after an error; what it says then seldom helps.
    mistakes.truncate(1);
    if mistakes.is_empty() {
        let message = "the expression does not parse".to_owned();
        mistakes.push(CelMistake {
            message,
            help: None,
            span: 0..source.len(),
        });
    }
    mistakes
}

#[cfg(test)]
mod tests;
