//! What a list filter means: its names, types and values, checked against the attributes of a namespace.
// temporal: common/persistence/visibility/store/query/converter.go: what is refused, and in which words.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named is refused alike"
)]

use std::fmt;

use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::{
    attribute::{
        AttributeType, NAMESPACE_DIVISION, RESERVED_PREFIX, SearchAttributeTypes, SystemAttribute,
        datetime, go_number, predefined, rfc3339,
    },
    kind::Kind,
    lexer::keyword,
    syntax::{Expression, Is, Statement, parse},
};
use crate::{
    effect::Rejection,
    time::{Timestamp, duration_nanos},
};

/// Which rows are wanted. [`fmt::Display`] writes it as a query that parses to the same filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those for which all of these hold; all rows if there are none.
    And(Vec<Self>),
    /// Those for which one of these holds; no row if there are none.
    Or(Vec<Self>),
    /// Those for which this is known not to hold.
    Not(Box<Self>),
    /// Those whose value compares so.
    Compare(Column, Operator, Scalar),
    /// Those whose value is, or is not, among these.
    In(Column, bool, Vec<Scalar>),
    /// Those whose value is, or is not, between these, both included.
    Between(Column, bool, Scalar, Scalar),
    /// Those whose value has, or has not, this prefix.
    StartsWith(Column, bool, String),
    /// Those that have no value, or have one.
    IsNull(Column, bool),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`; for lists and texts: contains.
    Equal,
    /// `!=`; for lists and texts: does not contain.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What a filter looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Where the value is.
    pub field: Field,
    /// What values it has.
    pub attribute_type: AttributeType,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Every run has it.
    System(SystemAttribute),
    /// It was set by that name.
    Attribute(String),
}

/// A value in a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number; never NaN.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A moment.
    Time(Timestamp),
    /// How a run is.
    Status(WorkflowExecutionStatus),
}

/// A filter, and by what the rows that pass are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct CountFilter {
    /// What is counted.
    pub filter: Filter,
    /// One count for each value of this, or one for all.
    pub group_by: Option<GroupBy>,
}

/// What rows can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// How the run is.
    ExecutionStatus,
    /// Users' workflows, schedules, batches.
    NamespaceDivision,
}

type Checked<T> = Result<T, String>;

const INVALID: &str = "invalid expression";
const UNSUPPORTED: &str = "operation is not supported";

impl Filter {
    /// Every row, those of other divisions included.
    pub const ALL: Self = Self::And(Vec::new());

    /// Reads the query of a list. Rows of other divisions are left out unless the query mentions them; a grouping
    /// is read and ignored.
    ///
    /// # Errors
    /// InvalidArgument with Temporal's words for what is wrong.
    pub fn parse(query: &str, types: &SearchAttributeTypes) -> Result<Self, Rejection> {
        CountFilter::parse(query, types).map(|count| count.filter)
    }
}

impl CountFilter {
    /// Reads the query of a count.
    ///
    /// # Errors
    /// InvalidArgument with Temporal's words for what is wrong.
    pub fn parse(query: &str, types: &SearchAttributeTypes) -> Result<Self, Rejection> {
        Self::parse_for(Kind::Workflows, query, types)
    }

    /// Reads the query of a count, or a list, of something.
    ///
    /// # Errors
    /// InvalidArgument with Temporal's words for what is wrong.
    pub fn parse_for(
        kind: Kind,
        query: &str,
        types: &SearchAttributeTypes,
    ) -> Result<Self, Rejection> {
        let statement = parse(query).map_err(|why| format!("malformed SQL query: {why}"));
        let checked = statement.and_then(|statement| Check::new(kind, types).statement(statement));
        checked.map_err(|why| Rejection::InvalidArgument(format!("invalid query: {why}")))
    }
}

struct Check<'a> {
    kind: Kind,
    types: &'a SearchAttributeTypes,
    /// Whether the query says itself which divisions it wants.
    division_seen: bool,
}

impl<'a> Check<'a> {
    fn new(kind: Kind, types: &'a SearchAttributeTypes) -> Self {
        Self {
            kind,
            types,
            division_seen: false,
        }
    }

    fn statement(&mut self, statement: Statement) -> Checked<CountFilter> {
        if statement.limit {
            return Err(format!("{UNSUPPORTED}: 'LIMIT' clause"));
        }
        let condition = statement.condition.map(|it| self.condition(it));
        let condition = condition.transpose()?;
        if statement.group_by.len() > 1 {
            return Err(format!(
                "{UNSUPPORTED}: 'GROUP BY' clause supports only a single field"
            ));
        }
        let group_by = statement.group_by.into_iter().next();
        let group_by = group_by.map(|it| self.group_by(&it)).transpose()?;
        for column in &statement.order_by {
            self.order_by(column)?;
        }
        let mut filters: Vec<_> = condition.into_iter().collect();
        match self.kind.division() {
            Some(own) => filters.push(Filter::Compare(
                division(),
                Operator::Equal,
                Scalar::Text(own.to_owned()),
            )),
            None if self.division_seen => {}
            None => filters.push(Filter::IsNull(division(), false)),
        }
        Ok(CountFilter {
            filter: and(filters),
            group_by,
        })
    }

    fn group_by(&mut self, expression: &Expression) -> Checked<GroupBy> {
        let (column, name) = self.column(expression)?;
        match column.field {
            Field::System(SystemAttribute::ExecutionStatus) => Ok(GroupBy::ExecutionStatus),
            Field::Attribute(field) if field == NAMESPACE_DIVISION => {
                Ok(GroupBy::NamespaceDivision)
            }
            Field::System(_) | Field::Attribute(_) => Err(format!(
                "{UNSUPPORTED}: 'GROUP BY' clause is not supported for search attribute {name}"
            )),
        }
    }

    /// Rows have one order. A column that exists is refused for that, others for what they are.
    fn order_by(&mut self, expression: &Expression) -> Checked<()> {
        self.column(expression)?;
        Err(format!("{UNSUPPORTED}: 'ORDER BY' clause"))
    }

    fn condition(&mut self, expression: Expression) -> Checked<Filter> {
        match expression {
            Expression::And(all) => Ok(and(self.conditions(all)?)),
            Expression::Or(all) => Ok(or(self.conditions(all)?)),
            Expression::Not(inner) => Ok(Filter::Not(Box::new(self.condition(*inner)?))),
            Expression::Paren(inner) => self.condition(*inner),
            Expression::Compare(operator, left, right) => self.comparison(operator, &left, &right),
            Expression::Range {
                negated,
                of,
                from,
                to,
            } => self.range(negated, &of, &from, &to),
            Expression::Is(of, is) => {
                let (column, _) = self.column(&of)?;
                match is {
                    Is::Null => Ok(Filter::IsNull(column, false)),
                    Is::NotNull => Ok(Filter::IsNull(column, true)),
                    Is::Other => Err(format!(
                        "{INVALID}: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'"
                    )),
                }
            }
            Expression::Function => Err(format!("{UNSUPPORTED}: function expression")),
            Expression::Name(_) => Err(format!("{INVALID}: incomplete expression")),
            other @ (Expression::Text(_)
            | Expression::Int(_)
            | Expression::Float(_)
            | Expression::Unreadable(_)
            | Expression::Bool(_)
            | Expression::Null
            | Expression::Tuple(_)
            | Expression::Sign(..)
            | Expression::Other(_)) => Err(format!(
                "{UNSUPPORTED}: expression of type {}",
                other.name()
            )),
        }
    }

    fn conditions(&mut self, all: Vec<Expression>) -> Checked<Vec<Filter>> {
        all.into_iter().map(|it| self.condition(it)).collect()
    }

    fn comparison(
        &mut self,
        operator: &'static str,
        left: &Expression,
        right: &Expression,
    ) -> Checked<Filter> {
        let (column, name) = self.column(left)?;
        let values = match right {
            Expression::Tuple(values) => values
                .iter()
                .map(|value| self.scalar(value, &name, &column))
                .collect::<Checked<Vec<_>>>()?,
            single => vec![self.scalar(single, &name, &column)?],
        };
        if !supported(column.attribute_type).contains(&operator) {
            return Err(format!(
                "{UNSUPPORTED}: operator '{}' not supported for {} type search attribute '{name}'",
                operator.to_uppercase(),
                column.attribute_type
            ));
        }
        let is_list = matches!(right, Expression::Tuple(_));
        if operator == "in" || operator == "not in" {
            return Ok(Filter::In(column, operator == "not in", values));
        }
        let one = values.into_iter().next().filter(|_| !is_list);
        let Some(value) = one else {
            return Err(format!("{INVALID}: unexpected value type {}", right.name()));
        };
        if operator == "starts_with" || operator == "not starts_with" {
            let Scalar::Text(prefix) = value else {
                return Err(format!(
                    "{INVALID}: right-hand side of \"{operator}\" operator must be a literal string (got: {value})"
                ));
            };
            return Ok(Filter::StartsWith(
                column,
                operator == "not starts_with",
                prefix,
            ));
        }
        if column.attribute_type == AttributeType::Text
            && let Scalar::Text(text) = &value
            && text.split(' ').all(str::is_empty)
        {
            return Err(format!(
                "{INVALID}: no tokens found filtering on Text type search attribute {name}"
            ));
        }
        Ok(Filter::Compare(column, Operator::of(operator), value))
    }

    fn range(
        &mut self,
        negated: bool,
        of: &Expression,
        from: &Expression,
        to: &Expression,
    ) -> Checked<Filter> {
        let (column, name) = self.column(of)?;
        match column.attribute_type {
            AttributeType::Datetime
            | AttributeType::Double
            | AttributeType::Int
            | AttributeType::Keyword => {}
            other @ (AttributeType::Bool | AttributeType::KeywordList | AttributeType::Text) => {
                return Err(format!(
                    "{INVALID}: cannot do range condition on search attribute '{name}' of type {other}"
                ));
            }
        }
        let from = self.scalar(from, &name, &column)?;
        let to = self.scalar(to, &name, &column)?;
        Ok(Filter::Between(column, negated, from, to))
    }

    /// A column and the name that it was called by.
    fn column(&mut self, expression: &Expression) -> Checked<(Column, String)> {
        let Expression::Name(name) = expression else {
            return Err(format!(
                "{INVALID}: must be a column name but was {}",
                expression.name()
            ));
        };
        let own = self.kind.alias(name);
        let own = own.filter(|_| !self.types.custom().contains_key(name));
        let column = own
            .map(of_every_run)
            .or_else(|| resolve(name, self.types))
            .ok_or_else(|| format!("invalid search attribute: {name}"))?;
        if column == division() {
            self.division_seen = true;
        }
        Ok((column, name.clone()))
    }

    /// The value that an expression is for the column that was called so.
    fn scalar(&self, expression: &Expression, name: &str, column: &Column) -> Checked<Scalar> {
        let value = scalar(expression, name, column)?;
        let is_own = matches!(column.field, Field::System(_));
        Ok(match value {
            Scalar::Text(id) if is_own => Scalar::Text(format!("{}{id}", self.kind.prefix(name))),
            other => other,
        })
    }
}

/// What a name means: an attribute of the namespace first, then what every namespace has, then the same with or
/// without the reserved prefix.
// temporal: common/persistence/visibility/store/query/resolve.go.
fn resolve(name: &str, types: &SearchAttributeTypes) -> Option<Column> {
    if let Some(attribute_type) = types.custom().get(name) {
        return Some(attribute(name, *attribute_type));
    }
    if let Some(column) = system(name) {
        return Some(column);
    }
    let stripped = name.strip_prefix(RESERVED_PREFIX).unwrap_or(name);
    if stripped == "ScheduleId" {
        return system("WorkflowId");
    }
    system(&format!("{RESERVED_PREFIX}{name}")).or_else(|| system(stripped))
}

fn system(name: &str) -> Option<Column> {
    if let Some(system) = SystemAttribute::from_name(name) {
        return Some(of_every_run(system));
    }
    predefined(name).map(|(attribute_type, _)| attribute(name, attribute_type))
}

fn of_every_run(system: SystemAttribute) -> Column {
    Column {
        field: Field::System(system),
        attribute_type: system.attribute_type(),
    }
}

fn attribute(name: &str, attribute_type: AttributeType) -> Column {
    Column {
        field: Field::Attribute(name.to_owned()),
        attribute_type,
    }
}

/// The column by which schedules and batches are apart from users' workflows.
pub(super) fn division() -> Column {
    attribute(NAMESPACE_DIVISION, AttributeType::Keyword)
}

/// Operators that a type has.
fn supported(attribute_type: AttributeType) -> &'static [&'static str] {
    const KEYWORD: [&str; 10] = [
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "not in",
        "starts_with",
        "not starts_with",
    ];
    match attribute_type {
        AttributeType::Keyword => &KEYWORD,
        AttributeType::KeywordList => &["=", "!=", "in", "not in"],
        AttributeType::Text => &["=", "!="],
        AttributeType::Bool
        | AttributeType::Datetime
        | AttributeType::Double
        | AttributeType::Int => &KEYWORD[..8],
    }
}

/// The value that an expression is for this column.
fn scalar(expression: &Expression, name: &str, column: &Column) -> Checked<Scalar> {
    let literal = match expression {
        Expression::Text(text) => Literal::Text(text.clone()),
        Expression::Int(digits) | Expression::Float(digits) => number(digits)?,
        Expression::Bool(value) => {
            return typed(Literal::Bool(*value), name, column.attribute_type);
        }
        Expression::Unreadable(text) => {
            return Err(format!("{INVALID}: unable to parse value \"{text}\""));
        }
        Expression::Sign(sign, inner) => {
            return Err(format!(
                "{INVALID}: unary operator not supported in \"{sign}{}\"",
                shown(inner)
            ));
        }
        Expression::Function => return Err(format!("{UNSUPPORTED}: nested func")),
        Expression::Name(other) => {
            return Err(format!(
                "{UNSUPPORTED}: column name on the right side of comparison expression (did you forget to quote \"{other}\"?)"
            ));
        }
        other @ (Expression::And(_)
        | Expression::Or(_)
        | Expression::Not(_)
        | Expression::Paren(_)
        | Expression::Compare(..)
        | Expression::Range { .. }
        | Expression::Is(..)
        | Expression::Null
        | Expression::Tuple(_)
        | Expression::Other(_)) => {
            return Err(format!("{INVALID}: unexpected value type {}", other.name()));
        }
    };
    match column.field {
        Field::System(SystemAttribute::ExecutionStatus) => status(&literal, name),
        Field::System(SystemAttribute::ExecutionDuration) => duration(&literal, name),
        Field::System(_) | Field::Attribute(_) => typed(literal, name, column.attribute_type),
    }
}

enum Literal {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl Literal {
    fn go_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
        }
    }
}

impl fmt::Display for Literal {
    /// As Go's `%#v` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&go_number(*value)),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

