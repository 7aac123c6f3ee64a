//! From history to jobs, and the comparison of its command events with the code's commands.

use prost_types::Timestamp;
use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as Cmd},
    enums::v1::{EventType, WorkflowTaskFailedCause},
    history::v1::{
        HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
    },
};

use super::{Interpreter, REMEMBERED, StartInfo, TaskInfo};
use crate::{
    digest::randomness_seed,
    error::{Result, Trouble},
    event,
    feed::Feed,
    flags::Flag,
    language::{DoUpdate, Initialize, Job, Signal},
    machines::{
        Machine, Op, Queued,
        check::check,
        update::{self, Incoming, Update},
    },
    markers,
    nondeterminism::{Mismatch, NonDeterminismKind},
};

impl Interpreter {
    /// Applies the next stretch of history; says how many events it had.
    pub(crate) fn advance(&mut self, feed: &mut Feed<'_>) -> Result<usize> {
        self.seal();
        if self.closed {
            self.replaying = false;
            return Ok(0);
        }
        let (events, is_last) = feed.take();
        let done = events.partition_point(|event| event.event_id <= self.last_event_id);
        let events = &events[done..];
        if !events.is_empty() {
            self.locals.activation_index = 0;
        }
        self.learn_flags(events, feed);
        if events.is_empty() {
            self.replaying = false;
        }
        let starts = events
            .last()
            .is_some_and(|e| e.event_type() == EventType::WorkflowTaskStarted);
        let mut skip_next = false;
        for (index, event) in events.iter().enumerate() {
            if event.event_id != self.last_event_id + 1 {
                let why = format!("event {} should follow", self.last_event_id + 1);
                return Err(Trouble::invalid(event.event_id, why));
            }
            if self.replaying
                && is_last
                && event.event_id > self.previous_started_event_id
                && event.event_type() != EventType::WorkflowTaskCompleted
                && !event::is_command(event)
            {
                self.replaying = false;
            }
            let admitted = self.admit(event)?;
            self.deliver_requests(event.event_id - 1)?;
            if !std::mem::take(&mut skip_next) && !admitted {
                let current = starts && index + 1 == events.len();
                skip_next = self.apply(event, events.get(index + 1), is_last, current)?;
            }
            self.last_event_id = event.event_id;
        }
        if feed.is_over() {
            self.deliver_requests(i64::MAX)?;
        }
        self.look_ahead(feed)?;
        self.prepare();
        Ok(events.len())
    }

