//! What operators do to pending activities: pause them, let them go on, begin them anew, change their bounds.
//!
//! | attempt | pause | unpause | reset | new options |
//! |---|---|---|---|---|
//! | waits | is not offered | offered now | attempt 1, offered now | offered anew |
//! | is at work | its heartbeat says so; if it fails, the next one is not offered | goes on | its heartbeat says so; the next one is attempt 1 | its bounds count from its start |
//!
//! None of this is in the history. It is kept beside the activity's attempts and goes when the activity is over.
// temporal: service/history/workflow/activity.go, service/history/api/{pauseactivity,unpauseactivity,resetactivity,
// updateactivityoptions}/api.go.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::activity::v1::ActivityOptions;

use super::ActivityState;
use crate::{
    command::ActivityTimeouts,
    effect::{Rejection, Reply, ReplyTo},
    execution::Run,
    history::{ScheduledActivity, proto_duration},
    ids::{ActivityId, EventId, RequestId},
    parse::{retry_policy, retry_policy_to_proto},
    record::{Proto, Record},
    request::Target,
    time::{Timestamp, duration_to_proto},
    tx::Tx,
};

/// A request about pending activities of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlRequest {
    /// Whose.
    pub target: Target,
    /// Which of them.
    pub which: Which,
    /// What about them.
    pub action: ControlAction,
}

/// Which pending activities are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this id.
    Id(ActivityId),
    /// All of this type.
    Type(String),
    /// All.
    All,
}

/// What is done to a pending activity.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlAction {
    /// It is not tried any more for now.
    Pause(Paused),
    /// It is tried again.
    Unpause {
        /// The next attempt is the first again.
        reset_attempts: bool,
        /// What the last heartbeat said is forgotten.
        reset_heartbeat: bool,
        /// The longest time by which the next attempt is put off, by chance.
        jitter: Duration,
    },
    /// The next attempt is the first again.
    Reset {
        /// What the last heartbeat said is forgotten.
        reset_heartbeat: bool,
        /// A paused one stays so.
        keep_paused: bool,
        /// The options are those again that it was scheduled with.
        restore_options: bool,
        /// The longest time by which the next attempt is put off, by chance.
        jitter: Duration,
    },
    /// Its queue, bounds or retries change.
    Options(Box<NewOptions>),
}

/// New options of an activity.
#[derive(Clone, Debug, PartialEq)]
pub enum NewOptions {
    /// Some of them are different.
    Changed {
        /// The new values.
        options: Box<ActivityOptions>,
        /// Which of them count, as paths of a field mask.
        paths: Vec<String>,
    },
    /// They are those again that it was scheduled with.
    Original,
}

/// A pause, and who wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub time: Timestamp,
    /// Who.
    pub identity: String,
    /// Why.
    pub reason: String,
    /// Makes a repeated request harmless.
    pub request_id: RequestId,
}

/// What operators have done to an activity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivityControl {
    /// It is not tried for now.
    pub paused: Option<Paused>,
    /// The attempt that is at work is to be followed by a first one.
    pub reset: bool,
    /// Its options, all of them, if they are not those that it was scheduled with.
    pub options: Option<Box<Proto<ActivityOptions>>>,
}

/// The same, with what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Controlled {
    /// What operators have done.
    pub control: ActivityControl,
    /// The activity as it is to be taken now.
    pub(crate) effective: Option<Box<ScheduledActivity>>,
}

impl Controlled {
    pub(crate) fn new(control: ActivityControl, scheduled: &ScheduledActivity) -> Self {
        let options = control.options.as_ref();
        let effective = options.map(|options| Box::new(with_options(scheduled, &options.0)));
        Self { control, effective }
    }
}

impl Run {
    /// A pending activity as it is to be taken now.
    ///
    /// # Panics
    /// If it is not pending.
    pub(crate) fn activity(&self, id: EventId) -> &ScheduledActivity {
        self.find_activity(id).expect("the caller looked it up")
    }

    pub(crate) fn find_activity(&self, id: EventId) -> Option<&ScheduledActivity> {
        let changed = self.controls.get(&id).and_then(|c| c.effective.as_deref());
        changed.or_else(|| self.history.activities.get(&id))
    }

