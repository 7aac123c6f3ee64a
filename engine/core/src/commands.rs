//! The commands of a completed workflow task, carried out in order. Machines with states of their own are in
//! their own files; here are the dispatch, and the commands that only leave an event.

use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        MarkerRecordedEventAttributes, UpsertWorkflowSearchAttributesEventAttributes,
        WorkflowPropertiesModifiedEventAttributes,
    },
};

use crate::{
    chain::Ending,
    command::{Command, CommandKind},
    execution::Run,
    ids::EventId,
    request::CommandError,
    tx::{Trimmings, Tx},
    update::Registry,
    volatile::Speculative,
};

/// What a refused completion takes back.
pub(crate) struct Saved {
    run: Run,
    entries: usize,
    effects: usize,
    buffered_in_log: usize,
    new_work: usize,
    speculative: Option<Speculative>,
    updates: Registry,
}

/// A command that breaks a rule.
pub(crate) fn bad<T>(cause: Cause, detail: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError {
        cause,
        detail: detail.into(),
    })
}

impl Tx<'_> {
    /// Remembers where a completion began.
    pub(crate) fn save(&self) -> Saved {
        Saved {
            run: self.run.clone(),
            entries: self.effects.batch.entries.len(),
            effects: self.effects.effects.len(),
            buffered_in_log: self.buffered_in_log,
            new_work: self.volatile.new_work.len(),
            speculative: self.volatile.speculative.clone(),
            updates: self.volatile.updates.clone(),
        }
    }

    /// Goes back there, as if nothing of it had happened. Only a completion's last command may switch to another
    /// run, and nothing can be refused after it.
    pub(crate) fn restore(&mut self, saved: Saved) {
        self.run = saved.run;
        self.buffered_in_log = saved.buffered_in_log;
        self.effects.batch.entries.truncate(saved.entries);
        self.effects.effects.truncate(saved.effects);
        self.volatile.new_work.truncate(saved.new_work);
        self.volatile.speculative = saved.speculative;
        self.volatile.updates = saved.updates;
        self.wants_task = false;
        self.eager.clear();
    }

    /// Carries out one command. `Ok(true)`: the workflow must be woken for what it caused.
    // temporal: service/history/api/respondworkflowtaskcompleted/workflow_task_completed_handler.go.
    pub(crate) fn command(
        &mut self,
        command: Command,
        completed: EventId,
        identity: &str,
    ) -> Result<bool, CommandError> {
        let trimmings = Trimmings {
            user_metadata: command.user_metadata,
            group_markers: command.group_markers,
            ..Trimmings::default()
        };
        match command.kind {
            CommandKind::ScheduleActivity(activity) => {
                self.schedule_activity(*activity, completed, trimmings)?;
            }
            CommandKind::CancelActivity { scheduled } => {
                return self.request_cancel_activity(scheduled, completed, identity);
            }
            CommandKind::StartTimer { id, after } => {
                self.start_timer(&id, after, completed, trimmings)?;
            }
            CommandKind::CancelTimer { id } => self.cancel_timer(&id, completed, identity)?,
            CommandKind::StartChild(child) => self.start_child(*child, completed, trimmings)?,
            CommandKind::SignalExternal(signal) => {
                self.signal_external(*signal, completed, trimmings)?;
            }
            CommandKind::CancelExternal(cancel) => {
                self.cancel_external(*cancel, completed, trimmings)?;
            }
            CommandKind::RecordMarker(marker) => {
                let marker = *marker;
                let attributes = MarkerRecordedEventAttributes {
                    marker_name: marker.marker_name,
                    details: marker.details,
                    workflow_task_completed_event_id: completed.0,
                    header: marker.header,
                    failure: marker.failure,
                };
                self.write_with(attributes, trimmings);
            }
            CommandKind::UpsertSearchAttributes(changes) => {
                let attributes = UpsertWorkflowSearchAttributesEventAttributes {
                    workflow_task_completed_event_id: completed.0,
                    search_attributes: Some(changes),
                };
                self.write_with(attributes, trimmings);
            }
            CommandKind::ModifyMemo(changes) => {
                let attributes = WorkflowPropertiesModifiedEventAttributes {
                    workflow_task_completed_event_id: completed.0,
                    upserted_memo: Some(changes),
                };
                self.write_with(attributes, trimmings);
            }
            CommandKind::ProtocolMessage { .. } => {
                unreachable!("the completion that has the messages takes it")
            }
            CommandKind::ScheduleNexus(operation) => {
                self.schedule_nexus(*operation, completed, trimmings)?;
            }
            CommandKind::CancelNexus { scheduled } => {
                self.request_cancel_nexus(scheduled, completed)?;
            }
            CommandKind::Complete(result) => self.end(Ending::Completed(result), completed)?,
            CommandKind::Fail(failure) => self.end(Ending::Failed(failure), completed)?,
            CommandKind::Cancel(details) => self.end(Ending::Canceled(details), completed)?,
            CommandKind::ContinueAsNew(next) => {
                self.end(Ending::ContinuedAsNew(next), completed)?
            }
        }
        Ok(false)
    }

    /// A close command loses against events that the workflow code has not seen.
    fn end(&mut self, ending: Ending, completed: EventId) -> Result<(), CommandError> {
        if self.run.buffered.is_empty() {
            self.close(ending, completed);
            Ok(())
        } else {
            bad(Cause::UnhandledCommand, "")
        }
    }
}
