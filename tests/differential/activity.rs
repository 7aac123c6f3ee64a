//! Activities that do what the recipe says, remote and local.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use steadfast_core::{
    Timestamp, parse,
    time::{duration_from_proto, duration_to_proto},
};
use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads, RetryPolicy},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest,
        RespondActivityTaskCanceledRequest, RespondActivityTaskCompletedRequest,
        RespondActivityTaskFailedRequest,
    },
};
use steadfast_replay::{LocalActivity, LocalActivityOutcome, LocalActivityResult};

use crate::{
    client::{NAMESPACE, payload},
    lab::{Call, Lab},
    recipe::Act,
    worker::RunName,
};

/// The SDK's defaults.
const LONGEST_THROTTLE: Duration = Duration::from_secs(60);
const THROTTLE_WITHOUT_TIMEOUT: Duration = Duration::from_secs(30);
const LOCAL_RETRY_THRESHOLD: Duration = Duration::from_secs(60);
/// How often an activity looks whether it is to cancel.
const GLANCE: Duration = Duration::from_millis(50);

/// One attempt under way.
pub(crate) struct Running {
    pub(crate) worker: u32,
    target: Target,
    acts: VecDeque<Act>,
    input: Value,
    /// What the attempt before heartbeat last.
    details: Value,
    /// Set while it takes time.
    wake: Option<Timestamp>,
    cancelled: bool,
    throttle: Duration,
    /// No heartbeat is passed on before this.
    quiet_until: Timestamp,
    unsent: Option<Payloads>,
}

enum Target {
    Remote(Bytes),
    Local {
        name: RunName,
        activity: Box<LocalActivity>,
        begun: Timestamp,
    },
}

#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, taken apart at once"
)]
enum End {
    Completed(Payload),
    Failed(Failure),
    Cancelled(Payload),
    Elsewhere,
}

impl Running {
    /// When something happens by itself.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let unsent = self.unsent.as_ref().map(|_| self.quiet_until);
        self.wake.into_iter().chain(unsent).min()
    }
}

