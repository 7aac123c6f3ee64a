//! What activity code sees of the world: services, time, heartbeats, cancellation.
//!
//! Activity code is registered by name and is an ordinary future. It belongs to a worker's process and dies with it,
//! wherever it is. It acts only through its [`ActivityContext`]; what it asks for waits in the worker's [`Desk`] until
//! the worker's next move.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    fmt,
    rc::Rc,
    task,
    time::Duration,
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::{Timestamp, time::duration_to_proto};
use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads},
    failure::v1::{ApplicationFailureInfo, CanceledFailureInfo, Failure, failure::FailureInfo},
};

use super::wire::{ServiceCall, ServiceError};
use crate::kernel::{Bell, Sender, Sleep, TaskHandle, oneshot};

/// How an activity ends.
pub type ActivityResult = Result<Payloads, ActivityError>;

/// Why an activity did not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActivityError {
    /// It failed; the retry policy decides what follows.
    #[error("{kind}: {message}")]
    Failed {
        /// The failure's type, as retry policies name it.
        kind: String,
        /// For people.
        message: String,
        /// Whether it is no use to try again.
        non_retryable: bool,
    },
    /// It stopped because it was asked to.
    #[error("the activity was cancelled")]
    Cancelled,
    /// A failure as the engine is to record it.
    #[error("{}", .0.message)]
    Failure(Box<Failure>),
}

impl From<ServiceError> for ActivityError {
    fn from(error: ServiceError) -> Self {
        Self::Failed {
            kind: error.kind,
            message: error.message,
            non_retryable: error.fatal,
        }
    }
}

impl ActivityError {
    /// The same, and the next attempt follows after this pause, whatever the retry policy says.
    #[must_use]
    pub fn retry_after(&self, pause: Duration) -> Self {
        let mut failure = self.to_failure();
        if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info {
            info.next_retry_delay = Some(duration_to_proto(pause));
        }
        Self::Failure(Box::new(failure))
    }

    /// The details of a cancellation, if it is one.
    #[must_use]
    pub fn cancellation(&self) -> Option<Option<Payloads>> {
        match self {
            Self::Cancelled => Some(None),
            Self::Failure(failure) => match &failure.failure_info {
                Some(FailureInfo::CanceledFailureInfo(info)) => Some(info.details.clone()),
                _ => None,
            },
            Self::Failed { .. } => None,
        }
    }

    /// The failure as the engine records it.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let info = match self {
            Self::Failed {
                kind,
                non_retryable,
                ..
            } => FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: kind.clone(),
                non_retryable: *non_retryable,
                ..ApplicationFailureInfo::default()
            }),
            Self::Cancelled => FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default()),
            Self::Failure(failure) => return (**failure).clone(),
        };
        let message = match self {
            Self::Failed { message, .. } => message.clone(),
            Self::Cancelled | Self::Failure(_) => self.to_string(),
        };
        Failure {
            message,
            source: "steadfast-sim".to_owned(),
            failure_info: Some(info),
            ..Failure::default()
        }
    }
}

/// What an attempt knows of itself.
#[derive(Clone, Debug, Default)]
pub struct ActivityInfo {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The id that the workflow gave it.
    pub activity_id: String,
    /// The name of the code.
    pub activity_type: String,
    /// On behalf of which workflow.
    pub workflow_id: String,
    /// Which run of it.
    pub run_id: String,
    /// The bound on this attempt.
    pub start_to_close: Duration,
    /// The longest pause between two heartbeats.
    pub heartbeat_timeout: Duration,
    /// What the last heartbeat of an earlier attempt said.
    pub heartbeat_details: Option<Payloads>,
    /// Whether it runs on behalf of a workflow task that waits for it, in the same process.
    pub is_local: bool,
    /// Names this attempt to the engine; empty for a local one.
    pub task_token: Bytes,
    /// The namespace.
    pub namespace: String,
    /// Which type of workflow asked for it.
    pub workflow_type: String,
    /// From which queue it came.
    pub task_queue: String,
    /// The bound on all attempts together; zero if there is none.
    pub schedule_to_close: Duration,
    /// When the workflow asked for it.
    pub scheduled: Timestamp,
    /// When this attempt was scheduled.
    pub attempt_scheduled: Timestamp,
    /// When this attempt started.
    pub started: Timestamp,
}

/// What activities want of their worker, in the order in which they asked.
pub(crate) type Desk = Rc<RefCell<VecDeque<Wish>>>;

/// Names a started activity in its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u64);

/// One thing that an activity wants of its worker.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Call a service.
    Call {
        slot: Slot,
        service: String,
        call: ServiceCall,
        answer: Sender<Result<Vec<u8>, ServiceError>>,
    },
    /// Tell the engine that it is alive.
    Heartbeat {
        slot: Slot,
        details: Option<Payloads>,
    },
    /// It has ended.
    Done { slot: Slot, result: ActivityResult },
}

#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    cancelled: bool,
    wakers: Vec<task::Waker>,
}