fn number(digits: &str) -> Checked<Literal> {
    if let Ok(value) = digits.parse() {
        return Ok(Literal::Int(value));
    }
    match digits.parse() {
        Ok(value) if f64::is_finite(value) => Ok(Literal::Float(value)),
        Ok(_) | Err(_) => Err(format!("{INVALID}: unable to parse value \"{digits}\"")),
    }
}

fn typed(literal: Literal, name: &str, attribute_type: AttributeType) -> Checked<Scalar> {
    match (attribute_type, literal) {
        (AttributeType::Int | AttributeType::Double, Literal::Int(value)) => Ok(Scalar::Int(value)),
        (AttributeType::Int | AttributeType::Double, Literal::Float(value)) => {
            Ok(Scalar::Float(value))
        }
        (AttributeType::Bool, Literal::Bool(value)) => Ok(Scalar::Bool(value)),
        (AttributeType::Datetime, Literal::Int(nanos)) => {
            Ok(Scalar::Time(Timestamp::from_nanos(nanos)))
        }
        (AttributeType::Datetime, Literal::Text(text)) => datetime(&text)
            .map(Scalar::Time)
            .ok_or_else(|| format!("{INVALID}: unable to parse datetime '{text}'")),
        (
            AttributeType::Keyword | AttributeType::KeywordList | AttributeType::Text,
            Literal::Text(text),
        ) => Ok(Scalar::Text(text)),
        (_, literal) => Err(format!(
            "{INVALID}: invalid value type for search attribute {name} of type {attribute_type}: {literal} (type: {})",
            literal.go_type()
        )),
    }
}

