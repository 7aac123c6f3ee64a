//! Judges the expectations of a scenario over a finished run.

use super::Expectation;
use super::cel::Facts;
use super::view::View;

/// What came of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The name of the expectation.
    pub name: String,
    /// Whether it applied to this run.
    pub applied: bool,
    /// What is wrong, if it did not hold.
    pub wrong: Option<String>,
}

/// Judges every expectation; the view is looked at once for all of them.
pub fn judge(expectations: &[Expectation], view: &View) -> Vec<Judged> {
    if expectations.is_empty() {
        return Vec::new();
    }
    let facts = Facts::of(view);
    expectations
        .iter()
        .map(|expectation| judge_one(expectation, &facts))
        .collect()
}

fn judge_one(expectation: &Expectation, facts: &Facts<'_>) -> Judged {
    let judged = |applied, wrong| Judged {
        name: expectation.name.clone(),
        applied,
        wrong,
    };
    if let Some(when) = &expectation.when {
        match when.holds(facts) {
            Ok(true) => {}
            Ok(false) => return judged(false, None),
            Err(why) => {
                let wrong = format!("`when = {}` has no value: {why}", when.source());
                return judged(true, Some(wrong));
            }
        }
    }
    let that = &expectation.that;
    match that.holds(facts) {
        Ok(true) => judged(true, None),
        Ok(false) => {
            let sides = that
                .sides(facts)
                .map_or_else(String::new, |sides| format!(" ({sides})"));
            judged(
                true,
                Some(format!("it is not so that {}{sides}", that.source())),
            )
        }
        Err(why) => judged(
            true,
            Some(format!("`{}` has no value: {why}", that.source())),
        ),
    }
}
