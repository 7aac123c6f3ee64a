//! The program as people run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SCENARIO: &str = include_str!("../../scenarios/order_fulfillment.toml");

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in a folder of its own, with an environment that changes nothing.
fn run(folder: &Path, args: &[&str]) -> Ran {
    let output = command(folder, args).output().expect("the program runs");
    ran(&output)
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let told = format!("{out}{err}");
    assert!(!told.contains("panicked at"), "{told}");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out,
        err,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn histories() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/histories")
}

/// A real history that replays.
fn history() -> String {
    fs::read_to_string(histories().join("order-completed.json")).expect("it is there")
}

#[test]
fn bad_usage_is_refused() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("empty.toml"), "").expect("written");
    fs::write(path.join("binary.toml"), [0xff, 0xfe, 0x00]).expect("written");
    fs::write(
        path.join("deep.toml"),
        format!("schema = 1\na = {}", "[".repeat(50_000)),
    )
    .expect("written");
    let unknown = SCENARIO.replacen("schema = 1", "schema = 1\ndescribtion = \"x\"", 1);
    fs::write(path.join("unknown.toml"), unknown).expect("written");
    let workflow = SCENARIO.replacen("\"orderFulfillment\"", "\"orderFulfilment\"", 1);
    fs::write(path.join("workflow.toml"), workflow).expect("written");
    let cel = SCENARIO.replacen("r.status", "r.state", 1);
    fs::write(path.join("cel.toml"), cel).expect("written");
    let hostile = SCENARIO.replacen(
        "runs.all(r, r.status != \"running\")",
        &format!("runs{}.status == 1", "[0]".repeat(50_000)),
        1,
    );
    assert_ne!(hostile, SCENARIO);
    fs::write(path.join("hostile.toml"), hostile).expect("written");
    for (args, says) in [
        (
            &["test", "--seed", "18446744073709551616"][..],
            "the greatest seed",
        ),
        (&["test", "--seed", "-1"], "unexpected argument '-1'"),
        (&["test", "--seed", "abc"], "a seed is a number"),
        (&["test", "--seeds", "0"], "at least one seed"),
        (&["test", "--jobs", "0"], "--jobs"),
        (
            &["test", "--seed", "0xffffffffffffffff", "--seeds", "2"],
            "go beyond",
        ),
        (&["test", "missing.toml"], "missing.toml"),
        (&["test", "empty.toml"], "schema"),
        (&["test", "binary.toml"], "not UTF-8"),
        (&["test", "deep.toml"], "not TOML"),
        (&["test", "unknown.toml"], "describtion"),
        (
            &["test", "workflow.toml"],
            "did you mean `orderFulfillment`?",
        ),
        (&["test", "cel.toml"], "has no field `state`"),
        (&["test", "hostile.toml"], "the expression is too long"),
        (
            &["test", "order_fulfilment"],
            "did you mean `order_fulfillment`?",
        ),
        (&["test", "--out", "empty.toml/x"], "is no folder"),
        (&["fuzz", "--time", "soon"], "60s"),
        (&["fuzz", "--time", "1s", "--seeds", "1"], "--seeds"),
        (&["fuzz", "--sabotage", "nothing-like-it"], "no planted bug"),
        (&["repro", "order_fulfillment"], "SCENARIO:SEED"),
        (&["repro", "order_fulfillment:1x"], "no seed"),
        (&["repro", "gone.json"], "gone.json"),
        (&["repro", "empty.toml"], "no repro file"),
        (&["replay", "gone.json"], "gone.json"),
        (&["replay"], "HISTORY.json"),
        (&["dance"], "dance"),
    ] {
        let ran = run(path, args);
        assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    assert!(
        !path.join("steadfast-out").exists(),
        "nothing had to be kept"
    );
}