/// A status by its name, its name on the wire, or its number.
fn status(literal: &Literal, name: &str) -> Checked<Scalar> {
    let found = match literal {
        Literal::Int(number) => i32::try_from(*number)
            .ok()
            .and_then(|number| WorkflowExecutionStatus::try_from(number).ok())
            .ok_or_else(|| number.to_string()),
        Literal::Text(text) => status_named(text).ok_or_else(|| format!("'{text}'")),
        Literal::Float(_) | Literal::Bool(_) => {
            return Err(format!(
                "{INVALID}: unexpected value type {} for search attribute {name}",
                literal.go_type()
            ));
        }
    };
    found
        .map(Scalar::Status)
        .map_err(|value| format!("{INVALID}: invalid ExecutionStatus value {value}"))
}

const STATUSES: [(WorkflowExecutionStatus, &str); 9] = [
    (WorkflowExecutionStatus::Unspecified, "Unspecified"),
    (WorkflowExecutionStatus::Running, "Running"),
    (WorkflowExecutionStatus::Completed, "Completed"),
    (WorkflowExecutionStatus::Failed, "Failed"),
    (WorkflowExecutionStatus::Canceled, "Canceled"),
    (WorkflowExecutionStatus::Terminated, "Terminated"),
    (WorkflowExecutionStatus::ContinuedAsNew, "ContinuedAsNew"),
    (WorkflowExecutionStatus::TimedOut, "TimedOut"),
    (WorkflowExecutionStatus::Paused, "Paused"),
];

