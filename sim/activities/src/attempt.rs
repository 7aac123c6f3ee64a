//! One attempt of an activity: the SDK's future, polled by a process of the simulated world.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_sim::cluster::{ActivityContext, ActivityError, ActivityInfo, Timestamp};
use temporalio_common::{ActivityDefinition, data_converters::RawValue};
use temporalio_sdk::{
    activities::{
        ActivityContext as TheirContext, ActivityDefinitions, ActivityError as TheirError,
        ActivityImplementer, ActivityInfo as TheirInfo, ExecutableActivity,
    },
    testing::{ActivityEnvironment, TestActivityInfoOptions},
};

use crate::{
    convert::{self, HeartbeatDetails, fatal},
    driver::{Attempt, Driver, WakeAttempt},
};

/// Runs an attempt.
pub(crate) async fn run<A>(
    context: ActivityContext,
    input: Payloads,
    make: Arc<dyn Fn() -> A::Implementer + Send + Sync>,
    details: HeartbeatDetails,
) -> Result<Payloads, ActivityError>
where
    A: ExecutableActivity + 'static,
    A::Implementer: Send + Sync + 'static,
{
    let Some(driver) = Driver::current() else {
        return Err(fatal("NoRun", "this thread runs no scenario of this suite"));
    };
    let input: A::Input = convert::decode(&input).map_err(|why| fatal("BadPayload", &why))?;
    // One for all attempts of a process, and gone with it.
    let implementer = context.process_local(|| Arc::new(make()));
    let (number, attempt) = driver.enter(context.clone());
    let _leave = Leave(Rc::clone(&driver), number);
    let environment = environment(&driver, number, &context, details)?;
    let Some(theirs) = their_context(&environment) else {
        return Err(fatal("NoContext", "the SDK made no context"));
    };
    let receiver = Some(Arc::clone(&implementer));
    let code = driver.as_attempt(number, || A::execute(receiver, theirs, input));
    let cancelled = context.clone();
    let running = Running {
        code,
        cancelled: Some(Box::pin(async move { cancelled.cancelled().await })),
        environment,
        number,
        attempt,
        driver,
    };
    match running.await {
        Ok(Ok(output)) => convert::encode(&output).map_err(|why| fatal("BadPayload", &why)),
        Ok(Err(error)) => Err(convert::error(error)),
        Err(panic) => Err(convert::panicked(&*panic)),
    }
}

/// The attempt has ended, however.
struct Leave(Rc<Driver>, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

struct Running<O> {
    code: Pin<Box<dyn Future<Output = Result<O, TheirError>> + Send>>,
    /// Ends when the attempt is to be cancelled; `None` once it is.
    cancelled: Option<Pin<Box<dyn Future<Output = ()>>>>,
    environment: ActivityEnvironment,
    number: u64,
    attempt: Rc<Attempt>,
    driver: Rc<Driver>,
}

impl<O> Future for Running<O> {
    type Output = Result<Result<O, TheirError>, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.attempt.waker.replace(Some(cx.waker().clone()));
        if let Some(cancelled) = &mut this.cancelled
            && cancelled.as_mut().poll(cx).is_ready()
        {
            this.cancelled = None;
            this.environment.cancel();
        }
        let waker = Waker::from(Arc::new(WakeAttempt {
            number: this.number,
            mailbox: Arc::clone(&this.driver.mailbox),
        }));
        let mut inner = Context::from_waker(&waker);
        let code = &mut this.code;
        let mut poll = || {
            this.driver.as_attempt(this.number, || {
                catch_unwind(AssertUnwindSafe(|| code.as_mut().poll(&mut inner)))
            })
        };
        let mut polled = poll();
        // What the code has begun on the blocking thread may have ended before it looked, or not. Here it always has.
        while matches!(polled, Ok(Poll::Pending)) && this.driver.has_settled(this.number) {
            polled = poll();
        }
        this.driver.deliver(false);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

fn environment(
    driver: &Driver,
    number: u64,
    context: &ActivityContext,
    details: HeartbeatDetails,
) -> Result<ActivityEnvironment, ActivityError> {
    let mailbox = Arc::clone(&driver.mailbox);
    let earlier = context.info().heartbeat_details.as_ref();
    let earlier = RawValue::new(earlier.map_or_else(Vec::new, convert::theirs_all));
    let environment = ActivityEnvironment::builder_with_default()
        .heartbeat_details(earlier)
        .map_err(|error| fatal("BadPayload", &error.to_string()))?
        .on_heartbeat(move |it| mailbox.heartbeat(number, details.encode(&*it)))
        .info(their_info(context.info()))
        .build();
    Ok(environment)
}

fn their_info(info: &ActivityInfo) -> TheirInfo {
    let bound = |from: Timestamp, limit: Duration| (!limit.is_zero()).then(|| from.plus(limit));
    let one = bound(info.started, info.start_to_close);
    let all = bound(info.scheduled, info.schedule_to_close);
    let deadline = one.into_iter().chain(all).min();
    TestActivityInfoOptions::builder()
        .task_token(info.task_token.to_vec())
        .workflow_type(Some(info.workflow_type.clone()))
        .namespace(info.namespace.clone())
        .workflow_id(Some(info.workflow_id.clone()))
        .workflow_run_id(Some(info.run_id.clone()))
        .activity_id(info.activity_id.clone())
        .activity_type(info.activity_type.clone())
        .task_queue(info.task_queue.clone())
        .maybe_heartbeat_timeout(
            (!info.heartbeat_timeout.is_zero()).then_some(info.heartbeat_timeout),
        )
        .scheduled_time(system_time(info.scheduled))
        .started_time(system_time(info.started))
        .current_attempt_scheduled_time(system_time(info.attempt_scheduled))
        .deadline(deadline.and_then(system_time))
        .attempt(info.attempt)
        .is_local(info.is_local)
        .build()
}

fn system_time(time: Timestamp) -> Option<SystemTime> {
    let nanos = Duration::from_nanos(u64::try_from(time.as_nanos()).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(nanos)
}

thread_local! {
    /// The context that was made last.
    static MADE: RefCell<Option<TheirContext>> = const { RefCell::new(None) };
}

/// Only the SDK makes contexts, and only for an activity that it runs: this one keeps it.
struct TakeContext;

struct NoImplementer;

impl ActivityImplementer for NoImplementer {
    fn register_all(self: Arc<Self>, _: &mut ActivityDefinitions) {}
}

impl ActivityDefinition for TakeContext {
    type Input = RawValue;
    type Output = RawValue;

    fn name(&self) -> &str {
        "steadfast-take-context"
    }
}

impl ExecutableActivity for TakeContext {
    type Implementer = NoImplementer;
    const REQUIRES_INSTANCE: bool = false;

    fn definition() -> Self {
        Self
    }

    fn execute(
        _: Option<Arc<NoImplementer>>,
        context: TheirContext,
        _: RawValue,
    ) -> Pin<Box<dyn Future<Output = Result<RawValue, TheirError>> + Send>> {
        MADE.replace(Some(context));
        Box::pin(ready(Ok(RawValue::new(Vec::new()))))
    }
}

fn their_context(environment: &ActivityEnvironment) -> Option<TheirContext> {
    let taken = pin!(environment.run(TakeContext, RawValue::new(Vec::new())));
    let made = taken.poll(&mut Context::from_waker(Waker::noop()));
    made.is_ready().then(|| MADE.take()).flatten()
}
