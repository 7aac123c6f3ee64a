//! Reduces a failing run to the choices that it needs.
//!
//! A run is a function of its choices, and a choice that is missing from a log is 0, which is always possible and never
//! bad. So whatever is taken out of the log leaves a valid run, and what is left is looked at again:
//!
//! | pass | takes out |
//! |---|---|
//! | labels | all choices of one reason: a class of faults, a latency, the order of messages |
//! | streams | all choices of one reason about one node or link |
//! | choices | halves of what is left, quarters, and so on to single ones |
//! | values | makes what is left smaller: the shorter delay, the earlier moment, the fewer workflows |
//!
//! The passes go round until a whole round takes nothing out. If the budget did not end them before, the log is then
//! 1-minimal: without any one of its choices the run does not fail.
// After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input": ddmin over the complement sets.

use std::collections::BTreeSet;

use crate::kernel::{ChoiceLog, Entity};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The choices that are left.
    pub choices: ChoiceLog,
    /// How many choices there were.
    pub before: usize,
    /// How many runs it took.
    pub runs: u64,
    /// Whether every choice that is left is necessary; `false` if the budget was used up.
    pub minimal: bool,
}

/// Reduces a log.
///
/// `fails` makes a run of a log and says whether it fails as it should: with the log that the run recorded, in which what
/// it never asked for is not. At most `budget` runs are made.
pub fn shrink(
    choices: ChoiceLog,
    budget: u64,
    fails: impl FnMut(&ChoiceLog) -> Option<ChoiceLog>,
) -> Shrunk {
    let before = choices.len();
    let mut search = Search {
        best: choices,
        runs: 0,
        budget,
        fails,
    };
    loop {
        let smaller = search.without(labels)
            | search.without(streams)
            | search.without(singles)
            | search.smaller_values();
        if !smaller || search.is_spent() {
            break;
        }
    }
    Shrunk {
        before,
        runs: search.runs,
        minimal: !search.is_spent(),
        choices: search.best,
    }
}

/// Names one choice of a log.
type Key = (String, Entity, u64);
/// What is taken out together.
type Group = Vec<Key>;

struct Search<F> {
    best: ChoiceLog,
    runs: u64,
    budget: u64,
    fails: F,
}

impl<F: FnMut(&ChoiceLog) -> Option<ChoiceLog>> Search<F> {
    fn is_spent(&self) -> bool {
        self.runs >= self.budget
    }

    /// Keeps a log if its run still fails.
    fn keeps(&mut self, log: &ChoiceLog) -> bool {
        if self.is_spent() {
            return false;
        }
        self.runs += 1;
        let Some(recorded) = (self.fails)(log) else {
            return false;
        };
        self.best = recorded;
        true
    }

    /// Takes out as many groups as can be, larger parts of them first.
    fn without(&mut self, groups: fn(&ChoiceLog) -> Vec<Group>) -> bool {
        let mut smaller = false;
        let mut size = groups(&self.best).len().div_ceil(2).max(1);
        loop {
            let mut any = false;
            for part in groups(&self.best).chunks(size) {
                let gone: BTreeSet<&Key> = part.iter().flatten().collect();
                let mut log = self.best.clone();
                log.retain(|label, entity, choice| {
                    !gone.contains(&(label.to_owned(), entity, choice.ordinal))
                });
                // An earlier part may have taken these along.
                any |= log.len() < self.best.len() && self.keeps(&log);
            }
            smaller |= any;
            match size {
                // What could not go before may go now.
                1 if any => {}
                1 => return smaller,
                _ => size = size.div_ceil(2),
            }
            if self.is_spent() {
                return smaller;
            }
        }
    }