#[test]
fn a_mistake_is_shown_with_its_lines() {
    let folder = folder();
    let text =
        "schema = 1\n\n[[workflow]]\ntype = \"orderFulfillment\"\nid = \"order\"\ncuont = 2\n";
    fs::write(folder.path().join("bad.toml"), text).expect("written");
    let ran = run(folder.path(), &["test", "bad.toml"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err);
}

#[test]
fn hostile_histories_are_refused() {
    let folder = folder();
    let path = folder.path();
    let good = history();
    let cases: &[(&str, String)] = &[
        ("empty", String::new()),
        ("truncated", good[..good.len() / 2].to_owned()),
        ("deep", "[".repeat(200_000)),
        (
            "deep-object",
            format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        ),
        ("list", "[1, 2, 3]".to_owned()),
        ("no-events", "{\"events\": []}".to_owned()),
        ("no-history", "{\"name\": \"value\"}".to_owned()),
        (
            "wrong-type",
            good.replacen("\"events\"", "\"events\": 7, \"x\"", 1),
        ),
        (
            "huge-id",
            good.replacen(
                "\"eventId\": \"1\"",
                "\"eventId\": \"99999999999999999999\"",
                1,
            ),
        ),
        (
            "gap",
            good.replacen("\"eventId\": \"2\"", "\"eventId\": \"7\"", 1),
        ),
    ];
    for (name, text) in cases {
        let file = format!("{name}.json");
        fs::write(path.join(&file), text).expect("written");
        let ran = run(path, &["replay", &file]);
        assert_eq!(ran.code, 2, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(&file), "{name}: {}", ran.err);
    }
}

#[test]
fn real_histories_replay() {
    let folder = folder();
    let histories = histories().display().to_string();
    let ran = run(folder.path(), &["replay", &histories, "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let passed = ran.out.matches("\"verdict\":\"pass\"").count();
    assert!(passed >= 30, "only {passed} histories");
}

#[test]
fn a_history_that_the_code_does_not_follow_fails() {
    let folder = folder();
    let text = history().replacen(
        "\"eventType\": \"EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED\"",
        "",
        1,
    );
    fs::write(folder.path().join("altered.json"), text).expect("written");
    let ran = run(folder.path(), &["replay", "altered.json"]);
    assert!(ran.code == 1 || ran.code == 2, "{}{}", ran.out, ran.err);
}

#[test]
fn the_registered_suite_runs_from_anywhere() {
    let folder = folder();
    let ran = run(
        folder.path(),
        &["test", "order_fulfillment", "--seeds", "3", "--json"],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let lines: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(lines.len(), 4);
    for (seed, line) in lines[..3].iter().enumerate() {
        assert_eq!(line["scenario"], "order_fulfillment");
        assert_eq!(line["seed"], seed.to_string());
        assert_eq!(line["verdict"], "pass");
        let hash = line["hash"].as_str().expect("a text");
        assert!(hash.starts_with("0x") && hash.len() == 18, "{hash}");
    }
    assert_eq!(lines[3]["summary"]["exit"], 0);
    assert!(!folder.path().join("steadfast-out").exists());
}

#[test]
fn equal_seeds_have_equal_hashes_in_every_process() {
    let folder = folder();
    let hashes = |jobs: &str| -> Vec<String> {
        let args = ["test", "--seeds", "4", "--json", "--jobs", jobs];
        let ran = run(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let lines = ran.out.lines().filter(|line| line.contains("\"hash\""));
        lines.map(str::to_owned).collect()
    };
    let once = hashes("1");
    assert!(once.len() >= 4);
    assert_eq!(once, hashes("3"));
}

#[test]
fn a_trace_has_a_line_per_event() {
    let folder = folder();
    let ran = run(folder.path(), &["repro", "order_fulfillment:1", "--trace"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.lines().count() > 50, "{}", ran.out);
}

/// One transfer, so that its places are few.
const SMALL: &str = r#"
schema = 1
[world]
shards = 1
storm = "10m"
calm = "30m"
[[workflow]]
type = "moneyTransfer"
id = "transfer-{n}"
input = { from = "alice", to = "bob", amount = 4000 }
[services.accounts]
state = { alice = 10000, bob = 500 }
[services.email]
"#;

#[test]
fn a_certificate_covers_every_place_and_finds_what_breaks_at_one() {
    let folder = folder();
    fs::write(folder.path().join("small.toml"), SMALL).expect("it can be written");
    let safe = run(folder.path(), &["certify", "small.toml"]);
    assert_eq!(safe.code, 0, "{}{}", safe.out, safe.err);
    assert!(safe.out.ends_with(": all safe\n"), "{}", safe.out);
    for column in ["crash", "commit-crash", "power-cut", "pause", "reply-lost"] {
        assert!(
            safe.out
                .lines()
                .nth(1)
                .is_some_and(|head| head.contains(column))
        );
    }
    let again = run(folder.path(), &["certify", "small.toml", "--jobs", "1"]);
    assert_eq!(again.out, safe.out);

    let bug = ["--sabotage", "sync-skipped"];
    let broken = run(
        folder.path(),
        &[&["certify", "small.toml"], &bug[..]].concat(),
    );
    assert_eq!(broken.code, 1, "{}{}", broken.out, broken.err);
    let power_cut = broken.out.lines().filter(|line| line.contains("UNSAFE"));
    assert!(power_cut.count() > 0, "{}", broken.out);
    let again = broken
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("again "));
    let again: Vec<&str> = again.expect("a card").split_whitespace().collect();
    let repro = run(folder.path(), &again[1..]);
    assert_eq!(repro.code, 1, "{again:?}: {}{}", repro.out, repro.err);
    assert!(
        broken.out.contains("power-cut on engine-1"),
        "{}",
        broken.out
    );
}

#[test]
fn a_failed_run_is_shrunk_to_what_it_needs() {
    let folder = folder();
    let bug = ["--sabotage", "charge-without-idempotency"];
    let hunt = run(folder.path(), &[&["fuzz", "--json"], &bug[..]].concat());
    assert_eq!(hunt.code, 0, "{}{}", hunt.out, hunt.err);
    let found: serde_json::Value =
        serde_json::from_str(hunt.out.lines().next().expect("a line")).expect("JSON");
    let seed = format!(
        "order_fulfillment:{}",
        found["seed"].as_str().expect("a text")
    );
    let shrunk = run(
        folder.path(),
        &[&["shrink", &seed, "--json"], &bug[..]].concat(),
    );
    assert_eq!(shrunk.code, 0, "{}{}", shrunk.out, shrunk.err);
    let last = shrunk.out.lines().last().expect("a line");
    let summary = &serde_json::from_str::<serde_json::Value>(last).expect("JSON")["summary"];
    assert_eq!(summary["shrunk"]["minimal"], true);
    let count = |name: &str| summary["shrunk"][name].as_u64().expect("a number");
    assert!(
        count("left") > 0 && count("left") < 10 && count("left") < count("before"),
        "{summary}"
    );
    let repro = run(
        folder.path(),
        &["repro", summary["repro"].as_str().expect("a path")],
    );
    assert_eq!(repro.code, 1, "{}{}", repro.out, repro.err);

    let passes = run(folder.path(), &["shrink", "order_fulfillment:1"]);
    assert_eq!(passes.code, 2);
    assert!(passes.err.contains("does not fail"), "{}", passes.err);
}

#[test]
fn help_and_completions_are_there() {
    let folder = folder();
    let ran = run(folder.path(), &["--help"]);
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!("help", ran.out);
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(folder.path(), &["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("sabotage"), "{shell}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let folder = folder();
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut command = command(folder.path(), &["list"]);
    let ran = ran(&command.stdout(full).output().expect("the program runs"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot write to stdout"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn an_interrupted_test_tells_what_it_found() {
    let folder = folder();
    let mut command = command(folder.path(), &["fuzz", "--time", "120s", "--json"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
    let ran = ran(&child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 130, "{}", ran.err);
    let closing = ran.out.lines().last().unwrap_or_default();
    assert!(closing.contains("\"interrupted\":true"), "{closing}");
}