    /// Whether an activity's next attempt is not offered to anybody.
    pub(crate) fn is_held(&self, id: EventId) -> bool {
        self.history.paused.is_some() || self.paused(id).is_some()
    }

    /// An activity's own pause.
    pub(crate) fn paused(&self, id: EventId) -> Option<&Paused> {
        self.controls.get(&id)?.control.paused.as_ref()
    }
}

impl Tx<'_> {
    /// An operator does something to activities of the run in hand.
    pub(crate) fn control_activities(&mut self, request: ControlRequest, reply_to: ReplyTo) {
        let answer = self.find_controlled(&request.which).and_then(|ids| {
            let last = *ids.last().expect("at least one");
            for id in ids {
                self.control_activity(id, &request.action)?;
            }
            Ok(match request.action {
                ControlAction::Options(_) => {
                    Reply::ActivityOptions(Box::new(options_of(self.run.activity(last))))
                }
                ControlAction::Pause(_)
                | ControlAction::Unpause { .. }
                | ControlAction::Reset { .. } => Reply::Done,
            })
        });
        self.reply(reply_to, answer);
    }

    fn find_controlled(&self, which: &Which) -> Result<Vec<EventId>, Rejection> {
        if !self.run.is_open() {
            return Err(Rejection::NotFound(
                "workflow execution already completed".to_owned(),
            ));
        }
        let pending = self.run.activities.keys().copied();
        let meant = pending.filter(|id| {
            let Some(activity) = self.run.history.activities.get(id) else {
                return false;
            };
            let attributes = &activity.attributes;
            match which {
                Which::Id(id) => attributes.activity_id == id.as_str(),
                Which::Type(name) => attributes
                    .activity_type
                    .as_ref()
                    .is_some_and(|t| t.name == *name),
                Which::All => true,
            }
        });
        let meant: Vec<_> = meant.collect();
        if meant.is_empty() {
            return Err(Rejection::NotFound(match which {
                Which::Id(id) => format!("cannot find pending activity with ActivityID {id}"),
                Which::Type(name) => format!("cannot find pending activities of type {name}"),
                Which::All => "the workflow has no pending activities".to_owned(),
            }));
        }
        Ok(meant)
    }

    fn control_activity(&mut self, id: EventId, action: &ControlAction) -> Result<(), Rejection> {
        match action {
            ControlAction::Pause(paused) => self.pause_activity(id, paused),
            ControlAction::Unpause {
                reset_attempts,
                reset_heartbeat,
                jitter,
            } => {
                self.unpause_activity(id, *reset_attempts, *reset_heartbeat, *jitter);
                Ok(())
            }
            ControlAction::Reset {
                reset_heartbeat,
                keep_paused,
                restore_options,
                jitter,
            } => {
                self.change_control(id, |control| {
                    if !keep_paused {
                        control.paused = None;
                    }
                    if *restore_options {
                        control.options = None;
                    }
                });
                self.reset_activity(id, *reset_heartbeat, *jitter);
                Ok(())
            }
            ControlAction::Options(new) => self.change_options(id, new),
        }
    }

    fn pause_activity(&mut self, id: EventId, paused: &Paused) -> Result<(), Rejection> {
        if let Some(known) = self.run.paused(id) {
            let same = !paused.request_id.is_empty() && known.request_id == paused.request_id;
            return if same {
                Ok(())
            } else {
                Err(Rejection::FailedPrecondition(
                    "activity is already paused".to_owned(),
                ))
            };
        }
        let paused = Paused {
            time: self.now,
            ..paused.clone()
        };
        self.change_control(id, |control| control.paused = Some(paused));
        self.dispatch_anew(id, |_| ());
        Ok(())
    }

    fn unpause_activity(
        &mut self,
        id: EventId,
        reset_attempts: bool,
        reset_heartbeat: bool,
        jitter: Duration,
    ) {
        if self.run.paused(id).is_none() {
            return;
        }
        self.change_control(id, |control| control.paused = None);
        if reset_attempts {
            return self.reset_activity(id, reset_heartbeat, jitter);
        }
        let due = self.by_chance(jitter);
        self.dispatch_anew(id, |state| {
            state.scheduled = due;
            if reset_heartbeat {
                state.heartbeat_details = None;
            }
        });
    }

    fn reset_activity(&mut self, id: EventId, reset_heartbeat: bool, jitter: Duration) {
        let at_work = self.run.activities[&id].started.is_some();
        self.change_control(id, |control| control.reset = at_work);
        let due = self.by_chance(jitter);
        self.dispatch_anew(id, |state| {
            state.attempt = 1;
            state.scheduled = due;
            state.last_failure = None;
            state.retry_interval = Duration::ZERO;
            if reset_heartbeat {
                state.heartbeat_details = None;
            }
        });
        if at_work && reset_heartbeat {
            let mut state = self.run.activities[&id].clone();
            state.heartbeat_details = None;
            self.record(Record::Activity(id, Some(state)));
        }
    }

    /// The attempt that was at work when the activity was reset has ended: the next one is the first.
    pub(super) fn begin_anew(&mut self, id: EventId) {
        self.change_control(id, |control| control.reset = false);
        let details = self.run.activities[&id].heartbeat_details.clone();
        let state = &self.run.activities[&id];
        let first = ActivityState {
            stamp: state.stamp.wrapping_add(1),
            first_scheduled: state.first_scheduled,
            last_identity: state.last_identity.clone(),
            heartbeat_details: details,
            ..ActivityState::new(self.now)
        };
        self.record(Record::Activity(id, Some(Box::new(first))));
    }

    fn change_options(&mut self, id: EventId, new: &NewOptions) -> Result<(), Rejection> {
        let options = match new {
            NewOptions::Original => None,
            NewOptions::Changed { options, paths } => {
                let mut all = options_of(self.run.activity(id));
                for path in paths {
                    merge(&mut all, options, path)?;
                }
                let run_timeout =
                    proto_duration(self.run.history.start.workflow_run_timeout.as_ref());
                let bounds = bounds_of(&all)
                    .resolve(run_timeout)
                    .map_err(Rejection::InvalidArgument)?;
                Some(Box::new(Proto(with_bounds(all, bounds))))
            }
        };
        self.change_control(id, |control| control.options = options);
        self.dispatch_anew(id, |_| ());
        Ok(())
    }

    fn change_control(&mut self, id: EventId, change: impl FnOnce(&mut ActivityControl)) {
        let known = self.run.controls.get(&id).map(|c| c.control.clone());
        let before = known.unwrap_or_default();
        let mut control = before.clone();
        change(&mut control);
        if control != before {
            self.record(Record::ActivityControl(id, Box::new(control)));
        }
    }

    /// An attempt that waits is another task from now on; one that is at work stays the same.
    fn dispatch_anew(&mut self, id: EventId, change: impl FnOnce(&mut ActivityState)) {
        let mut state = self.run.activities[&id].clone();
        if state.started.is_none() {
            change(&mut state);
            state.stamp = state.stamp.wrapping_add(1);
            self.record(Record::Activity(id, Some(state)));
        }
    }

    /// Now, or up to so much later.
    fn by_chance(&mut self, jitter: Duration) -> Timestamp {
        let nanos = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            return self.now;
        }
        let share = (u128::from(nanos) * u128::from(self.ids.stamp())) >> 32;
        let later = Duration::from_nanos(u64::try_from(share).unwrap_or(nanos));
        self.now.plus(later)
    }
}