/// The status that filters and groups name so.
pub(super) fn status_named(name: &str) -> Option<WorkflowExecutionStatus> {
    STATUSES
        .iter()
        .find(|(status, short)| *short == name || status.as_str_name() == name)
        .map(|(status, _)| *status)
}

/// A status as filters and groups name it.
pub(super) fn status_name(status: WorkflowExecutionStatus) -> &'static str {
    STATUSES
        .iter()
        .find(|(known, _)| *known == status)
        .map_or("Unspecified", |(_, name)| name)
}

fn duration(literal: &Literal, name: &str) -> Checked<Scalar> {
    match literal {
        Literal::Int(nanos) => Ok(Scalar::Int(*nanos)),
        Literal::Text(text) => duration_nanoseconds(text).map(Scalar::Int).ok_or_else(|| {
            format!("{INVALID}: invalid duration value for search attribute {name}: {text}")
        }),
        Literal::Float(_) | Literal::Bool(_) => Err(format!(
            "{INVALID}: unexpected value type {} for search attribute {name}",
            literal.go_type()
        )),
    }
}

/// Nanoseconds, a duration as Go writes it (and days), or `hh:mm:ss`.
// temporal: common/persistence/visibility/store/query/util.go ParseExecutionDurationStr.
fn duration_nanoseconds(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    if let Some(nanos) = go_duration(text) {
        return Some(nanos);
    }
    let mut parts = text.splitn(3, ':').map(str::parse::<u32>);
    let mut part = || parts.next()?.ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let fits = minutes < 60 && seconds < 60;
    let seconds = (u64::from(hours) * 60 + u64::from(minutes)) * 60 + u64::from(seconds);
    fits.then(|| duration_nanos(std::time::Duration::from_secs(seconds)))
}

