//! Puts a difference into its surroundings: what history and code say before, at and after it.

use steadfast_proto::temporal::api::history::v1::HistoryEvent;

use crate::{
    event,
    interpreter::Interpreter,
    nondeterminism::{Mismatch, NonDeterminism, NonDeterminismKind, Row},
    run::RunInit,
};

/// How many lines follow the difference.
const AFTER: usize = 4;

pub(crate) fn report(
    mismatch: Mismatch,
    interpreter: &Interpreter,
    init: &RunInit,
    events: &[HistoryEvent],
) -> NonDeterminism {
    let (matched, mut waiting) = interpreter.surroundings();
    let find = |id: i64| events.iter().find(|event| event.event_id == id);
    let mut rows: Vec<Row> = matched
        .iter()
        .map(|(id, command)| Row {
            event_id: Some(*id),
            history: find(*id).map(event::describe),
            code: Some(event::describe_command(command)),
            differs: false,
        })
        .collect();
    let at_command = matches!(
        mismatch.kind,
        NonDeterminismKind::MissingCommand
            | NonDeterminismKind::DifferentCommand
            | NonDeterminismKind::DifferentAttributes
            | NonDeterminismKind::MissingPatch
    );
    if at_command && !waiting.is_empty() {
        waiting.remove(0);
    }
    rows.push(Row {
        event_id: Some(mismatch.event_id),
        history: Some(mismatch.history.clone()),
        code: Some(mismatch.code.clone()),
        differs: true,
    });
    let rest = events
        .iter()
        .skip_while(|event| event.event_id <= mismatch.event_id);
    let mut following = rest.take_while(|event| event::is_command(event));
    let mut waiting = waiting.into_iter();
    for _ in 0..AFTER {
        let (event, command) = (following.next(), waiting.next());
        if event.is_none() && command.is_none() {
            break;
        }
        rows.push(Row {
            event_id: event.map(|event| event.event_id),
            history: event.map(event::describe),
            code: command.map(event::describe_command),
            differs: false,
        });
    }
    NonDeterminism {
        kind: mismatch.kind,
        event_id: mismatch.event_id,
        started_event_id: interpreter.started_event_id,
        workflow_type: init.workflow_type.clone(),
        workflow_id: init.workflow_id.clone(),
        run_id: init.run_id.clone(),
        history: mismatch.history,
        code: mismatch.code,
        message: mismatch.message,
        rows,
    }
}