/// The options of an activity as they are now.
pub(crate) fn options_of(activity: &ScheduledActivity) -> ActivityOptions {
    let a = &activity.attributes;
    ActivityOptions {
        task_queue: a.task_queue.clone(),
        schedule_to_close_timeout: a.schedule_to_close_timeout,
        schedule_to_start_timeout: a.schedule_to_start_timeout,
        start_to_close_timeout: a.start_to_close_timeout,
        heartbeat_timeout: a.heartbeat_timeout,
        retry_policy: a.retry_policy.clone(),
        priority: a.priority.clone(),
        ..ActivityOptions::default()
    }
}

/// An activity with other options.
fn with_options(activity: &ScheduledActivity, options: &ActivityOptions) -> ScheduledActivity {
    let mut attributes = (*activity.attributes).clone();
    attributes.task_queue.clone_from(&options.task_queue);
    attributes.schedule_to_close_timeout = options.schedule_to_close_timeout;
    attributes.schedule_to_start_timeout = options.schedule_to_start_timeout;
    attributes.start_to_close_timeout = options.start_to_close_timeout;
    attributes.heartbeat_timeout = options.heartbeat_timeout;
    attributes.retry_policy.clone_from(&options.retry_policy);
    attributes.priority.clone_from(&options.priority);
    let retry = options.retry_policy.as_ref();
    ScheduledActivity {
        retry: retry
            .and_then(|policy| retry_policy(policy).ok())
            .unwrap_or_default(),
        timeouts: bounds_of(options),
        attributes: Arc::new(attributes),
        ..activity.clone()
    }
}

