//! The command line over an engine that is made of arithmetic, to see what it prints.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast_sim::kernel::{ChoiceLog, Digest, Digester, Message, Time, World, WorldConfig};
use steadfast_sim::report::{Coverage, Failure};
use steadfast_sim::sabotage::Bug;
use steadfast_sim::suite::{Plant, Sabotage};

use super::*;

#[derive(Clone, Debug)]
struct Nothing;

impl Digest for Nothing {
    fn feed(&self, _: &mut Digester) {}
}

impl Message for Nothing {
    fn label(&self) -> &'static str {
        "nothing"
    }
}

/// Counts runs of the scenario that is not deterministic.
static FLAKES: AtomicU64 = AtomicU64::new(0);

/// Seeds that end in 7 fail; with a bug planted, those that end in 5 too.
fn engine(_: &Suite, scenario: &Scenario, choices: Choices, options: Options) -> RunReport {
    let seed = choices.seed();
    assert!(
        scenario.name != "panics" || seed != 3,
        "the third is unlucky"
    );
    let flake = if scenario.name == "flaky" {
        FLAKES.fetch_add(1, Ordering::Relaxed)
    } else {
        0
    };
    let failure = |checker: &'static str, message: &str| Failure {
        checker: checker.into(),
        message: format!("{message} in seed {seed}"),
        at: Time::from_millis(1_500),
        seq: 0,
        workflow_id: Some("order-1".to_owned()),
    };
    let mut failures = Vec::new();
    if seed % 10 == 7 {
        failures.push(failure("saga", "order-1 was charged twice"));
    }
    if options.bug.is_some() && seed % 10 == 5 {
        failures.push(failure(
            "acknowledged-survives",
            "an acknowledged signal is gone",
        ));
    }
    let counts = |pairs: &[(&'static str, u64)]| {
        pairs
            .iter()
            .map(|(name, count)| ((*name).into(), *count))
            .collect::<BTreeMap<_, _>>()
    };
    let coverage = Coverage {
        events: 100 + seed % 3,
        simulated: Duration::from_secs(86_400),
        checks: counts(&[("saga", 3), ("queries", 0)]),
        faults: counts(&[("crash", 1), ("loss", seed % 5), ("disk-full", 0)]),
        runs: counts(&[("completed", 2)]),
        ..Coverage::default()
    };
    let world: World<Nothing> = World::new(WorldConfig::seeded(seed));
    RunReport {
        scenario: scenario.name.clone(),
        seed,
        hash: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ flake,
        failures,
        coverage,
        ladder: world.ladder().clone(),
        trace: Vec::new(),
        journal: steadfast_sim::journal::Journal::default(),
        nodes: Vec::new(),
        choices: options.record.then(|| ChoiceLog {
            seed,
            ..ChoiceLog::default()
        }),
        drift: None,
        points: Vec::new(),
        histories: BTreeMap::new(),
    }
}

/// No workflow is registered, so scenarios cannot be read from files; these are made by hand.
fn suite(names: &[&str]) -> Suite {
    let text =
        "schema = 1\n[[workflow]]\ntype = \"empty\"\nid = \"a\"\n[faults]\nprofile = \"none\"\n";
    let plant = Plant::Engine(Bug::AcknowledgeBeforeCommit);
    let sabotage = |name: &str, caught_by: &str| Sabotage {
        name: name.to_owned(),
        description: "an answer leaves too early".to_owned(),
        caught_by: caught_by.to_owned(),
        scenario: names[0].to_owned(),
        plant: plant.clone(),
    };
    let suite = Suite::new()
        .workflows(|registry| {
            registry.register_as::<empty::Empty>("empty");
        })
        .sabotage(sabotage("early-answer", "acknowledged-survives"))
        .sabotage(sabotage("never-caught", "folds"));
    names.iter().fold(suite, |suite, name| {
        suite.scenario(&format!("{name}.toml"), text)
    })
}

