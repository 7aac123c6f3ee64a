//! Timers of workflow code.
//!
//! | state | event | next | written |
//! |---|---|---|---|
//! | – | start, id free | pending | `TimerStarted` |
//! | – | start, id pending | – | the workflow task fails: `START_TIMER_DUPLICATE_ID` |
//! | pending | due | fired | `TimerFired` (may be buffered) |
//! | pending | cancel | – | `TimerCanceled` |
//! | fired, still buffered | cancel | – | `TimerCanceled`; the buffered `TimerFired` is taken back |
//! | – | cancel | – | the workflow task fails: `BAD_CANCEL_TIMER_ATTRIBUTES` |
// temporal: service/history/workflow/mutable_state_impl.go AddTimerStartedEvent and siblings.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        TimerCanceledEventAttributes, TimerFiredEventAttributes, TimerStartedEventAttributes,
        history_event::Attributes,
    },
};

use crate::{
    commands::bad,
    ids::{EventId, TimerId},
    request::CommandError,
    time::{Timestamp, duration_to_proto},
    tx::{Trimmings, Tx},
};

impl Tx<'_> {
    pub(crate) fn start_timer(
        &mut self,
        id: &TimerId,
        after: Duration,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.timers.contains_key(id) {
            return bad(Cause::StartTimerDuplicateId, "");
        }
        let attributes = TimerStartedEventAttributes {
            timer_id: id.to_string(),
            start_to_fire_timeout: Some(duration_to_proto(after)),
            workflow_task_completed_event_id: completed.0,
        };
        self.write_with(attributes, trimmings);
        Ok(())
    }

    pub(crate) fn cancel_timer(
        &mut self,
        id: &TimerId,
        completed: EventId,
        identity: &str,
    ) -> Result<(), CommandError> {
        let Some(timer) = self.run.history.timers.get(id).copied() else {
            return bad(
                Cause::BadCancelTimerAttributes,
                format!("invalid history builder state for action: timer {id} is not pending"),
            );
        };
        self.drop_buffered(|a| is_fired(a, id));
        self.write(TimerCanceledEventAttributes {
            timer_id: id.to_string(),
            started_event_id: timer.started.0,
            workflow_task_completed_event_id: completed.0,
            identity: identity.to_owned(),
        });
        Ok(())
    }

    /// When the next timer fires that has not.
    pub(crate) fn next_timer(&self) -> Option<(Timestamp, TimerId)> {
        let queue = &self.run.history.timer_queue;
        queue
            .iter()
            .find(|(_, _, id)| !self.has_buffered(|a| is_fired(a, id)))
            .map(|(at, _, id)| (*at, id.clone()))
    }

    pub(crate) fn fire_timer(&mut self, id: &TimerId) {
        let timer = self.run.history.timers[id];
        self.buffer(TimerFiredEventAttributes {
            timer_id: id.to_string(),
            started_event_id: timer.started.0,
        });
    }
}

fn is_fired(attributes: &Attributes, id: &TimerId) -> bool {
    matches!(attributes, Attributes::TimerFiredEventAttributes(fired) if fired.timer_id == id.as_str())
}
