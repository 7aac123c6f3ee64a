//! Cuts a history into the stretches that one activation of the workflow code belongs to.
//!
//! A stretch ends with a `WorkflowTaskStarted` whose task completed (or is the last one), or with the event that closes
//! the run. Tasks that failed or timed out, and completions that only kept a long local activity alive, do not end one.
//! Every stretch is found once, so a replay is linear.

use std::ops::Range;

use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, WorkflowTaskCompletedEventAttributes, history_event::Attributes},
};

use crate::event;

/// The events of one workflow task or of a whole history, taken stretch by stretch.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    events: &'a [HistoryEvent],
    next: usize,
    /// Where the stretch that starts at `next` ends, once looked for.
    end: Option<usize>,
    /// The first `WorkflowTaskCompleted` at or after `next`, or later.
    completed: usize,
}

impl<'a> Feed<'a> {
    /// Starts behind `started_event_id`, the last task that the code has run for.
    pub(crate) fn new(events: &'a [HistoryEvent], started_event_id: i64) -> Self {
        let next = events.partition_point(|event| event.event_id <= started_event_id);
        Self {
            events,
            next,
            end: None,
            completed: next,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.next >= self.events.len()
    }

    /// All events, for reports.
    pub(crate) fn events(&self) -> &'a [HistoryEvent] {
        self.events
    }

    /// Takes the next stretch and says whether it was the last.
    pub(crate) fn take(&mut self) -> (&'a [HistoryEvent], bool) {
        let range = self.stretch();
        self.next = range.end;
        self.end = None;
        (&self.events[range], self.is_over())
    }

    /// The stretch that comes next.
    pub(crate) fn peek(&mut self) -> &'a [HistoryEvent] {
        let range = self.stretch();
        &self.events[range]
    }

    /// The next task completion that has not been taken, at or after event `from`.
    pub(crate) fn next_completed(&mut self) -> Option<&'a WorkflowTaskCompletedEventAttributes> {
        self.completed = self.completed.max(self.next);
        while let Some(event) = self.events.get(self.completed) {
            if let Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) =
                &event.attributes
            {
                return Some(completed);
            }
            self.completed += 1;
        }
        None
    }

    fn stretch(&mut self) -> Range<usize> {
        if self.is_over() {
            return self.next..self.next;
        }
        let end = *self
            .end
            .get_or_insert_with(|| end_of_stretch(self.events, self.next));
        self.next..end + 1
    }
}

/// The index of the last event of the stretch that starts at `first`.
// temporal: sdk-core history_update.rs, find_end_index_of_next_wft_seq, with the whole history at hand.
fn end_of_stretch(events: &[HistoryEvent], first: usize) -> usize {
    let mut saw_command = false;
    let mut started_so_far: Vec<(i64, usize)> = Vec::new();
    for (offset, event) in events[first..].iter().enumerate() {
        let here = first + offset;
        if event::is_command(event) {
            saw_command = true;
        }
        if event::is_final(event) {
            return here;
        }
        if event.event_type() != EventType::WorkflowTaskStarted {
            continue;
        }
        match events.get(here + 1).map(HistoryEvent::event_type) {
            Some(next) if event::ends_task_abruptly(next) => continue,
            Some(EventType::WorkflowTaskCompleted) => {}
            _ => return here,
        }
        started_so_far.push((event.event_id, here));
        let Some(after_completion) = events.get(here + 2) else {
            return here;
        };
        if !saw_command && after_completion.event_type() == EventType::WorkflowTaskScheduled {
            // A heartbeat: the task completed only to be scheduled again.
            continue;
        }
        return accepted_update_start(after_completion, &started_so_far).unwrap_or(here);
    }
    events.len() - 1
}

/// An accepted update was delivered with the last task started before its sequencing event.
fn accepted_update_start(event: &HistoryEvent, started: &[(i64, usize)]) -> Option<usize> {
    let Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) =
        &event.attributes
    else {
        return None;
    };
    let sequencing = accepted.accepted_request_sequencing_event_id;
    started
        .iter()
        .rev()
        .find(|(id, _)| *id < sequencing)
        .map(|(_, index)| *index)
}