#[expect(
    unreachable_pub,
    clippy::unused_async,
    reason = "what the official macros want"
)]
mod empty {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    #[workflow]
    #[derive(Debug, Default)]
    pub struct Empty;

    #[workflow_methods]
    impl Empty {
        #[run]
        pub async fn run(_: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
            Ok(())
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a command; returns its exit code, what it printed, and what it complained about.
fn steadfast(suite: &Suite, line: &str) -> (u8, String, String) {
    let args = ["steadfast"].into_iter().chain(line.split(' '));
    let cli = cli::Cli::try_parse_from(args).unwrap_or_else(|error| panic!("{line}: {error}"));
    batch::quiet_panics();
    let buffer = Buffer::default();
    let console = report::Console::new("steadfast", Box::new(buffer.clone()));
    let context = command::Context {
        suite,
        engine,
        console: &console,
        program: "steadfast",
    };
    let (exit, told) = match command::run(&context, cli) {
        Ok(exit) => (exit, String::new()),
        Err(problem) => (problem.exit(), problem.render()),
    };
    let printed = String::from_utf8(buffer.0.take()).expect("it is text");
    let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
    (exit.code(), plain(&printed), plain(&told))
}

/// What differs from run to run and from machine to machine.
fn tamed(text: &str, out: &str) -> String {
    let text = text.replace(out, "OUT");
    let lines = text.lines().map(
        |line| match (line.find("\"elapsed_ms\":"), line.find(" in ")) {
            (Some(at), _) => {
                let rest = line[at + 13..].trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{}\"elapsed_ms\":0{rest}", &line[..at])
            }
            (None, Some(at)) if line.ends_with("seeds/s)") => format!("{} in TIME", &line[..at]),
            _ => line.to_owned(),
        },
    );
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn json_lines_of_test() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["orders"]);
    let command = format!("test --seed 5 --seeds 4 --json --out {out}");
    let (code, printed, _) = steadfast(&suite, &command);
    assert_eq!(code, 1);
    insta::assert_snapshot!(tamed(&printed, &out));
    assert!(dir.path().join("orders-7/repro.json").is_file());
}

#[test]
fn the_output_does_not_depend_on_the_jobs() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["orders", "transfers"]);
    let run = |jobs: u32| {
        let command = format!("test --seeds 300 --json --jobs {jobs} --out {out}");
        let (code, printed, _) = steadfast(&suite, &command);
        (code, tamed(&printed, &out))
    };
    assert_eq!(run(1), run(7));
}

#[test]
fn a_failing_test_prints_cards() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["orders"]);
    let (code, printed, _) = steadfast(&suite, &format!("test --seeds 30 --out {out}"));
    assert_eq!(code, 1);
    insta::assert_snapshot!(tamed(&printed, &out));
}

#[test]
fn what_is_never_exercised_counts_from_200_seeds_on() {
    let suite = suite(&["orders"]);
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let run = |from: u64, seeds: u64| {
        let command = format!("test --json --seed {from} --seeds {seeds} --out {out}");
        let (code, printed, _) = steadfast(&suite, &command);
        let closing = printed.lines().last().unwrap_or_default().to_owned();
        (code, closing)
    };
    let (code, closing) = run(8, 9);
    assert_eq!(code, 0, "{closing}");
    let (code, closing) = run(0, 200);
    assert_eq!(code, 1, "a failure beats it: {closing}");
    assert!(
        closing.contains("\"checker queries\",\"fault disk-full\""),
        "{closing}"
    );
}

#[test]
fn a_panic_is_our_bug() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["panics"]);
    let (code, printed, _) = steadfast(&suite, &format!("test --seeds 5 --out {out}"));
    assert_eq!(code, 70);
    assert!(printed.contains("the third is unlucky"), "{printed}");
    assert!(printed.contains("steadfast repro panics:3"), "{printed}");
    let (code, printed, _) = steadfast(&suite, &format!("test --seeds 5 --json --out {out}"));
    assert_eq!(code, 70);
    assert!(
        printed.contains("\"panic\":\"the third is unlucky"),
        "{printed}"
    );
    let (code, ..) = steadfast(&suite, &format!("repro panics:3 --out {out}"));
    assert_eq!(code, 70);
}

