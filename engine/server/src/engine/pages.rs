//! Pieces of history for replies that name a range.

use bytes::Bytes;
use steadfast_core::{
    EventId, Rejection, Reply, RunKey,
    effect::{EventRange, Started, UpdateOutcome, WorkflowTaskReply},
    render,
};
use steadfast_store::Store;

use super::handle::Answer;

/// Events in one page. temporal: `limit.historyMaxPageSize`.
const PAGE_EVENTS: i64 = 256;
/// A page ends after the event that reaches this: clients take 4 MiB. temporal: `history.pageSizeBytes`-like bound.
const PAGE_BYTES: usize = 1 << 20;

/// The reply with the first page of what it names.
pub(super) fn fetch(reply: Reply, store: &dyn Store) -> Result<Answer, Rejection> {
    let wanted = match &reply {
        Reply::WorkflowTask(task) => Some(of_task(task)),
        Reply::WorkflowTaskCompleted {
            next: Some(task), ..
        } => Some(of_task(task)),
        Reply::Started(Started {
            eager: Some(task), ..
        }) => Some(of_task(task)),
        Reply::QueryTask(task) => Some((&task.run, task.history)),
        Reply::History(history) => Some((&history.run, history.events)),
        Reply::Update(update) => match update.outcome {
            UpdateOutcome::InHistory(event) => {
                let range = EventRange {
                    first: event,
                    last: event,
                };
                Some((&update.run, range))
            }
            UpdateOutcome::None | UpdateOutcome::Failed(_) => None,
        },
        _ => None,
    };
    let (events, more) = match wanted {
        Some((run, range)) => page(run, range, store)?,
        None => (Vec::new(), Bytes::new()),
    };
    Ok(Answer {
        reply,
        events,
        more,
    })
}

fn of_task(task: &WorkflowTaskReply) -> (&RunKey, EventRange) {
    (&task.token.run, task.history)
}

/// The first page of a range, and the token for the rest.
fn page(
    run: &RunKey,
    range: EventRange,
    store: &dyn Store,
) -> Result<(Vec<Bytes>, Bytes), Rejection> {
    if range.last < range.first {
        return Ok((Vec::new(), Bytes::new()));
    }
    let last = range.last.min(EventId(range.first.0 + PAGE_EVENTS - 1));
    let here = EventRange {
        first: range.first,
        last,
    };
    let mut events = store
        .history(run, here)
        .map_err(|error| Rejection::Unavailable(error.to_string()))?;
    let mut bytes = 0;
    let fitting = events.iter().position(|event| {
        bytes += event.len();
        bytes >= PAGE_BYTES
    });
    if let Some(full) = fitting {
        events.truncate(full + 1);
    }
    let next = EventId(range.first.0 + i64::try_from(events.len()).unwrap_or(i64::MAX));
    let more = if next <= range.last {
        render::page_token(next, &run.run_id)
    } else {
        Bytes::new()
    };
    Ok((events, more))
}