fn bounds_of(options: &ActivityOptions) -> ActivityTimeouts {
    ActivityTimeouts {
        schedule_to_close: proto_duration(options.schedule_to_close_timeout.as_ref()),
        schedule_to_start: proto_duration(options.schedule_to_start_timeout.as_ref()),
        start_to_close: proto_duration(options.start_to_close_timeout.as_ref()),
        heartbeat: proto_duration(options.heartbeat_timeout.as_ref()),
    }
}

fn with_bounds(options: ActivityOptions, bounds: ActivityTimeouts) -> ActivityOptions {
    ActivityOptions {
        schedule_to_close_timeout: Some(duration_to_proto(bounds.schedule_to_close)),
        schedule_to_start_timeout: Some(duration_to_proto(bounds.schedule_to_start)),
        start_to_close_timeout: Some(duration_to_proto(bounds.start_to_close)),
        heartbeat_timeout: Some(duration_to_proto(bounds.heartbeat)),
        ..options
    }
}

/// Takes one field over, as a path of a field mask names it, in snake or camel case.
// temporal: service/history/api/updateactivityoptions/api.go mergeActivityOptions.
fn merge(into: &mut ActivityOptions, from: &ActivityOptions, path: &str) -> Result<(), Rejection> {
    let plain: String = path.chars().filter(|c| *c != '_').collect();
    let policy = || from.retry_policy.clone().unwrap_or_default();
    match plain.to_ascii_lowercase().as_str() {
        "taskqueue" | "taskqueue.name" => {
            let queue = from
                .task_queue
                .clone()
                .filter(|queue| !queue.name.is_empty());
            let Some(queue) = queue else {
                return Err(Rejection::InvalidArgument(
                    "TaskQueue is not set on ActivityOptions.".to_owned(),
                ));
            };
            into.task_queue.get_or_insert_default().name = queue.name;
        }
        "scheduletoclosetimeout" => into.schedule_to_close_timeout = from.schedule_to_close_timeout,
        "scheduletostarttimeout" => into.schedule_to_start_timeout = from.schedule_to_start_timeout,
        "starttoclosetimeout" => into.start_to_close_timeout = from.start_to_close_timeout,
        "heartbeattimeout" => into.heartbeat_timeout = from.heartbeat_timeout,
        "priority" => into.priority.clone_from(&from.priority),
        "retrypolicy" => into.retry_policy = Some(policy()),
        "retrypolicy.initialinterval" => {
            into.retry_policy.get_or_insert_default().initial_interval = policy().initial_interval;
        }
        "retrypolicy.backoffcoefficient" => {
            into.retry_policy
                .get_or_insert_default()
                .backoff_coefficient = policy().backoff_coefficient;
        }
        "retrypolicy.maximuminterval" => {
            into.retry_policy.get_or_insert_default().maximum_interval = policy().maximum_interval;
        }
        "retrypolicy.maximumattempts" => {
            into.retry_policy.get_or_insert_default().maximum_attempts = policy().maximum_attempts;
        }
        _ => {
            return Err(Rejection::InvalidArgument(format!(
                "UpdateMask names {path:?}, which is no option of an activity"
            )));
        }
    }
    if let Some(policy) = &mut into.retry_policy {
        let parsed = retry_policy(policy).map_err(Rejection::InvalidArgument)?;
        *policy = retry_policy_to_proto(&parsed);
    }
    Ok(())
}