    /// Flags count from the activation whose completion recorded them.
    fn learn_flags(&mut self, events: &[HistoryEvent], feed: &mut Feed<'_>) {
        for event in events {
            if let Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) =
                &event.attributes
                && let Some(metadata) = &completed.sdk_metadata
            {
                self.flags.learn(metadata);
            }
        }
        if let Some(metadata) = feed.next_completed().and_then(|c| c.sdk_metadata.as_ref()) {
            self.flags.learn(metadata);
        }
    }

    /// Keeps or delivers an update request that the server wrote into history; false for any other event.
    fn admit(&mut self, event: &HistoryEvent) -> Result<bool> {
        let Some(Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(_)) = &event.attributes
        else {
            return Ok(false);
        };
        if let Some(incoming) = update::incoming_from_event(event) {
            let incoming = incoming?;
            if self.replaying {
                self.admitted.insert(incoming.instance_id.clone(), incoming);
            } else {
                self.requests.push(incoming);
            }
        }
        Ok(true)
    }

    /// Hands the code the update requests that follow event `applied`.
    fn deliver_requests(&mut self, applied: i64) -> Result<()> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let due = self
            .requests
            .extract_if(.., |request| request.after_event() <= applied);
        for request in due.collect::<Vec<_>>() {
            self.request_update(request);
        }
        Ok(())
    }

    fn request_update(&mut self, incoming: Incoming) {
        self.updates += 1;
        let instance_id = incoming.instance_id.clone();
        self.effects.job(Job::DoUpdate(Box::new(DoUpdate {
            protocol_instance_id: instance_id.clone(),
            request: incoming.request.clone(),
            run_validator: !self.replaying,
        })));
        let machine = Machine::Update(Box::new(Update::new(incoming)));
        let key = self.insert(Op::Update, self.updates, machine);
        self.update_keys.insert(instance_id, key);
    }

    /// What the coming commands of this task prove about it: the patches that it took, the local activities that
    /// ended in it, the updates that it accepted.
    fn look_ahead(&mut self, feed: &mut Feed<'_>) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut later = Vec::new();
        for event in feed.peek() {
            match &event.attributes {
                Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
                    if let Some((patch_id, _)) = markers::patch_of(marker) {
                        self.patches.insert(patch_id.clone(), false);
                        self.effects.job(Job::NotifyHasPatch(patch_id));
                    } else if marker.marker_name == markers::LOCAL_ACTIVITY {
                        later.push(event);
                    }
                }
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(_)) => {
                    later.push(event);
                }
                _ => {}
            }
        }
        for event in later {
            match &event.attributes {
                Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
                    self.foresee_local(event.event_id, marker)?;
                }
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                    let incoming = match self.admitted.remove(&accepted.protocol_instance_id) {
                        Some(admitted) => admitted,
                        None => match update::incoming_from_event(event) {
                            Some(incoming) => incoming?,
                            None => continue,
                        },
                    };
                    self.request_update(incoming);
                }
                _ => {}
            }
        }
        self.release_held_locals();
        self.apply_time();
        Ok(())
    }

    /// Applies one event; true if the next one belongs to it and is to be passed over.
    fn apply(
        &mut self,
        event: &HistoryEvent,
        next: Option<&HistoryEvent>,
        is_last: bool,
        current: bool,
    ) -> Result<bool> {
        if event::is_final(event) {
            self.closed = true;
        }
        if event::is_ignorable(event) {
            return Ok(false);
        }
        let Some(attributes) = &event.attributes else {
            return Err(Trouble::invalid(event.event_id, unreadable(event)));
        };
        if event::is_command(event) {
            return self.command_event(event, next, is_last);
        }
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                self.start_run(event, started)?;
            }
            Attributes::WorkflowTaskStartedEventAttributes(started) => {
                self.task = TaskInfo {
                    history_size_bytes: started.history_size_bytes,
                    suggest_continue_as_new: started.suggest_continue_as_new,
                    suggest_continue_as_new_reasons: started
                        .suggest_continue_as_new_reasons
                        .clone(),
                    target_version_changed: started.target_worker_deployment_version_changed,
                };
                if current {
                    self.started_event_id = event.event_id;
                    self.move_time(event.event_time);
                    if !self.replaying {
                        self.run_waiting_locals();
                    }
                }
            }
            Attributes::WorkflowTaskFailedEventAttributes(failed) => {
                if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow {
                    let seed = randomness_seed(&failed.new_run_id);
                    self.effects.job(Job::UpdateRandomSeed(seed));
                }
            }
            Attributes::WorkflowExecutionSignaledEventAttributes(signaled) => {
                self.effects.job(Job::Signal(Box::new(Signal {
                    name: signaled.signal_name.clone(),
                    input: signaled
                        .input
                        .as_ref()
                        .map(|p| p.payloads.clone())
                        .unwrap_or_default(),
                    identity: signaled.identity.clone(),
                    header: signaled.header.clone(),
                    event_id: event.event_id,
                })));
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(requested) => {
                self.effects.job(Job::Cancel {
                    reason: requested.cause.clone(),
                });
            }
            Attributes::WorkflowTaskScheduledEventAttributes(_)
            | Attributes::WorkflowTaskCompletedEventAttributes(_)
            | Attributes::WorkflowTaskTimedOutEventAttributes(_)
            | Attributes::WorkflowExecutionTerminatedEventAttributes(_)
            | Attributes::WorkflowExecutionTimedOutEventAttributes(_)
            | Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(_)
            | Attributes::WorkflowExecutionPausedEventAttributes(_)
            | Attributes::WorkflowExecutionUnpausedEventAttributes(_)
            | Attributes::WorkflowExecutionTimeSkippingTransitionedEventAttributes(_) => {}
            _ => self.outcome(event)?,
        }
        Ok(false)
    }

    fn start_run(
        &mut self,
        event: &HistoryEvent,
        started: &WorkflowExecutionStartedEventAttributes,
    ) -> Result<()> {
        if event.event_id != 1 {
            return Err(Trouble::invalid(
                event.event_id,
                "the run starts a second time",
            ));
        }
        self.move_time(event.event_time);
        self.start = StartInfo {
            memo: started.memo.clone(),
            search_attributes: started.search_attributes.clone(),
            retry_policy: started.retry_policy.clone(),
            task_timeout: started.workflow_task_timeout,
        };
        self.effects.job(Job::Initialize(Box::new(Initialize {
            workflow_id: self.workflow_id.clone(),
            randomness_seed: randomness_seed(&started.original_execution_run_id),
            start_time: event.event_time.unwrap_or_default(),
            attributes: started.clone(),
        })));
        Ok(())
    }

    /// Workflow time never runs back.
    pub(super) fn move_time(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let later = |t: &Timestamp| (t.seconds, t.nanos) < (time.seconds, time.nanos);
        if self.time.as_ref().is_none_or(later) {
            self.time = Some(time);
        }
    }

    fn outcome(&mut self, event: &HistoryEvent) -> Result<()> {
        let Some(initiating_id) = event::initiating_id(event) else {
            let why = format!("{} means nothing to a worker", event::type_name(event));
            return Err(Trouble::invalid(event.event_id, why));
        };
        let machine = self
            .by_event
            .get(&initiating_id)
            .and_then(|key| self.machines.get_mut(key));
        let Some(machine) = machine else {
            let why = format!(
                "{} refers to event {initiating_id}, which began nothing that is still open",
                event::type_name(event)
            );
            return Err(Trouble::invalid(event.event_id, why));
        };
        machine.outcome(event, &mut self.effects)?;
        if machine.is_done()
            && let Some(key) = self.by_event.remove(&initiating_id)
        {
            self.machines.remove(&key);
        }
        Ok(())
    }

    /// Finds the command that became `event`.
    fn command_event(
        &mut self,
        event: &HistoryEvent,
        next: Option<&HistoryEvent>,
        is_last: bool,
    ) -> Result<bool> {
        if let Some(marker) = markers::local_activity_marker(event)
            && self.known_local_marker(event, marker)?
        {
            return Ok(false);
        }
        if is_nexus(event) {
            let why = format!(
                "{}: Nexus operations are not supported",
                event::type_name(event)
            );
            return Err(Trouble::invalid(event.event_id, why));
        }
        let patch = markers::patch_of_event(event);
        let ids_and_types = self.flags.try_use(Flag::IdAndTypeChecks, is_last);
        loop {
            while self.queue.front().is_some_and(|front| front.phantom) {
                self.queue.pop_front();
            }
            let front = self.queue.front();
            let front_patch = front.and_then(|front| patch_of_command(&front.command));
            match (&patch, front_patch) {
                // A deprecated patch's marker may stand alone.
                (Some((id, true)), other) if other.as_ref() != Some(id) => {
                    return Ok(next.is_some_and(upserts_version));
                }
                (Some((id, false)), None) => return Err(missing_patch(event, id, front).into()),
                // History was written before the code asked for this patch.
                (None, Some(_)) => {
                    self.queue.pop_front();
                    continue;
                }
                _ => {}
            }
            let Some(front) = front else {
                return Err(missing_command(event).into());
            };
            check(&front.command, event, ids_and_types)?;
            if let (Some((id, _)), Some(other)) = (&patch, patch_of_command(&front.command))
                && *id != other
            {
                return Err(missing_patch(event, id, Some(front)).into());
            }
            break;
        }
        let Some(matched) = self.queue.pop_front() else {
            return Ok(false);
        };
        self.record(matched, event, ids_and_types)?;
        Ok(false)
    }

    fn record(&mut self, matched: Queued, event: &HistoryEvent, ids_and_types: bool) -> Result<()> {
        if let Some(machine) = self.machines.get_mut(&matched.key) {
            machine.recorded(event, ids_and_types)?;
            if machine.is_done() {
                self.machines.remove(&matched.key);
            } else if event::initiating_id(event).is_none()
                && !matches!(machine, Machine::Update(_))
            {
                self.by_event.insert(event.event_id, matched.key);
            }
        }
        if let Some(initiating_id) = event::initiating_id(event)
            && !self.machines.contains_key(&matched.key)
        {
            self.by_event.remove(&initiating_id);
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((event.event_id, matched.command));
        Ok(())
    }
}

