//! `steadfast test`: scenarios over a fixed range of seeds.

use super::Context;
use super::campaign::{Campaign, Seeds};
use crate::Exit;
use crate::cli::TestArgs;
use crate::problem::Problem;
use crate::select::select;

/// Seeds of each scenario unless others are asked for.
const SEEDS: u64 = 200;

pub(super) fn run(context: &Context<'_>, args: &TestArgs) -> Result<Exit, Problem> {
    let targets = select(context.suite, &args.paths)?;
    let usual = if args.seed.is_some() { 1 } else { SEEDS };
    let count = args.seeds.unwrap_or(usual);
    let seeds = Seeds::range(args.seed.unwrap_or(0), count)?;
    Campaign {
        context,
        run: &args.run,
        everything: args.paths.is_empty(),
    }
    .run(&targets, seeds)
}
