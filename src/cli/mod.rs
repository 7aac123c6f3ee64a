//! What can be asked on the command line.

#[cfg(feature = "console")]
pub(crate) mod console;
#[cfg(feature = "server")]
pub(crate) mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use steadfast_sim::scenario::parse_duration;

/// Durable execution that you can prove before production.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 passed, 1 failed, 2 bad usage or bad file, 3 not \
    deterministic, 4 never exercised, 5 server unreachable, 70 our bug, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios over a fixed range of seeds
    Test(TestArgs),
    /// Run scenarios over seeds that nobody has tried, or show that planted bugs are caught
    Fuzz(FuzzArgs),
    /// Run one seed or one recorded run again
    Repro(ReproArgs),
    /// Reduce a failed run to the choices that it needs to fail
    Shrink(ShrinkArgs),
    /// Run a scenario once for every place at which something can go wrong, and show which are safe
    Certify(CertifyArgs),
    /// Replay exported histories against the registered workflows
    Replay(ReplayArgs),
    /// Look at histories on the terminal: events, timelines, replays
    #[cfg(feature = "console")]
    Console(console::ConsoleArgs),
    /// List what is registered
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Serve Temporal's gRPC API
    #[cfg(feature = "server")]
    Serve(serve::ServeArgs),
    /// Serve as `temporal server` does
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Server(serve::ServerCommand),
    /// Serve as Temporal's test server does: tests may skip time
    #[cfg(feature = "server")]
    TestServer(serve::TestServerArgs),
    /// What can be asked of a server
    #[cfg(feature = "client")]
    #[command(flatten)]
    Remote(Box<crate::remote::Noun>),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
        /// Print one JSON object, with the script in it
        #[arg(long)]
        json: bool,
    },
}

/// Temporal's test server is started with nothing but a port: that is our `test-server`.
pub(crate) fn as_test_server(mut args: Vec<OsString>) -> Vec<OsString> {
    let port = args
        .get(1)
        .and_then(|arg| arg.to_str())
        .map(str::parse::<u16>);
    if matches!(port, Some(Ok(_))) {
        args.insert(1, "test-server".into());
    }
    args
}

/// What every command that runs seeds takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Run so many seeds at the same time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Where repro files, traces and histories of failed runs go; made only when needed
    #[arg(long, value_name = "DIR", default_value = "steadfast-out")]
    pub(crate) out: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Scenario files, folders of them, or names of registered scenarios [default: all registered]
    #[arg(value_name = "PATHS")]
    pub(crate) paths: Vec<String>,
    /// How many seeds of each scenario [default: 200, or 1 with --seed]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) seeds: Option<u64>,
    /// The first seed, decimal or 0x [default: 0]
    #[arg(long, value_name = "S", value_parser = parse_seed)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// A scenario file or the name of a registered scenario [default: all registered]
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: Option<String>,
    /// How many seeds of each scenario [default: 1000; 2000 for a planted bug]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "time")]
    pub(crate) seeds: Option<u64>,
    /// How long to go on, for example 60s or 8h
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "sabotage")]
    pub(crate) time: Option<Duration>,
    /// The first seed, decimal or 0x [default: by chance; 0 for a planted bug]
    #[arg(long, value_name = "S", value_parser = parse_seed)]
    pub(crate) seed: Option<u64>,
    /// Plant a bug and show that it is caught; `all` plants one after another
    #[arg(long, value_name = "NAME", conflicts_with = "scenario")]
    pub(crate) sabotage: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReproArgs {
    /// A repro file, or a scenario and a seed, as in order-saga:17
    #[arg(value_name = "FILE|SCENARIO:SEED")]
    pub(crate) what: String,
    /// Print the trace, one line per state change
    #[arg(long)]
    pub(crate) trace: bool,
    /// Plant this bug
    #[arg(long, value_name = "NAME")]
    pub(crate) sabotage: Option<String>,
    /// Where repro file, trace and histories go if the run fails; made only when needed
    #[arg(long, value_name = "DIR", default_value = "steadfast-out")]
    pub(crate) out: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShrinkArgs {
    /// A repro file of a failed run, or a scenario and a seed, as in order-saga:17
    #[arg(value_name = "FILE|SCENARIO:SEED")]
    pub(crate) what: String,
    /// Keep the failure that this checker, invariant or expectation found [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) checker: Option<String>,
    /// Plant this bug
    #[arg(long, value_name = "NAME")]
    pub(crate) sabotage: Option<String>,
    /// Make at most so many runs
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub(crate) runs: u64,
    /// Where the shrunk repro file, its trace and its histories go
    #[arg(long, value_name = "DIR", default_value = "steadfast-out")]
    pub(crate) out: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CertifyArgs {
    /// A scenario file or the name of a registered scenario
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,
    /// The seed of the workload: how many, when, on which cluster
    #[arg(long, value_name = "S", value_parser = parse_seed, default_value = "0")]
    pub(crate) seed: u64,
    /// Plant this bug
    #[arg(long, value_name = "NAME")]
    pub(crate) sabotage: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Histories as JSON, as the temporal command line and the Web UI export them; or folders of them
    #[arg(value_name = "HISTORY.json", required = true)]
    pub(crate) histories: Vec<PathBuf>,
    /// The registered build that must follow them [default: one of all]
    #[arg(long, value_name = "NAME")]
    pub(crate) build: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a seed, decimal or hexadecimal.
pub(crate) fn parse_seed(text: &str) -> Result<u64, String> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err("a seed is a number, decimal or 0x".to_owned());
    }
    u64::from_str_radix(digits, radix).map_err(|_| format!("the greatest seed is {}", u64::MAX))
}

fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("at least one seed must run".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("expected a number".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("no time at all".to_owned()),
        Ok(duration) => Ok(duration),
        Err(why) => Err(format!("{why}; write for example 60s or 1h30m")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_decimal_or_hexadecimal_and_fit() {
        assert_eq!(parse_seed("17"), Ok(17));
        assert_eq!(parse_seed("0xff"), Ok(255));
        assert_eq!(parse_seed("18446744073709551615"), Ok(u64::MAX));
        for text in [
            "",
            "0x",
            "-1",
            "1.5",
            "0xgg",
            "+3",
            "18446744073709551616",
            " 1",
        ] {
            assert!(parse_seed(text).is_err(), "{text}");
        }
    }
}