impl Cancellation {
    pub(crate) fn cancel(&mut self) {
        self.cancelled = true;
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

/// What a process keeps for its activities, by type.
pub(crate) type Kept = Rc<RefCell<BTreeMap<TypeId, Rc<dyn Any>>>>;

/// An attempt's handle to the world.
#[derive(Clone)]
pub struct ActivityContext {
    pub(crate) slot: Slot,
    pub(crate) info: Rc<ActivityInfo>,
    pub(crate) desk: Desk,
    pub(crate) time: TaskHandle,
    pub(crate) cancellation: Rc<RefCell<Cancellation>>,
    pub(crate) bell: Bell,
    pub(crate) kept: Kept,
}

impl fmt::Debug for ActivityContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityContext")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl ActivityContext {
    /// What this attempt knows of itself.
    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.info
    }

    /// Waits.
    pub fn sleep(&self, length: Duration) -> Sleep {
        self.time.sleep(length)
    }

    /// Says that it is alive, and how far it is; the next attempt can read it. The worker passes on as much as the
    /// engine needs.
    pub fn heartbeat<T: Serialize>(&self, details: &T) {
        self.heartbeat_payloads(encode(details).ok());
    }

    /// Says that it is alive, with details that are payloads already.
    pub fn heartbeat_payloads(&self, details: Option<Payloads>) {
        let slot = self.slot;
        self.desk
            .borrow_mut()
            .push_back(Wish::Heartbeat { slot, details });
    }

    /// What the last heartbeat of an earlier attempt said.
    #[must_use]
    pub fn heartbeat_details<T: DeserializeOwned>(&self) -> Option<T> {
        decode(self.info.heartbeat_details.as_ref()?).ok()
    }

    /// Whether the workflow, or the engine, wants it to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.borrow().cancelled
    }

    /// Ends when the workflow, or the engine, wants the activity to stop.
    pub async fn cancelled(&self) {
        let cancellation = Rc::clone(&self.cancellation);
        std::future::poll_fn(move |cx| {
            let mut cancellation = cancellation.borrow_mut();
            if cancellation.cancelled {
                return task::Poll::Ready(());
            }
            cancellation.wakers.push(cx.waker().clone());
            task::Poll::Pending
        })
        .await;
    }

    /// Calls a service, once. No answer in ten seconds is an error of type `Timeout`: nobody knows whether it was done.
    ///
    /// # Errors
    /// With what the service says, or if it does not answer.
    pub async fn call<I: Serialize, O: DeserializeOwned>(
        &self,
        service: &str,
        operation: &str,
        key: &str,
        input: &I,
    ) -> Result<O, ServiceError> {
        let body = serde_json::to_vec(input)
            .map_err(|error| ServiceError::fatal("BadRequest", error.to_string()))?;
        let body = self.call_raw(service, operation, key, body).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ServiceError::fatal("BadAnswer", error.to_string()))
    }

    /// As [`call`](Self::call), with a request and an answer that are JSON already.
    ///
    /// # Errors
    /// With what the service says, or if it does not answer.
    pub async fn call_raw(
        &self,
        service: &str,
        operation: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ServiceError> {
        let (answer, answered) = oneshot();
        let call = ServiceCall {
            operation: operation.to_owned(),
            key: key.to_owned(),
            workflow: self.info.workflow_id.clone(),
            attempt: self.info.attempt,
            body,
        };
        let wish = Wish::Call {
            slot: self.slot,
            service: service.to_owned(),
            call,
            answer,
        };
        self.desk.borrow_mut().push_back(wish);
        let lost = |_| ServiceError::transient("Unavailable", "the connection broke");
        answered.await.map_err(lost)?
    }

    /// What wakes the process that this attempt runs in, from outside of it.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Something that all activities of this process share: made when it is asked for first, one of each type, and
    /// gone with the process.
    pub fn process_local<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let known = self.kept.borrow().get(&TypeId::of::<T>()).cloned();
        if let Some(Ok(known)) = known.map(Rc::downcast) {
            return known;
        }
        let made = Rc::new(make());
        let kept: Rc<dyn Any> = Rc::<T>::clone(&made);
        self.kept.borrow_mut().insert(TypeId::of::<T>(), kept);
        made
    }
}

/// A value as payloads: one, in JSON.
///
/// # Errors
/// If the value has no JSON form.
pub fn encode<T: Serialize>(value: &T) -> Result<Payloads, ActivityError> {
    let data = serde_json::to_vec(value).map_err(|error| bad_payload(&error))?;
    let encoding: &[u8] = if data == b"null" {
        b"binary/null"
    } else {
        b"json/plain"
    };
    let data = if data == b"null" { Vec::new() } else { data };
    let metadata = [("encoding".to_owned(), encoding.to_vec().into())];
    let payload = Payload {
        metadata: metadata.into(),
        data: data.into(),
        ..Payload::default()
    };
    Ok(Payloads {
        payloads: vec![payload],
    })
}

/// The first payload as a value; none is null.
///
/// # Errors
/// If the payload is not what the code expects.
pub fn decode<T: DeserializeOwned>(payloads: &Payloads) -> Result<T, ActivityError> {
    let first = payloads.payloads.first();
    let data = first.map_or(&b"null"[..], |payload| &payload.data[..]);
    let data = if data.is_empty() { b"null" } else { data };
    serde_json::from_slice(data).map_err(|error| bad_payload(&error))
}

fn bad_payload(error: &serde_json::Error) -> ActivityError {
    ActivityError::Failed {
        kind: "BadPayload".to_owned(),
        message: error.to_string(),
        non_retryable: true,
    }
}