fn is_nexus(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::NexusOperationScheduled | EventType::NexusOperationCancelRequested
    )
}

fn patch_of_command(command: &Command) -> Option<String> {
    match &command.attributes {
        Some(Cmd::RecordMarkerCommandAttributes(marker))
            if marker.marker_name == markers::PATCH =>
        {
            markers::patch_of_details(&marker.details).map(|(id, _)| id)
        }
        _ => None,
    }
}

/// The version attribute that accompanies a patch marker.
fn upserts_version(event: &HistoryEvent) -> bool {
    matches!(
        &event.attributes,
        Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(upsert))
            if upsert.search_attributes.as_ref()
                .is_some_and(|s| s.indexed_fields.contains_key(markers::VERSION_KEY))
    )
}

fn unreadable(event: &HistoryEvent) -> String {
    format!(
        "{} has no attributes that this version can read, and workers may not ignore it",
        event::type_name(event)
    )
}

fn missing_command(event: &HistoryEvent) -> Mismatch {
    let history = event::describe(event);
    Mismatch {
        kind: NonDeterminismKind::MissingCommand,
        event_id: event.event_id,
        message: format!(
            "No command scheduled for event {} {history}",
            event.event_id
        ),
        history,
        code: "nothing".to_owned(),
    }
}

fn missing_patch(event: &HistoryEvent, patch_id: &str, front: Option<&Queued>) -> Mismatch {
    Mismatch {
        kind: NonDeterminismKind::MissingPatch,
        event_id: event.event_id,
        history: event::describe(event),
        code: front.map_or_else(
            || "nothing".to_owned(),
            |f| event::describe_command(&f.command),
        ),
        message: format!(
            "Non-deprecated patch marker encountered for change {patch_id}, but there is no corresponding change command!"
        ),
    }
}
