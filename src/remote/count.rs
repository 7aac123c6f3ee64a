//! What is counted, as `count` tells it of workflows and of activities.

use clap::Args;
use steadfast_proto::temporal::api::common::v1::Payload;

use super::output::{Output, shown};
use crate::problem::Problem;

/// What is to be counted.
#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    /// Only those that this list filter chooses; GROUP BY counts each group
    #[arg(
        long,
        short,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) query: String,
}

/// The type of a search attribute is no news, and would hide the value in JSON.
pub(crate) fn forget_types<'a>(values: impl Iterator<Item = &'a mut Payload>) {
    for value in values {
        value.metadata.remove("type");
    }
}

/// Tells a total, and each group's by the values that it is known by.
pub(crate) fn tell<'a>(
    out: &Output<'_>,
    total: i64,
    groups: impl Iterator<Item = (i64, &'a [Payload])>,
) -> Result<(), Problem> {
    out.line(&format!("Total: {total}"))?;
    for (count, values) in groups {
        let values: Vec<String> = values
            .iter()
            .map(|value| shown(&out.value(value)))
            .collect();
        let values = values.join(", ");
        out.line(&format!("Group total: {count}, values: {values}"))?;
    }
    Ok(())
}
