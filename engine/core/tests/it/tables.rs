//! Every state × every event of each machine: what a caller hears and what is written.
//!
//! A state is a script that leads there, an event is one more line. The snapshots are the machines' transition
//! tables, made by the machines themselves.

use std::fmt::Write as _;

use crate::script::{Script, show};

struct Table {
    states: &'static [(&'static str, &'static [&'static str])],
    events: &'static [&'static str],
}

impl Table {
    fn print(&self) -> String {
        self.print_and_look(None)
    }

    /// The same with what one more line says after each event.
    fn print_and_look(&self, look: Option<&str>) -> String {
        let mut out = String::new();
        for (state, path) in self.states {
            writeln!(out, "{state}").expect("a string");
            for event in self.events {
                let outcome = outcome(path, event, look);
                writeln!(out, "    {event:<44} {outcome}").expect("a string");
            }
        }
        out
    }
}

/// What one more line does after a path of lines.
fn outcome(path: &[&str], event: &str, look: Option<&str>) -> String {
    let mut script = Script::default();
    for line in path {
        script.line(line);
    }
    script.take_output();
    let before = events(&script);
    script.line(event);
    let heard = script.take_output();
    let heard: Vec<_> = heard.lines().skip(1).map(str::trim).collect();
    let written = events(&script).split_off(before.len());
    let written: Vec<_> = written
        .iter()
        .map(|e| e.split(' ').next().unwrap_or(""))
        .collect();
    let mut outcome = match (heard.is_empty(), written.is_empty()) {
        (true, true) => "–".to_owned(),
        (false, true) => heard.join(" / "),
        (true, false) => format!("→ {}", written.join(" ")),
        (false, false) => format!("{} → {}", heard.join(" / "), written.join(" ")),
    };
    if let Some(look) = look {
        script.line(look);
        let seen = script.take_output();
        let seen: Vec<_> = seen.lines().skip(1).map(str::trim).collect();
        write!(outcome, "\n{:48} {}", "", seen.join(" / ")).expect("a string");
    }
    outcome
}

fn events(script: &Script) -> Vec<String> {
    let runs = script.world.runs();
    runs.iter()
        .flat_map(|(key, run)| script.world.history(key, run))
        .map(|e| show(&e))
        .collect()
}

#[test]
fn workflow_task_table() {
    let table = Table {
        states: &[
            ("none", &["start w", "poll", "complete timer t 1h"]),
            ("scheduled, normal", &["start w"]),
            ("scheduled, transient", &["start w", "poll", "fail-task"]),
            ("started, normal", &["start w", "poll"]),
            (
                "started, transient",
                &["start w", "poll", "fail-task", "poll"],
            ),
            (
                "scheduled, speculative",
                &["start w", "poll", "complete timer t 1h", "update w u"],
            ),
            (
                "started, speculative",
                &[
                    "start w",
                    "poll",
                    "complete timer t 1h",
                    "update w u",
                    "poll",
                ],
            ),
            (
                "started, normal, with a buffered signal",
                &["start w", "poll", "signal w x request=x"],
            ),
            ("closed", &["start w", "poll", "complete done"]),
        ],
        events: &[
            "poll",
            "complete",
            "complete timer u 1s",
            "complete force",
            "complete done",
            "complete cancel-timer nope",
            "complete reject u",
            "fail-task",
            "signal w hello request=h",
            "cancel w",
            "terminate w",
            "query w",
            "advance 10s",
            "restart",
            "evict w",
        ],
    };
    insta::assert_snapshot!(table.print());
}

#[test]
fn update_table() {
    let table = Table {
        states: &[
            ("unknown, the run idle", &["start w", "poll", "complete"]),
            ("unknown, a task waits", &["start w"]),
            ("unknown, a task started", &["start w", "poll"]),
            ("admitted", &["start w", "poll", "complete", "update w u"]),
            ("admitted during a task", &["start w", "poll", "update w u"]),
            (
                "sent",
                &["start w", "poll", "complete", "update w u", "poll"],
            ),
            (
                "accepted",
                &[
                    "start w",
                    "poll",
                    "complete",
                    "update w u",
                    "poll",
                    "complete accept u",
                ],
            ),
            (
                "accepted, another sent",
                &[
                    "start w",
                    "poll",
                    "complete",
                    "update w u",
                    "poll",
                    "complete accept u",
                    "update w v",
                    "poll",
                ],
            ),
            (
                "completed",
                &[
                    "start w",
                    "poll",
                    "complete",
                    "update w u",
                    "poll",
                    "complete accept u; respond u",
                ],
            ),
            (
                "accepted, the run closed",
                &[
                    "start w",
                    "poll",
                    "complete",
                    "update w u",
                    "poll",
                    "complete accept u; done",
                ],
            ),
        ],
        events: &[
            "update w u",
            "update w u wait=accepted",
            "poll-update w u",
            "poll-update w u wait=now",
            "wait-ended w",
            "poll",
            "complete",
            "complete force",
            "complete accept u",
            "complete reject u",
            "complete respond u",
            "complete accept u; respond u",
            "complete cancel-timer nope",
            "complete done",
            "complete continue-as-new",
            "fail-task",
            "signal w hello",
            "query w",
            "terminate w",
            "advance 5s",
            "restart",
            "evict w",
        ],
    };
    insta::assert_snapshot!(table.print());
}

