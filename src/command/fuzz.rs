//! `steadfast fuzz`: seeds that nobody has tried, or planted bugs.

use std::hash::{BuildHasher, RandomState};

use super::campaign::{Campaign, Seeds};
use super::{Context, sabotage};
use crate::Exit;
use crate::cli::FuzzArgs;
use crate::problem::Problem;
use crate::select::{one, select};

/// Seeds of each scenario unless others are asked for.
const SEEDS: u64 = 1_000;

pub(super) fn run(context: &Context<'_>, args: &FuzzArgs) -> Result<Exit, Problem> {
    if let Some(name) = &args.sabotage {
        return sabotage::run(context, args, name);
    }
    let targets = match &args.scenario {
        Some(scenario) => vec![one(context.suite, scenario)?],
        None => select(context.suite, &[])?,
    };
    let first = args.seed.unwrap_or_else(fresh_seed);
    let seeds = match args.time {
        Some(time) => {
            let share = u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
            Seeds::for_time(first, time / share)
        }
        None => Seeds::range(first, args.seeds.unwrap_or(SEEDS))?,
    };
    if !args.run.json {
        context
            .console
            .line(&format!("fuzzing from seed {first}"))?;
    }
    Campaign {
        context,
        run: &args.run,
        everything: args.scenario.is_none(),
    }
    .run(&targets, seeds)
}

/// A seed by chance: the keys of the standard library's hasher come from the operating system. The
/// upper half is zero, so that the range never ends and the seed stays readable.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> 32
}