fn go_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
        ("d", 86_400e9),
    ];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut nanos = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let (unit, size) = UNITS
            .iter()
            .filter(|(unit, _)| rest[digits..].starts_with(unit))
            .max_by_key(|(unit, _)| unit.len())?;
        nanos += value * size;
        rest = &rest[digits + unit.len()..];
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "bounded just before; a nanosecond more or less after centuries does not matter"
    )]
    (nanos < i64::MAX as f64).then(|| (sign * nanos).round() as i64)
}

impl Operator {
    fn of(sign: &str) -> Self {
        match sign {
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => Self::Equal,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// All of these, without a level of its own for one or for a conjunction in the first place.
pub(super) fn and(mut filters: Vec<Filter>) -> Filter {
    if filters.len() == 1 {
        return filters.remove(0);
    }
    let mut flat = Vec::with_capacity(filters.len());
    for filter in filters {
        match filter {
            Filter::And(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    Filter::And(flat)
}

fn or(mut filters: Vec<Filter>) -> Filter {
    if filters.len() == 1 {
        return filters.remove(0);
    }
    let mut flat = Vec::with_capacity(filters.len());
    for filter in filters {
        match filter {
            Filter::Or(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    Filter::Or(flat)
}

/// An expression in an error.
fn shown(expression: &Expression) -> String {
    match expression {
        Expression::Text(text) => format!("'{text}'"),
        Expression::Int(digits) | Expression::Float(digits) => digits.clone(),
        Expression::Name(name) => name.clone(),
        Expression::Unreadable(text) => text.clone(),
        Expression::Bool(value) => value.to_string(),
        Expression::Null => "null".to_owned(),
        Expression::Sign(sign, inner) => format!("{sign}{}", shown(inner)),
        Expression::And(_)
        | Expression::Or(_)
        | Expression::Not(_)
        | Expression::Paren(_)
        | Expression::Compare(..)
        | Expression::Range { .. }
        | Expression::Is(..)
        | Expression::Tuple(_)
        | Expression::Function
        | Expression::Other(_) => "…".to_owned(),
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::And(filters) if filters.is_empty() => {
                write!(f, "({0} IS NULL OR {0} IS NOT NULL)", division())
            }
            Self::Or(filters) if filters.is_empty() => {
                write!(f, "({0} IS NULL AND {0} IS NOT NULL)", division())
            }
            Self::And(filters) => joined(f, filters, " AND "),
            Self::Or(filters) => joined(f, filters, " OR "),
            Self::Not(inner) => write!(f, "NOT {inner}"),
            Self::Compare(column, operator, value) => {
                write!(f, "{column} {} {value}", operator.sign())
            }
            Self::In(column, negated, values) => {
                write!(f, "{column} {}IN (", not(negated))?;
                for (n, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Between(column, negated, from, to) => {
                write!(f, "{column} {}BETWEEN {from} AND {to}", not(negated))
            }
            Self::StartsWith(column, negated, prefix) => {
                write!(f, "{column} {}STARTS_WITH ", not(negated))?;
                quoted(f, prefix)
            }
            Self::IsNull(column, negated) => write!(f, "{column} IS {}NULL", not(negated)),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, filters: &[Filter], with: &str) -> fmt::Result {
    f.write_str("(")?;
    for (n, filter) in filters.iter().enumerate() {
        write!(f, "{}{filter}", if n == 0 { "" } else { with })?;
    }
    f.write_str(")")
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Field::System(system) => f.write_str(system.name()),
            Field::Attribute(name) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let bare = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(plain)
                    && keyword(name).is_none();
                if bare {
                    f.write_str(name)
                } else {
                    write!(f, "`{name}`")
                }
            }
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(f, text),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Time(time) => write!(f, "'{}'", rfc3339(*time)),
            Self::Status(status) => write!(f, "'{}'", status_name(*status)),
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
