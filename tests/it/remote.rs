//! The verbs of Temporal's command line, against a server of ours.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A server that lives as long as the test.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command
        .env_clear()
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!format!("{out}{err}").contains("panicked at"), "{out}{err}");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out,
        err,
    }
}

impl Served {
    fn start() -> Self {
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("it says where");
        let address = line.trim_start_matches("serving on ");
        let address = address.split(',').next().unwrap_or_default().to_owned();
        Self { child, address }
    }

    fn verb(&self, line: &str) -> Ran {
        self.asked(line, &[])
    }

    /// Runs the words of a line, and what has spaces in it after them.
    fn asked(&self, line: &str, more: &[&str]) -> Ran {
        let mut command = program();
        command.args(line.split_whitespace()).args(more);
        command.args(["--address", &self.address]);
        ran(&command.output().expect("the program runs"))
    }

    fn json(&self, line: &str) -> Value {
        self.verb(&format!("{line} --output json")).json()
    }
}

#[test]
fn a_workflow_is_started_found_told_and_ended() {
    let server = Served::start();
    let start =
        "workflow start --workflow-id w --type T --task-queue q --input 1 --memo note=true -o json";
    let started = server.verb(start).json();
    assert_eq!(started["workflowId"], "w");
    assert_eq!(started["taskQueue"], "q");
    let run = started["runId"].as_str().expect("it has one").to_owned();
    let again = server.verb(start).json();
    assert_eq!(again["runId"], run.as_str(), "what runs already is shown");
    assert_eq!(server.verb(&format!("{start} --fail-existing")).code, 1);

    let listed = server.json("workflow list");
    assert_eq!(listed[0]["execution"]["runId"], run.as_str());
    assert_eq!(listed[0]["status"], "WORKFLOW_EXECUTION_STATUS_RUNNING");
    assert_eq!(
        listed[0]["memo"]["fields"]["note"], true,
        "payloads of JSON are that JSON"
    );
    let counted = server.asked(
        "workflow count -o json --query",
        &["ExecutionStatus = 'Running'"],
    );
    assert_eq!(counted.json()["count"], "1");
    let described = server.json("workflow describe -w w");
    assert_eq!(described["workflowExecutionInfo"]["type"]["name"], "T");
    assert!(described.get("closeEvent").is_none());

    let signal = server.asked("workflow signal -w w --name poke --input", &[r#"{"a": 1}"#]);
    assert_eq!(
        (signal.code, signal.out.as_str()),
        (0, "Signal workflow succeeded\n")
    );
    assert_eq!(
        server.verb("workflow cancel -w w").out,
        "Canceled workflow\n"
    );
    let shown = server.json("workflow show -w w");
    let kinds: Vec<_> = shown["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|e| e["eventType"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
            "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED",
            "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
            "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED",
        ]
    );
    let input = &shown["events"][0]["workflowExecutionStartedEventAttributes"]["input"];
    assert_eq!(
        input["payloads"][0]["data"], "MQ==",
        "what replayers read is what is on the wire"
    );
    let back = server.json("workflow show -w w --reverse");
    assert_eq!(back["events"][0]["eventId"], "4");

    let ended = server.asked("workflow terminate -w w --reason", &["no longer wanted"]);
    assert_eq!(ended.out, "Workflow terminated\n");
    let described = server.json("workflow describe -w w");
    let attributes = &described["closeEvent"]["workflowExecutionTerminatedEventAttributes"];
    assert_eq!(attributes["reason"], "no longer wanted");
    let result = server.verb("workflow result -w w -o json");
    assert_eq!(
        result.code, 1,
        "a workflow that did not complete is a failure"
    );
    let told: Value = serde_json::from_str(&result.out).expect("it is told all the same");
    assert_eq!(told["workflowId"], "w");
    assert_eq!(result.err, "error: workflow failed\n");
}

#[test]
fn people_see_tables_and_cards_without_colours_where_they_want_none() {
    let server = Served::start();
    server.verb("workflow start -w some-id --type T -t q");
    let table = server.verb("workflow list");
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", table.out);
    assert!(
        lines[0].starts_with("  Status   WorkflowId  Type  StartTime"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("  Running  some-id     T     "),
        "{}",
        lines[1]
    );
    let card = server
        .verb("workflow describe -w some-id --time-format iso")
        .out;
    assert!(card.contains("WorkflowId            some-id\n"), "{card}");
    assert!(card.contains("Pending Activities: 0"), "{card}");
    let history = server.verb("workflow show -w some-id").out;
    assert!(history.contains("WorkflowTaskScheduled"), "{history}");
    let detailed = server.verb("workflow show -w some-id --detailed").out;
    assert!(detailed.contains("workflowType.name: T"), "{detailed}");
    for line in ["workflow list", "workflow list --color always"] {
        let coloured = server.verb(line).out.contains('\u{1b}');
        assert_eq!(coloured, line.ends_with("always"), "{line}");
    }
    assert_eq!(server.verb("workflow list -o none").out, "");
    server.verb("workflow start -w another --type T -t q");
    let lines = server.verb("workflow list -o jsonl").out;
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert_eq!(
        server
            .verb("workflow list -o json --limit 1")
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_server_that_is_not_there_is_exit_5() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let output = program()
        .args(["workflow", "list", "--address", &address])
        .output();
    let ran = ran(&output.expect("the program runs"));
    assert_eq!((ran.code, ran.out.as_str()), (5, ""));
    assert!(
        ran.err
            .contains(&format!("no server can be reached at {address}")),
        "{}",
        ran.err
    );
}

#[test]
fn what_the_server_refuses_is_exit_1_and_what_is_badly_asked_exit_2() {
    let server = Served::start();
    let refused = server.verb("workflow describe -w nobody");
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.starts_with("error: ") && refused.err.contains("not found"),
        "{}",
        refused.err
    );
    let namespace = server.verb("workflow list --namespace nowhere");
    assert_eq!(namespace.code, 1);
    assert!(namespace.err.contains("nowhere"), "{}", namespace.err);
    for line in [
        "workflow describe",
        "workflow signal --name x",
        "workflow signal -w w --query q --name x",
        "workflow start --type T -t q --input text",
        "workflow start --type T -t q --run-timeout soon",
        "workflow start --type T -t q --memo key",
        "workflow start --type T -t q --memo key=text",
        "workflow start --type T -t q --id-reuse-policy Never",
        "workflow reset -w w --reason x",
        "workflow reset -w w --reason x --event-id 0",
        "workflow list --address nowhere",
        "workflow list --address 127.0.0.1:1 --config-file /nowhere.toml",
        "schedule toggle -s s",
        "schedule backfill -s s --start-time yesterday --end-time 2026-01-01T00:00:00Z",
        "operator search-attribute create --name N --type Colour",
        "operator search-attribute create --name N --name M --type Int",
    ] {
        let mut command = program();
        command.args(line.split_whitespace());
        if !line.contains("--address") {
            command.args(["--address", &server.address]);
        }
        let ran = ran(&command.output().expect("the program runs"));
        assert_eq!(ran.code, 2, "{line}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with("error: "), "{line}: {}", ran.err);
    }
    let unasked = server.verb("workflow delete -w w -o json");
    assert_eq!(unasked.code, 2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
}

#[test]
fn schedules_are_looked_after() {
    let server = Served::start();
    let create = "schedule create -s daily --interval 1h/5m --jitter 10s --time-zone UTC --notes n --paused -w w --type T -t q -o json";
    let created = server.asked(
        create,
        &[
            "--calendar",
            r#"{"hour": "12"}"#,
            "--schedule-memo",
            "k=\"v\"",
        ],
    );
    assert_eq!(
        (created.code, created.out.as_str()),
        (0, ""),
        "{}",
        created.err
    );
    assert_eq!(server.verb(create).code, 1, "it is there already");
    let described = server.json("schedule describe -s daily");
    assert_eq!(
        described["schedule"]["spec"]["interval"][0]["interval"],
        "3600s"
    );
    assert_eq!(
        described["schedule"]["spec"]["structuredCalendar"][0]["hour"][0]["start"],
        12
    );
    assert_eq!(described["schedule"]["state"]["paused"], true);
    assert_eq!(
        described["memo"]["fields"]["k"]["data"], "InYi",
        "schedules are shown as on the wire"
    );
    assert_eq!(server.json("schedule list")[0]["scheduleId"], "daily");
    let table = server.verb("schedule list --long").out;
    assert!(table.contains("every 1h after 5m"), "{table}");
    server.verb("schedule toggle -s daily --unpause --reason go");
    let state = &server.json("schedule describe -s daily")["schedule"]["state"];
    assert_eq!(
        (state.get("paused"), &state["notes"]),
        (None, &Value::from("go"))
    );
    assert_eq!(
        server
            .verb("schedule trigger -s daily --overlap-policy AllowAll")
            .out,
        "Trigger request sent\n"
    );
    let times = "schedule list-matching-times -s daily --start-time 2030-01-01T00:00:00Z --end-time 2030-01-01T02:00:00Z";
    assert_eq!(
        server.json(times)["startTime"].as_array().map(Vec::len),
        Some(2)
    );
    let backfill = "schedule backfill -s daily --start-time 2020-01-01T00:00:00Z --end-time 2020-01-01T01:00:00Z";
    assert_eq!(server.verb(backfill).out, "Backfill request sent\n");
    let update = server.verb("schedule update -s daily --cron @daily --type U -t q");
    assert_eq!(update.code, 0, "{}", update.err);
    let described = server.json("schedule describe -s daily");
    assert_eq!(
        described["schedule"]["action"]["startWorkflow"]["workflowType"]["name"],
        "U"
    );
    assert_eq!(
        server.verb("schedule delete -s daily").out,
        "Schedule deleted\n"
    );
    assert_eq!(server.verb("schedule describe -s daily").code, 1);
    assert_eq!(server.json("schedule list"), Value::Array(Vec::new()));
}

#[test]
fn namespaces_search_attributes_and_the_cluster_are_looked_after() {
    let server = Served::start();
    assert_eq!(server.json("operator cluster health")["status"], "SERVING");
    let system = server.json("operator cluster system");
    assert_eq!(system["capabilities"]["supportsSchedules"], true);
    let cluster = server.json("operator cluster describe");
    let listed = server.json("operator cluster list");
    assert_eq!(listed[0]["clusterId"], cluster["clusterId"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let created = server.verb(
        "operator namespace create --namespace shop --retention 2d --description d --data a=b",
    );
    assert_eq!(
        created.out, "Namespace shop successfully registered.\n",
        "{}",
        created.err
    );
    let described = server.json("operator namespace describe -n shop");
    assert_eq!(
        described["config"]["workflowExecutionRetentionTtl"],
        "172800s"
    );
    assert_eq!(described["namespaceInfo"]["data"]["a"], "b");
    let id = described["namespaceInfo"]["id"]
        .as_str()
        .expect("it has one");
    let by_id = server.json(&format!("operator namespace describe --namespace-id {id}"));
    assert_eq!(by_id["namespaceInfo"]["name"], "shop");
    let updated = server.verb("operator namespace update -n shop --email e@x");
    assert_eq!(updated.code, 0, "{}", updated.err);
    let described = server.json("operator namespace describe -n shop");
    assert_eq!(described["namespaceInfo"]["ownerEmail"], "e@x");
    assert_eq!(
        described["namespaceInfo"]["description"], "d",
        "what is not given stays"
    );
    let names: Vec<_> = server
        .json("operator namespace list")
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["namespaceInfo"]["name"].clone())
        .collect();
    assert!(
        names.contains(&"default".into()) && names.contains(&"shop".into()),
        "{names:?}"
    );

    let create = "operator search-attribute create -n shop --name Customer --type keyword --name Count --type Int";
    assert_eq!(
        server.verb(create).out,
        "Search attributes have been added\n"
    );
    let listed = server.json("operator search-attribute list -n shop");
    assert_eq!(
        listed["customAttributes"]["Customer"],
        "INDEXED_VALUE_TYPE_KEYWORD"
    );
    let other = server.verb("operator search-attribute create -n shop --name Count --type Text");
    assert!(
        other.code == 1 && other.err.contains("different type Int"),
        "{}",
        other.err
    );
    let removed = server.verb("operator search-attribute remove -n shop --name Customer --yes");
    assert!(
        removed
            .out
            .ends_with("Search attributes have been removed\n"),
        "{}",
        removed.out
    );
    let deleted = server.verb("operator namespace delete -n shop --yes");
    assert_eq!(deleted.code, 0, "{}", deleted.err);
    assert_eq!(server.verb("operator namespace describe -n shop").code, 1);
}

#[test]
fn profiles_and_variables_say_where_the_server_is() {
    let server = Served::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("temporal.toml");
    let profile = format!("[profile.here]\naddress = \"{}\"\n", server.address);
    std::fs::write(&file, profile).expect("written");
    let by_profile = program()
        .env("TEMPORAL_CONFIG_FILE", &file)
        .args(["workflow", "count", "--profile", "here"])
        .output();
    assert_eq!(
        ran(&by_profile.expect("the program runs")).out,
        "Total: 0\n"
    );
    let by_variable = program()
        .env("TEMPORAL_ADDRESS", &server.address)
        .args(["workflow", "count"])
        .output();
    assert_eq!(
        ran(&by_variable.expect("the program runs")).out,
        "Total: 0\n"
    );
    let unknown = program()
        .env("TEMPORAL_CONFIG_FILE", &file)
        .args(["workflow", "count", "--profile", "there"])
        .output();
    let unknown = ran(&unknown.expect("the program runs"));
    assert!(
        unknown.code == 2 && unknown.err.contains("there"),
        "{}",
        unknown.err
    );
}

#[test]
fn shells_complete_the_verbs() {
    let output = program().args(["completions", "bash"]).output();
    let script = ran(&output.expect("the program runs")).out;
    for word in [
        "--workflow-id",
        "list-matching-times",
        "search-attribute",
        "--codec-endpoint",
    ] {
        assert!(script.contains(word), "{word}");
    }
}