#[test]
fn activity_table() {
    let table = Table {
        states: &[
            (
                "waiting",
                &[
                    "start w",
                    "poll",
                    "complete activity a stc=5s; timer t 1s",
                    "advance 1s",
                    "poll",
                ],
            ),
            (
                "started",
                &[
                    "start w",
                    "poll",
                    "complete activity a stc=5s; timer t 1s",
                    "poll-activity",
                    "advance 1s",
                    "poll",
                ],
            ),
            (
                "waiting for a retry",
                &[
                    "start w",
                    "poll",
                    "complete activity a stc=5s; timer t 1s",
                    "poll-activity",
                    "advance 1s",
                    "poll",
                    "activity fail",
                ],
            ),
            (
                "started, cancel requested",
                &[
                    "start w",
                    "poll",
                    "complete activity a stc=5s; timer t 1s",
                    "poll-activity",
                    "advance 1s",
                    "poll",
                    "complete force cancel-activity a",
                    "poll",
                ],
            ),
            (
                "over, its end buffered",
                &[
                    "start w",
                    "poll",
                    "complete activity a stc=5s; timer t 1s",
                    "poll-activity",
                    "advance 1s",
                    "poll",
                    "activity complete",
                ],
            ),
        ],
        events: &[
            "poll-activity",
            "activity heartbeat",
            "activity complete",
            "activity fail",
            "activity fail-for-good",
            "activity cancel",
            "complete cancel-activity a",
            "complete activity a",
            "advance 5s",
            "terminate w",
        ],
    };
    insta::assert_snapshot!(table.print());
}

#[test]
fn timer_table() {
    let table = Table {
        states: &[
            ("none", &["start w", "poll"]),
            (
                "pending",
                &[
                    "start w",
                    "poll",
                    "complete timer t 5s",
                    "signal w x",
                    "poll",
                ],
            ),
            (
                "fired, still buffered",
                &[
                    "start w",
                    "poll",
                    "complete timer t 5s",
                    "signal w x",
                    "poll",
                    "advance 5s",
                ],
            ),
        ],
        events: &[
            "complete timer t 1s",
            "complete cancel-timer t",
            "advance 5s",
            "restart",
            "complete done",
            "terminate w",
        ],
    };
    insta::assert_snapshot!(table.print());
}

#[test]
fn child_table() {
    let table = Table {
        states: &[
            (
                "initiated, not heard",
                &["start p", "poll", "deaf", "complete child kid", "hear"],
            ),
            (
                "started, parent told",
                &["start p", "poll", "complete child kid"],
            ),
            (
                "closed, its end buffered",
                &[
                    "start p",
                    "poll",
                    "complete child kid",
                    "poll",
                    "terminate kid",
                ],
            ),
        ],
        events: &[
            "advance 2s",
            "restart",
            "terminate p",
            "terminate kid",
            "cancel kid",
            "poll",
        ],
    };
    insta::assert_snapshot!(table.print());
}

#[test]
fn schedule_table() {
    let table = Table {
        states: &[
            ("absent", &[]),
            ("waiting", &["schedule create S every=1h"]),
            (
                "running",
                &["schedule create S every=1h overlap=one trigger"],
            ),
            (
                "running, one waits",
                &[
                    "schedule create S every=1h overlap=one trigger",
                    "advance 1h",
                ],
            ),
            (
                "starting",
                &["deaf", "schedule create S every=1h trigger", "hear"],
            ),
            ("paused", &["schedule create S every=1h paused"]),
            ("out of actions", &["schedule create S every=1h limited=0"]),
            (
                "deleted",
                &["schedule create S every=1h", "schedule delete S"],
            ),
        ],
        events: &[
            "schedule create S every=1h",
            "schedule create S every=1h request=another",
            "schedule trigger S",
            "schedule backfill S -90m 0s overlap=allow",
            "schedule pause S why",
            "schedule unpause S why",
            "schedule update S every=2h",
            "schedule delete S",
            "advance 1h",
            "terminate job-2023-11-14T22:13:20Z",
            "restart",
            "evict temporal-sys-scheduler:S",
        ],
    };
    insta::assert_snapshot!(table.print_and_look(Some("schedule describe S")));
}
