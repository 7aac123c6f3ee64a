//! Workflow tasks that exist only to carry updates, so that rejecting one leaves no trace.
//!
//! A speculative task is kept in memory: no record, no event. It has the ids that its events would have, and shows them
//! to its worker. It becomes history, and so normal, as soon as it has to: when anything else is written, when it fails
//! or times out, when its completion does more than reject updates. It is gone without a trace when a completion only
//! rejects, or when the owner of the shard goes; a stamp in its token tells it from the next one with the same ids.
//!
//! It waits five seconds for a poller, on a normal queue too: whoever waits for an update should not wait for a message
//! that was lost.
// temporal: docs/architecture/speculative-workflow-task.md, workflow_task_state_machine.go.

use super::{TaskType, WorkflowTask};
use crate::{
    limits::{MAX_SPECULATIVE_EVENTS, SPECULATIVE_SCHEDULE_TO_START},
    request::{CompleteWorkflowTask, UpdateAnswer},
    tx::{Trimmings, Tx},
};

impl Tx<'_> {
    /// Makes a speculative task. None may be pending, so nothing is buffered.
    pub(crate) fn schedule_speculative_task(&mut self) {
        let mut task = self.new_task(TaskType::Speculative, 1, self.now);
        if task.schedule_to_start.is_zero() {
            task.schedule_to_start = SPECULATIVE_SCHEDULE_TO_START;
        }
        task.stamp = self.ids.stamp();
        self.set_task(Box::new(task));
    }

    /// Something is written while a speculative task is pending: that one becomes history first. Its ids are still
    /// free, because a task that is pending holds back whatever else would take them.
    // temporal: workflow_task_state_machine.go convertSpeculativeWorkflowTaskToNormal.
    pub(crate) fn write_speculative_task(&mut self) {
        let speculative = self.task().filter(|t| t.kind == TaskType::Speculative);
        let Some(mut task) = speculative.cloned() else {
            return;
        };
        self.write_unwritten(&task);
        task.kind = TaskType::Normal;
        self.set_task(Box::new(task));
    }

    /// Writes the events that a task shows its worker and that are not in the history.
    pub(super) fn write_unwritten(&mut self, task: &WorkflowTask) {
        if task.kind == TaskType::Normal {
            return;
        }
        let at = |time| Trimmings {
            time: Some(time),
            ..Trimmings::default()
        };
        let scheduled = self.scheduled_attributes(task);
        let id = self.write_with(scheduled, at(task.scheduled_time));
        assert_eq!(
            id, task.scheduled,
            "nothing may take the id of a pending task"
        );
        if let Some(start) = &task.started {
            let started = self.started_attributes(task.scheduled, start);
            self.write_with(started, at(start.time));
        }
    }

    /// Whether the pending task is speculative, and the updates that it was made for are gone.
    pub(super) fn is_moot(&self) -> bool {
        let speculative = self
            .task()
            .is_some_and(|task| task.kind == TaskType::Speculative);
        speculative && !self.volatile.updates.has_pending()
    }

    /// Whether a completion does nothing but reject updates, so that the task need never have been. The worker must
    /// be able to forget it, and be shown again what it saw with it.
    // temporal: workflow_task_state_machine.go skipWorkflowTaskCompletedEvent.
    pub(super) fn leaves_no_trace(
        &self,
        task: &WorkflowTask,
        request: &CompleteWorkflowTask,
    ) -> bool {
        let only_rejects = request
            .messages
            .iter()
            .all(|message| matches!(message.body, Ok(UpdateAnswer::Reject(_))));
        let history = &self.run.history;
        let shown = if request.can_discard {
            MAX_SPECULATIVE_EVENTS
        } else {
            0
        };
        // The last completed task's own completion is the second event after its start.
        let latest = history.previous_started.0 + 2 + shown;
        task.kind == TaskType::Speculative
            && request.commands.is_empty()
            && !request.force_new_task
            && only_rejects
            && history.next_event.0 <= latest
    }
}