impl Lab<'_> {
    /// The script of an attempt: by activity id, by workflow id, by type, or the default.
    fn script(&self, kind: &str, activity_id: &str, workflow_id: &str, attempt: u32) -> Vec<Act> {
        let keys = [
            format!("{kind}/{activity_id}"),
            format!("{kind}@{workflow_id}"),
            kind.to_owned(),
        ];
        match keys.iter().find_map(|key| self.case.activities.get(key)) {
            Some(attempts) => {
                let attempt = usize::try_from(attempt).expect("small");
                attempts[attempts.len().min(attempt) - 1].clone()
            }
            None => self.defaults[kind].clone(),
        }
    }

    /// A task was polled.
    pub(crate) fn start_activity(&mut self, worker: u32, task: PollActivityTaskQueueResponse) {
        let attempt = u32::try_from(task.attempt).expect("from 1");
        let kind = task.activity_type.unwrap_or_default().name;
        let workflow_id = task.workflow_execution.unwrap_or_default().workflow_id;
        let acts = self.script(&kind, &task.activity_id, &workflow_id, attempt);
        let timeout = duration_from_proto(task.heartbeat_timeout.as_ref()).expect("not negative");
        let throttle = if timeout.is_zero() {
            THROTTLE_WITHOUT_TIMEOUT
        } else {
            timeout.mul_f64(0.8)
        };
        self.start_running(Running {
            worker,
            target: Target::Remote(task.task_token),
            acts: acts.into(),
            input: value(task.input.as_ref().and_then(|input| input.payloads.first())),
            details: value(
                task.heartbeat_details
                    .as_ref()
                    .and_then(|it| it.payloads.first()),
            ),
            wake: None,
            cancelled: false,
            throttle: throttle.min(LONGEST_THROTTLE),
            quiet_until: self.engine.now(),
            unsent: None,
        });
    }

    /// A workflow task wants a local activity, after a pause if it is a further attempt.
    pub(crate) fn start_local(
        &mut self,
        worker: u32,
        name: RunName,
        activity: LocalActivity,
        pause: Option<Duration>,
    ) {
        let (kind, id) = (&activity.activity_type, &activity.activity_id);
        let mut acts = VecDeque::from(self.script(kind, id, &name.0, activity.attempt));
        if let Some(pause) = pause {
            acts.push_front(Act::Sleep(u64::try_from(pause.as_millis()).expect("short")));
        }
        let begun = self.engine.now().plus(pause.unwrap_or_default());
        self.start_running(Running {
            worker,
            input: value(activity.arguments.first()),
            target: Target::Local {
                name,
                activity: Box::new(activity),
                begun,
            },
            acts,
            details: Value::Null,
            wake: None,
            cancelled: false,
            throttle: Duration::ZERO,
            quiet_until: self.engine.now(),
            unsent: None,
        });
    }

    fn start_running(&mut self, running: Running) {
        self.slots += 1;
        self.activities.insert(self.slots, running);
    }

    /// Lets every activity go on that can.
    pub(crate) fn run_activities(&mut self) -> bool {
        let mut progress = false;
        for slot in self.activities.keys().copied().collect::<Vec<_>>() {
            progress |= self.pass_on(slot);
            while self.activities.contains_key(&slot) && self.act(slot) {
                progress = true;
            }
        }
        progress
    }

    /// Goes on with the script; false if it has to wait.
    fn act(&mut self, slot: u64) -> bool {
        let now = self.engine.now();
        let running = self.activities.get_mut(&slot).expect("the caller looked");
        let Some(act) = running.acts.front().cloned() else {
            panic!("script has no end");
        };
        let end = match act {
            Act::Heartbeat(details) => {
                running.acts.pop_front();
                self.heartbeat(slot, &details);
                return true;
            }
            Act::Sleep(ms) => return self.rest(slot, Duration::from_millis(ms), true),
            Act::Gate(name) => {
                self.arrived.insert(name.clone());
                if self.open.contains(&name) {
                    running.acts.pop_front();
                    return true;
                }
                return false;
            }
            Act::AwaitCancellation if running.cancelled => {
                running.wake = None;
                running.acts.pop_front();
                return true;
            }
            Act::AwaitCancellation => {
                let wait = running.wake.is_some_and(|at| at > now);
                if !wait {
                    running.wake = None;
                    self.heartbeat(slot, &Value::Null);
                    self.rest(slot, GLANCE, false);
                }
                return !wait;
            }
            Act::Hang => return false,
            Act::Complete(value) => End::Completed(result(&value)),
            Act::CompleteWithHeartbeat => End::Completed(result(&running.details)),
            Act::Echo => End::Completed(result(&running.input)),
            Act::Advance => {
                let [cursor, limit] = ["cursor", "limit"].map(|name| running.input[name].as_u64());
                let sum = cursor.zip(limit).map(|(a, b)| a + b);
                End::Completed(result(&sum.into()))
            }
            Act::Fail {
                message,
                r#type,
                non_retryable,
                next_retry_delay_ms,
                details,
            } => End::Failed(Failure {
                message,
                failure_info: Some(FailureInfo::ApplicationFailureInfo(
                    ApplicationFailureInfo {
                        r#type,
                        non_retryable,
                        details: details.map(|it| Payloads {
                            payloads: vec![payload(&it)],
                        }),
                        next_retry_delay: next_retry_delay_ms
                            .map(|ms| duration_to_proto(Duration::from_millis(ms))),
                        ..ApplicationFailureInfo::default()
                    },
                )),
                ..Failure::default()
            }),
            Act::Cancelled(details) => End::Cancelled(payload(&details)),
            Act::Async => End::Elsewhere,
        };
        self.end(slot, end);
        true
    }

    /// Takes time; true once it is over.
    fn rest(&mut self, slot: u64, time: Duration, last: bool) -> bool {
        let now = self.engine.now();
        let running = self.activities.get_mut(&slot).expect("the caller looked");
        let wake = *running.wake.get_or_insert_with(|| now.plus(time));
        if wake > now {
            return false;
        }
        running.wake = None;
        if last {
            running.acts.pop_front();
        }
        true
    }

    fn heartbeat(&mut self, slot: u64, details: &Value) {
        let running = self.activities.get_mut(&slot).expect("the caller looked");
        if matches!(running.target, Target::Remote(_)) {
            running.unsent = Some(Payloads {
                payloads: vec![payload(details)],
            });
            self.pass_on(slot);
        }
    }

    /// Tells the engine of the newest heartbeat, unless it has just heard of one.
    fn pass_on(&mut self, slot: u64) -> bool {
        let now = self.engine.now();
        let Some(running) = self.activities.get_mut(&slot) else {
            return false;
        };
        let Target::Remote(token) = &running.target else {
            return false;
        };
        if running.quiet_until > now {
            return false;
        }
        let Some(details) = running.unsent.take() else {
            return false;
        };
        running.quiet_until = now.plus(running.throttle);
        let request = RecordActivityTaskHeartbeatRequest {
            task_token: token.clone(),
            details: Some(details),
            identity: self.workers[&running.worker].identity.clone(),
            namespace: NAMESPACE.to_owned(),
            ..RecordActivityTaskHeartbeatRequest::default()
        };
        let reply_to = self.engine.request(parse::activity_heartbeat(request));
        self.calls.insert(reply_to, Call::Heartbeat(slot));
        true
    }

    /// The engine heard of an activity, and may want it to stop.
    pub(crate) fn heartbeat_answered(&mut self, slot: u64, stop: bool) {
        if let Some(running) = self.activities.get_mut(&slot)
            && stop
        {
            running.cancelled = true;
        }
    }

    fn end(&mut self, slot: u64, end: End) {
        if matches!(end, End::Failed(_)) {
            // What was held back is what the next attempt is to see.
            if let Some(running) = self.activities.get_mut(&slot) {
                running.quiet_until = Timestamp::EPOCH;
            }
            self.pass_on(slot);
        }
        let running = self.activities.remove(&slot).expect("the caller looked");
        match running.target {
            Target::Remote(token) => self.end_remote(running.worker, token, end),
            Target::Local {
                name,
                activity,
                begun,
            } => {
                self.end_local(running.worker, name, *activity, begun, end);
            }
        }
    }

    fn end_remote(&mut self, worker: u32, task_token: Bytes, end: End) {
        let identity = self.workers[&worker].identity.clone();
        let namespace = NAMESPACE.to_owned();
        let request = match end {
            End::Completed(result) => {
                parse::activity_completed(RespondActivityTaskCompletedRequest {
                    task_token,
                    result: Some(Payloads {
                        payloads: vec![result],
                    }),
                    identity,
                    namespace,
                    ..RespondActivityTaskCompletedRequest::default()
                })
            }
            End::Failed(failure) => parse::activity_failed(RespondActivityTaskFailedRequest {
                task_token,
                failure: Some(failure),
                identity,
                namespace,
                ..RespondActivityTaskFailedRequest::default()
            }),
            End::Cancelled(details) => {
                parse::activity_canceled(RespondActivityTaskCanceledRequest {
                    task_token,
                    details: Some(Payloads {
                        payloads: vec![details],
                    }),
                    identity,
                    namespace,
                    ..RespondActivityTaskCanceledRequest::default()
                })
            }
            End::Elsewhere => return,
        };
        let reply_to = self.engine.request(request);
        self.calls.insert(reply_to, Call::Report);
    }

    /// An attempt of a local activity is over: the worker itself decides about the next.
    fn end_local(
        &mut self,
        worker: u32,
        name: RunName,
        mut activity: LocalActivity,
        begun: Timestamp,
        end: End,
    ) {
        let mut backoff = None;
        let outcome = match end {
            End::Completed(result) => LocalActivityOutcome::Completed(Some(result)),
            End::Failed(failure) => {
                let policy = activity.retry_policy.clone().unwrap_or_default();
                let pause = next_pause(&policy, activity.attempt, &failure);
                let threshold = activity.local_retry_threshold.as_ref();
                let threshold = threshold.map_or(LOCAL_RETRY_THRESHOLD, |it| {
                    duration_from_proto(Some(it)).expect("ok")
                });
                match pause {
                    Some(pause) if pause <= threshold => {
                        activity.attempt += 1;
                        return self.start_local(worker, name, activity, Some(pause));
                    }
                    Some(pause) => backoff = Some(duration_to_proto(pause)),
                    None => {}
                }
                LocalActivityOutcome::Failed(failure)
            }
            End::Cancelled(_) | End::Elsewhere => panic!("no case does that locally"),
        };
        let result = LocalActivityResult {
            seq: activity.seq,
            outcome,
            runtime: duration_to_proto(self.engine.now().since(begun)),
            attempt: activity.attempt,
            backoff,
        };
        self.local_ended(worker, name, result);
    }
}