    /// Makes what is left smaller, each choice by itself, by halving the span in which the least that fails lies.
    fn smaller_values(&mut self) -> bool {
        let mut smaller = false;
        for (label, entity, ordinal) in singles(&self.best).into_iter().flatten() {
            let Some(mut fails) = value_of(&self.best, &label, entity, ordinal) else {
                continue;
            };
            let mut passes = 0;
            while fails - passes > 1 && !self.is_spent() {
                let middle = passes + (fails - passes) / 2;
                let mut log = self.best.clone();
                log.set(&label, entity, ordinal, middle);
                if self.keeps(&log) {
                    smaller = true;
                    // The run may have come to want less than it was given.
                    let Some(value) = value_of(&self.best, &label, entity, ordinal) else {
                        break;
                    };
                    fails = value;
                } else {
                    passes = middle;
                }
                if fails <= passes {
                    break;
                }
            }
        }
        smaller
    }
}

fn value_of(log: &ChoiceLog, label: &str, entity: Entity, ordinal: u64) -> Option<u64> {
    let series = log.series.get(&(label.to_owned(), entity))?;
    let place = series.choices.binary_search_by_key(&ordinal, |c| c.ordinal);
    place.ok().map(|place| series.choices[place].value)
}

fn labels(log: &ChoiceLog) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for key in singles(log).into_iter().flatten() {
        match groups.last_mut() {
            Some(group) if group[0].0 == key.0 => group.push(key),
            _ => groups.push(vec![key]),
        }
    }
    groups
}

fn streams(log: &ChoiceLog) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for key in singles(log).into_iter().flatten() {
        match groups.last_mut() {
            Some(group) if group[0].0 == key.0 && group[0].1 == key.1 => group.push(key),
            _ => groups.push(vec![key]),
        }
    }
    groups
}

fn singles(log: &ChoiceLog) -> Vec<Group> {
    let key = |label: &String, entity: Entity, ordinal| vec![(label.clone(), entity, ordinal)];
    log.series
        .iter()
        .flat_map(|((label, entity), series)| {
            let choices = series.choices.iter();
            choices.map(move |choice| key(label, *entity, choice.ordinal))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three streams of a hundred choices each.
    fn log() -> ChoiceLog {
        let mut log = ChoiceLog::default();
        for label in ["a", "b", "c"] {
            for ordinal in 0..100 {
                log.set(label, Entity::WORLD, ordinal, 1_000);
            }
        }
        log
    }

    fn has(log: &ChoiceLog, label: &str, ordinal: u64, at_least: u64) -> bool {
        value_of(log, label, Entity::WORLD, ordinal).is_some_and(|value| value >= at_least)
    }

    #[test]
    fn what_is_needed_is_left_and_nothing_else() {
        let needs = |log: &ChoiceLog| has(log, "a", 17, 5) && has(log, "c", 99, 1);
        let shrunk = shrink(log(), 10_000, |log| needs(log).then(|| log.clone()));
        assert!(shrunk.minimal);
        assert_eq!((shrunk.before, shrunk.choices.len()), (300, 2));
        assert_eq!(value_of(&shrunk.choices, "a", Entity::WORLD, 17), Some(5));
        assert_eq!(value_of(&shrunk.choices, "c", Entity::WORLD, 99), Some(1));
        assert!(shrunk.runs < 200, "{} runs", shrunk.runs);
    }

    #[test]
    fn choices_that_stand_in_for_one_another_are_not_kept_both() {
        let needs = |log: &ChoiceLog| has(log, "a", 1, 1) || has(log, "b", 1, 1);
        let shrunk = shrink(log(), 10_000, |log| needs(log).then(|| log.clone()));
        assert_eq!(shrunk.choices.len(), 1);
    }

    #[test]
    fn a_failure_without_choices_needs_none() {
        let shrunk = shrink(log(), 10_000, |log| Some(log.clone()));
        assert!(shrunk.minimal && shrunk.choices.is_empty());
    }

    #[test]
    fn a_budget_that_is_used_up_proves_nothing() {
        let needs = |log: &ChoiceLog| (0..50).all(|ordinal| has(log, "a", ordinal, 1));
        let shrunk = shrink(log(), 5, |log| needs(log).then(|| log.clone()));
        assert!(!shrunk.minimal);
        assert_eq!(shrunk.runs, 5);
        assert!(needs(&shrunk.choices));
    }
}
