//! Everything that time does to a run: one list, fired in order of time.

use steadfast_proto::temporal::api::enums::v1::TimeoutType;

use crate::{
    chain::Ending,
    execution::Run,
    ids::{EventId, TimerId},
    nexus::{NexusAsk, NexusDeadline, next_nexus_deadline},
    time::Timestamp,
    tx::Tx,
    workflow_task::WorkflowTask,
};

/// Why a deadline stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// The chain of runs is out of time.
    ExecutionTimeout,
    /// The run is out of time.
    RunTimeout,
    /// The first workflow task's delay is over.
    FirstWorkflowTask,
    /// A timer fires.
    Timer(TimerId),
    /// The workflow task is out of time.
    WorkflowTask(TimeoutKind),
    /// An activity or its attempt is out of time.
    Activity(EventId, TimeoutKind),
    /// An activity's next attempt is due.
    ActivityRetry,
    /// Messages without an answer are sent again.
    Resend,
    /// A Nexus operation is out of time.
    Nexus(EventId, TimeoutKind),
    /// A Nexus handler has not answered in time.
    NexusAnswer(EventId, NexusAsk),
    /// A schedule acts.
    Schedule,
    /// A batch job goes on, or is forgotten.
    Batch,
}

/// Temporal's timeout types, in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeoutKind {
    /// One attempt on a worker.
    StartToClose,
    /// One attempt's wait for a worker.
    ScheduleToStart,
    /// All attempts together.
    ScheduleToClose,
    /// The pause between two heartbeats.
    Heartbeat,
}

impl TimeoutKind {
    fn of(wire: TimeoutType) -> Self {
        match wire {
            TimeoutType::StartToClose | TimeoutType::Unspecified => Self::StartToClose,
            TimeoutType::ScheduleToStart => Self::ScheduleToStart,
            TimeoutType::ScheduleToClose => Self::ScheduleToClose,
            TimeoutType::Heartbeat => Self::Heartbeat,
        }
    }

    fn wire(self) -> TimeoutType {
        match self {
            Self::StartToClose => TimeoutType::StartToClose,
            Self::ScheduleToStart => TimeoutType::ScheduleToStart,
            Self::ScheduleToClose => TimeoutType::ScheduleToClose,
            Self::Heartbeat => TimeoutType::Heartbeat,
        }
    }
}

impl Tx<'_> {
    /// Fires all that is due, in order of time.
    pub(crate) fn fire_due(&mut self) {
        while let Some((at, reason)) = self.next_due() {
            if at > self.now {
                break;
            }
            self.fire(&reason);
        }
    }

    fn fire(&mut self, reason: &DeadlineReason) {
        match reason {
            DeadlineReason::ExecutionTimeout => {
                self.close(Ending::TimedOut { whole_chain: true }, EventId::NONE);
            }
            DeadlineReason::RunTimeout => {
                self.close(Ending::TimedOut { whole_chain: false }, EventId::NONE);
            }
            DeadlineReason::FirstWorkflowTask => self.schedule_task(1, self.now),
            DeadlineReason::Timer(id) => self.fire_timer(id),
            DeadlineReason::WorkflowTask(kind) => self.time_out_task(kind.wire()),
            DeadlineReason::Activity(id, kind) => self.time_out_activity(*id, kind.wire()),
            DeadlineReason::Nexus(id, kind) => self.time_out_nexus(*id, kind.wire()),
            DeadlineReason::NexusAnswer(id, ask) => self.nexus_unanswered(*id, *ask),
            DeadlineReason::ActivityRetry
            | DeadlineReason::Resend
            | DeadlineReason::Schedule
            | DeadlineReason::Batch => {}
        }
    }

    /// What time does next to the run in hand.
    pub(crate) fn next_due(&self) -> Option<(Timestamp, DeadlineReason)> {
        if !self.run.is_open() || self.run.history.next_event == EventId::FIRST {
            return None;
        }
        let timer = self
            .next_timer()
            .map(|(at, id)| (at, DeadlineReason::Timer(id)));
        let activity = self
            .next_activity_timeout()
            .map(|(at, id, kind)| (at, DeadlineReason::Activity(id, TimeoutKind::of(kind))));
        let nexus = next_nexus_deadline(&self.run).map(|(at, id, what)| match what {
            NexusDeadline::OutOfTime(kind) => {
                (at, DeadlineReason::Nexus(id, TimeoutKind::of(kind)))
            }
            NexusDeadline::NoAnswer(ask) => (at, DeadlineReason::NexusAnswer(id, ask)),
        });
        [fixed(&self.run, self.task()), timer, activity, nexus]
            .into_iter()
            .flatten()
            .min()
    }
}

/// The deadlines that a run has at most one of each.
fn fixed(run: &Run, task: Option<&WorkflowTask>) -> Option<(Timestamp, DeadlineReason)> {
    let history = &run.history;
    let chain = history
        .chain_expires()
        .map(|at| (at, DeadlineReason::ExecutionTimeout));
    let own = history
        .run_expires()
        .map(|at| (at, DeadlineReason::RunTimeout));
    let first = !history.task_seen && run.begun && task.is_none() && history.paused.is_none();
    let first = first.then(|| (history.execution_time(), DeadlineReason::FirstWorkflowTask));
    let task = task
        .and_then(WorkflowTask::deadline)
        .map(|(at, kind)| (at, DeadlineReason::WorkflowTask(TimeoutKind::of(kind))));
    [chain, own, first, task].into_iter().flatten().min()
}

/// When a run that is not in memory has to be looked at: its next deadline, or at once if an attempt waits for a
/// poller.
pub(crate) fn sleeps_until(run: &Run) -> Option<Timestamp> {
    if !run.is_open() {
        return None;
    }
    let timer = run.history.timer_queue.first().map(|(at, _, _)| *at);
    let activities = run.activities.iter().filter_map(|(id, state)| {
        let timeout = state
            .deadline(run.find_activity(*id)?, run.is_held(*id))
            .map(|(at, _)| at);
        let waits = state.started.is_none() && !run.is_held(*id);
        let dispatch = waits.then_some(state.scheduled);
        timeout.into_iter().chain(dispatch).min()
    });
    let nexus = next_nexus_deadline(run).map(|(at, _, _)| at);
    let asks = run
        .nexus
        .values()
        .flat_map(|state| state.waiting().map(|(_, call)| call.due));
    fixed(run, run.task.as_deref())
        .map(|(at, _)| at)
        .into_iter()
        .chain(timer)
        .chain(activities)
        .chain(nexus)
        .chain(asks)
        .min()
}
