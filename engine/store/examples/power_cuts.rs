//! Power cuts of the embedded store, by the hundred thousand:
//! `cargo run --release -p steadfast-store --example power_cuts -- 100000 1`
//!
//! Exits with 1, and the seed that repeats it, if anything durable was lost or anything torn was read.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a command's output"
)]

use std::process::ExitCode;

use steadfast_store::testing::power_cuts;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>());
    let (Ok(cuts), Ok(seed)) = (
        numbers.next().unwrap_or(Ok(100_000)),
        numbers.next().unwrap_or(Ok(0)),
    ) else {
        eprintln!("usage: power_cuts [CUTS] [SEED]");
        return ExitCode::from(2);
    };
    match power_cuts(seed, cuts) {
        Ok(counts) => {
            println!("{counts}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}\nrepeat with: power_cuts 8 {}", failure.seed);
            ExitCode::FAILURE
        }
    }
}
