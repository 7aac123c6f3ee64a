//! Visibility: finding executions by what is known of them, without loading them.
//!
//! ```text
//!   a run changes ──▶ RowChange in the batch ──▶ the store keeps one VisibilityRow a run
//!   "ExecutionStatus = 'Running' AND Customer = 'x'" ──syntax──▶ Expression ──types──▶ Filter ──▶ Store::list, count
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `attribute` | which search attributes there are, of which type, and how their values are written on the wire |
//! | `lexer`, `syntax` | what text is a list filter at all |
//! | `filter` | what a list filter means: names, types and values checked against the namespace's attributes |
//! | `kind` | what a list is a list of: workflows, activities of their own, schedules |
//! | `matching` | whether a row passes a filter, in SQL's logic of three values |
//! | `row` | what is known of a run, and how it changes |
//! | `admit` | whether a request's search attributes may be written |
//! | `request`, `answer` | the RPCs: in and out |
//! | `operator` | adding, removing and listing a namespace's own attributes |
//!
//! Search attributes are the one kind of payload that is read here: they are written for the server.
// temporal: common/persistence/visibility/store/query/converter.go, the converter that the dev server 1.32 uses; what
// it answered to some three hundred queries is recorded in `tests/it/recorded/list_filters.json`.

mod admit;
pub mod answer;
mod attribute;
mod filter;
mod kind;
mod lexer;
mod matching;
pub mod operator;
pub mod request;
mod row;
mod syntax;

pub use admit::{admit, carries_attributes};
pub use attribute::{
    AttributeType, SearchAttributeTypes, SystemAttribute, Value, ValueRef, from_payload, to_payload,
};
pub(crate) use attribute::{BUILD_IDS, NAMESPACE_DIVISION};
pub use filter::{Column, CountFilter, Field, Filter, GroupBy, Operator, Scalar};
pub use kind::Kind;
pub use request::{CountRequest, ListRequest, Place};
pub use row::{Closing, Listed, Relative, RowChange, RowRef, RowUpdate, VisibilityRow};
pub(crate) use row::{attributes_of, memo_of, typed};