#[test]
fn a_run_that_is_not_deterministic_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["flaky"]);
    let (code, printed, _) = steadfast(&suite, &format!("test --seeds 20 --json --out {out}"));
    assert_eq!(code, 3, "3 beats 1");
    assert_eq!(
        printed.matches("\"difference\"").count(),
        2,
        "one in 16 runs twice: {printed}"
    );
}

#[test]
fn planted_bugs_have_a_scoreboard() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["orders"]);
    let command = format!("fuzz --sabotage all --seeds 40 --json --out {out}");
    let (code, printed, _) = steadfast(&suite, &command);
    assert_eq!(code, 1);
    insta::assert_snapshot!(printed);
    let command = format!("fuzz --sabotage early-answer --json --out {out}");
    let (code, ..) = steadfast(&suite, &command);
    assert_eq!(code, 0);
    let (code, _, told) = steadfast(&suite, "fuzz --sabotage erly-answer");
    assert_eq!(
        (code, told.contains("did you mean `early-answer`?")),
        (2, true),
        "{told}"
    );
}

#[test]
fn a_repro_file_runs_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().display().to_string();
    let suite = suite(&["orders"]);
    let (code, printed, _) = steadfast(&suite, &format!("repro orders:0x11 --json --out {out}"));
    assert_eq!(code, 1, "{printed}");
    let file = dir.path().join("orders-17/repro.json");
    let command = format!("repro {} --json --out {out}", file.display());
    let (code, printed, _) = steadfast(&suite, &command);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("\"drift\":null"), "{printed}");
    let (code, printed, _) = steadfast(&suite, "repro orders:18");
    assert_eq!(code, 0, "{printed}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_mend() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    std::fs::write(&file, "not json").expect("it can be written");
    let (dir, file) = (dir.path().display().to_string(), file.display().to_string());
    let suite = suite(&["orders"]);
    for (line, says) in [
        ("test ordres".to_owned(), "did you mean `orders`?"),
        (format!("test {dir}"), "there is no *.toml"),
        (format!("test {file}"), "this is not TOML"),
        (
            "test --seed 0xffffffffffffffff --seeds 2".to_owned(),
            "go beyond",
        ),
        (format!("test --out {file}/x"), "is no folder"),
        ("repro orders".to_owned(), "SCENARIO:SEED"),
        ("repro orders:x".to_owned(), "is no seed"),
        (
            "repro orders:18446744073709551616".to_owned(),
            "the greatest seed is",
        ),
        ("repro nothing:1".to_owned(), "registered are orders"),
        ("repro gone.json".to_owned(), "cannot read gone.json"),
        (format!("repro {file}"), "is no repro file"),
        (
            "repro orders:1 --sabotage all".to_owned(),
            "is not one planted bug",
        ),
        ("replay gone.json".to_owned(), "cannot read gone.json"),
        (
            "replay x.json --build v9".to_owned(),
            "there is no build `v9`",
        ),
        (format!("replay {dir}"), "there is no history"),
    ] {
        let (code, printed, told) = steadfast(&suite, &line);
        assert_eq!(code, 2, "{line}: {printed}{told}");
        assert!(told.contains(says), "{line}: {told}");
    }
}

#[test]
fn everything_registered_is_listed() {
    let (code, printed, _) = steadfast(&suite(&["orders", "transfers"]), "list");
    assert_eq!(code, 0);
    insta::assert_snapshot!(printed);
    let (_, lines, _) = steadfast(&suite(&["orders"]), "list --json");
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        assert!(
            value["kind"].is_string() && value["name"].is_string(),
            "{line}"
        );
    }
}