/// How long the SDK waits before the next attempt of a local activity.
fn next_pause(policy: &RetryPolicy, attempt: u32, failure: &Failure) -> Option<Duration> {
    let Some(FailureInfo::ApplicationFailureInfo(info)) = &failure.failure_info else {
        return None;
    };
    let most = u32::try_from(policy.maximum_attempts).unwrap_or(0);
    let known = |kind: &String| kind.eq_ignore_ascii_case(&info.r#type);
    let refused = policy.non_retryable_error_types.iter().any(known);
    if info.non_retryable || refused || most > 0 && attempt >= most {
        return None;
    }
    if let Some(delay) = &info.next_retry_delay {
        return duration_from_proto(Some(delay));
    }
    let given =
        |it: Option<&prost_types::Duration>| it.and_then(|it| duration_from_proto(Some(it)));
    let first = given(policy.initial_interval.as_ref()).unwrap_or(Duration::from_secs(1));
    let longest = given(policy.maximum_interval.as_ref()).unwrap_or(first * 100);
    let backoff = if policy.backoff_coefficient >= 1.0 {
        policy.backoff_coefficient
    } else {
        2.0
    };
    let exponent = i32::try_from(attempt).expect("small") - 1;
    Some(first.mul_f64(backoff.powi(exponent)).min(longest))
}

fn value(payload: Option<&Payload>) -> Value {
    payload
        .and_then(|it| serde_json::from_slice(&it.data).ok())
        .unwrap_or_default()
}

/// A result as the SDK's data converter encodes it; `null` stands for "nothing".
fn result(value: &Value) -> Payload {
    if value.is_null() {
        Payload::null()
    } else {
        payload(value)
    }
}
