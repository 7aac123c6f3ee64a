//! Hosts one workflow written with the official SDK's macros.
//!
//! This is the only file that knows the SDK's runtime (`temporalio_workflow::__private::sdk`, no semver promise, so the
//! version is pinned) and the SDK's own message types. [`Instance`] takes an [`Activation`] and returns [`Answers`]; it
//! drives the code as the official worker does: apply all jobs, then poll signal and update handlers in order of arrival
//! and the main routine, until nothing moves.

use std::{
    any::Any,
    cell::RefCell,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

use prost::Message;
use prost_types::{Duration, Timestamp};
use steadfast_proto::temporal::api::{
    command::v1 as cmd,
    common::v1::{self as common, Header, Payload, Payloads},
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::{Failure, failure::FailureInfo},
    taskqueue::v1::TaskQueue,
};
use temporalio_workflow::{
    __private::sdk::{
        ActivationJobResult, GuestWorkflowInstance, MAIN_ROUTINE_ID, MainRoutineCompletion,
        RoutineCompletion, RoutineId, RoutinePollResult, TerminalOutcome, UpdateRoutineCompletion,
        WorkflowHost, WorkflowImplementation, WorkflowInit, WorkflowInstance, is_sdk_wake,
    },
    BaseWorkflowContext,
    common::{
        WorkflowDefinition,
        data_converters::DataConverter,
        protos::{
            coresdk::{
                activity_result::{self as activity, ActivityResolution, activity_resolution},
                child_workflow::{self as child, ChildWorkflowResult, child_workflow_result},
                workflow_activation::{
                    self as sdk_job, InitializeWorkflow, WorkflowActivation, WorkflowActivationJob,
                    resolve_child_workflow_execution_start as start, start_workflow_from_attribs,
                    workflow_activation_job::Variant as SdkJob,
                },
                workflow_commands::{
                    self as sdk_cmd, ContinueAsNewWorkflowExecution, WorkflowCommand,
                    signal_external_workflow_execution::Target,
                    workflow_command::Variant as SdkWish,
                },
            },
            temporal::api as sdk,
        },
    },
};

use crate::language::{
    Activation, ActivityCancellation, Answers, ChildCancellation, ChildStart, Initialize, Intent,
    Job, LocalActivity, Notes, Resolution, Target as Elsewhere, UpdateAnswer, Versioning, Wish,
};

/// The workflow task cannot be completed because of the code.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) cause: WorkflowTaskFailedCause,
    pub(crate) failure: Box<Failure>,
}

impl Fault {
    /// A failure of the code itself, as the official worker reports it.
    pub(crate) fn code(message: impl Into<String>) -> Self {
        Self {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            failure: Box::new(application_failure(message.into())),
        }
    }

    fn nondeterministic_future() -> Self {
        Self {
            cause: WorkflowTaskFailedCause::NonDeterministicError,
            failure: Box::new(application_failure(NON_SDK_WAKE.to_owned())),
        }
    }
}

pub(crate) fn application_failure(message: String) -> Failure {
    Failure {
        message,
        failure_info: Some(FailureInfo::ApplicationFailureInfo(Default::default())),
        ..Default::default()
    }
}

const NON_SDK_WAKE: &str = "[TMPRL1100] Nondeterministic future detected: a waker was invoked by a non-SDK source. This \
     usually means workflow code is using nondeterministic operations like tokio async functions or channels, other \
     async libraries, or std::thread. Use SDK-provided alternatives (ctx.timer(), ctx.state_mut() + \
     ctx.wait_condition(), etc.) instead.";

/// What an instance is told about the run it executes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) task_queue: String,
    pub(crate) run_id: String,
}

/// Makes an instance of one registered workflow.
pub(crate) type Factory = fn(Place, Initialize) -> Result<Instance, Fault>;

/// Makes an instance of `W`; a [`Factory`] once `W` is fixed.
pub(crate) fn instantiate<W: Workflow>(
    place: Place,
    initialize: Initialize,
) -> Result<Instance, Fault> {
    let sink = Rc::new(Sink::default());
    let initialize_workflow = sdk_initialize(initialize)?;
    let arguments = initialize_workflow.arguments.clone();
    let run_id = place.run_id.clone();
    let init = WorkflowInit {
        namespace: place.namespace,
        task_queue: place.task_queue,
        run_id: place.run_id,
        initialize_workflow,
    };
    let converter = DataConverter::default();
    let payload_converter = converter.payload_converter().clone();
    let host: Rc<dyn WorkflowHost> = sink.clone();
    let context = BaseWorkflowContext::from_raw(init, converter, host, None, Vec::new());
    let made = guarded(|| {
        GuestWorkflowInstance::<W>::instantiate(arguments, payload_converter, context.clone())
    })?;
    let code =
        made.map_err(|error| Fault::code(format!("Failed to create workflow execution: {error}")))?;
    let woken = Arc::new(WakeTrap::default());
    Ok(Instance {
        run_id,
        code: Some(code),
        sink,
        context,
        waker: Waker::from(Arc::clone(&woken)),
        woken,
        handlers: Vec::new(),
    })
}

/// A workflow written with the official SDK's macros: everything `#[workflow]` and `#[workflow_methods]` accept, with an
/// input that can be sent between threads.
pub trait Workflow: WorkflowImplementation<Run: WorkflowDefinition<Input: Send>> {}

impl<W> Workflow for W where W: WorkflowImplementation<Run: WorkflowDefinition<Input: Send>> {}

/// The name that the macros gave `W`.
pub(crate) fn workflow_name<W: Workflow>() -> &'static str {
    W::name()
}

/// Collects the commands that the code issues; the SDK calls it through `&self`.
#[derive(Default)]
struct Sink {
    commands: RefCell<Vec<WorkflowCommand>>,
}

impl WorkflowHost for Sink {
    // The SDK itself answers the metadata query with these details.
    fn set_current_details(&self, _details: String) {}

    fn push_command(&self, command: WorkflowCommand) {
        self.commands.borrow_mut().push(command);
    }
}

/// Notices wake-ups that do not come from the SDK: only those can come from outside the history.
#[derive(Default)]
struct WakeTrap(AtomicBool);

impl Wake for WakeTrap {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !is_sdk_wake() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// One live workflow execution.
pub(crate) struct Instance {
    run_id: String,
    /// None only while dropping.
    code: Option<Box<dyn WorkflowInstance>>,
    sink: Rc<Sink>,
    context: BaseWorkflowContext,
    woken: Arc<WakeTrap>,
    waker: Waker,
    /// Signal and update handlers still running, in order of arrival.
    handlers: Vec<RoutineId>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}

impl Drop for Instance {
    /// Breaks a cycle in the SDK: a pending operation's cancellation callback holds the context that holds the token.
    /// Cancelling takes the callbacks out; no workflow code runs, and what it pushes is dropped with us.
    fn drop(&mut self) {
        let token = self.context.cancellation_token();
        let code = self.code.take();
        // Neither a callback nor a destructor in the code may take the worker down.
        drop(catch_unwind(AssertUnwindSafe(|| {
            token.cancel();
            drop(code);
        })));
        self.sink.commands.borrow_mut().clear();
    }
}

impl Instance {
    /// Delivers one activation and runs the code until it blocks.
    pub(crate) fn activate(&mut self, activation: Activation) -> Result<Answers, Fault> {
        self.check_wakes()?;
        let mut kinds = Vec::with_capacity(activation.jobs.len());
        for job in &activation.jobs {
            kinds.push(match job {
                Job::Query(query) => Kind::Query(query.id.clone()),
                Job::DoUpdate(update) => Kind::Update(update.protocol_instance_id.clone()),
                _ => Kind::Passive,
            });
        }
        let polls = kinds.iter().any(|kind| !matches!(kind, Kind::Query(_)));
        let activation = sdk_activation(activation, &self.run_id)?;
        let Some(code) = &mut self.code else {
            return Err(gone());
        };
        let waker = &self.waker;
        let applied = guarded(|| code.activate(activation, waker))?.map_err(code_failure)?;
        self.check_wakes()?;

        let mut answers = Answers::default();
        for (kind, result) in kinds.into_iter().zip(applied.job_results) {
            self.take_job_result(kind, result, &mut answers)?;
        }
        if polls {
            self.drive(&mut answers)?;
        }
        for command in mem::take(&mut *self.sink.commands.borrow_mut()) {
            answers.intents.push(intent(command)?);
        }
        Ok(answers)
    }

    fn take_job_result(
        &mut self,
        kind: Kind,
        result: ActivationJobResult,
        answers: &mut Answers,
    ) -> Result<(), Fault> {
        match (kind, result) {
            (_, ActivationJobResult::None) => {}
            (Kind::Update(id), ActivationJobResult::StartedRoutine(started)) => {
                answers
                    .intents
                    .push(update_answer(id, UpdateAnswer::Accepted));
                self.handlers.push(started.routine_id);
            }
            (_, ActivationJobResult::StartedRoutine(started)) => {
                self.handlers.push(started.routine_id);
            }
            (Kind::Update(id), ActivationJobResult::UpdateRejected(failure)) => {
                let failure = failure_in(*failure)?;
                answers
                    .intents
                    .push(update_answer(id, UpdateAnswer::Rejected(Box::new(failure))));
            }
            (Kind::Query(id), ActivationJobResult::QueryResponse(response)) => {
                let answer = match response.result {
                    Ok(payload) => Ok(payload_in(payload)),
                    Err(failure) => Err(failure_in(failure)?),
                };
                answers.queries.push((id, answer));
            }
            _ => {
                return Err(Fault::code(
                    "the workflow runtime answered a job out of kind",
                ));
            }
        }
        Ok(())
    }

    /// Polls handlers, then the main routine, until a pass makes no progress or the workflow ends.
    fn drive(&mut self, answers: &mut Answers) -> Result<(), Fault> {
        loop {
            let mut moved = false;
            let mut running = Vec::with_capacity(self.handlers.len());
            for id in mem::take(&mut self.handlers) {
                let polled = self.poll(id)?;
                moved |= polled.made_progress;
                match polled.completion {
                    None => running.push(id),
                    Some(completion) => finish_handler(completion, answers)?,
                }
            }
            self.handlers = running;

            let polled = self.poll(MAIN_ROUTINE_ID)?;
            moved |= polled.made_progress;
            match polled.completion {
                Some(RoutineCompletion::Main(MainRoutineCompletion::Blocked)) => {}
                Some(RoutineCompletion::Main(MainRoutineCompletion::Terminal(outcome))) => {
                    self.sink.push_command(terminal(*outcome));
                    return Ok(());
                }
                Some(RoutineCompletion::Main(MainRoutineCompletion::TaskFailed(failed))) => {
                    let forced = failed
                        .force_cause
                        .and_then(|cause| i32::try_from(cause).ok());
                    let cause =
                        forced.and_then(|cause| WorkflowTaskFailedCause::try_from(cause).ok());
                    return Err(Fault {
                        cause: cause
                            .unwrap_or(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure),
                        failure: Box::new(failure_in(*failed.failure)?),
                    });
                }
                _ => return Err(Fault::code("the main routine returned no main completion")),
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn poll(&mut self, id: RoutineId) -> Result<RoutinePollResult, Fault> {
        let Some(code) = &mut self.code else {
            return Err(gone());
        };
        let waker = &self.waker;
        let polled = guarded(|| code.poll_routine(id, waker))?.map_err(code_failure)?;
        self.check_wakes()?;
        Ok(polled)
    }

    fn check_wakes(&self) -> Result<(), Fault> {
        if self.woken.0.swap(false, Ordering::Relaxed) {
            return Err(Fault::nondeterministic_future());
        }
        Ok(())
    }
}

enum Kind {
    Passive,
    Update(String),
    Query(String),
}

fn gone() -> Fault {
    Fault::code("the workflow instance is being dropped")
}

/// Runs SDK and user code; a panic fails the workflow task.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        Fault::code(format!(
            "Workflow function panicked: {}",
            panic_text(panic.as_ref())
        ))
    })
}

/// The first line only: what follows may be a backtrace, which differs between machines.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    text.lines().next().unwrap_or_default()
}

fn code_failure(failure: Box<sdk::failure::v1::Failure>) -> Fault {
    Fault::code(failure.message)
}

fn finish_handler(completion: RoutineCompletion, answers: &mut Answers) -> Result<(), Fault> {
    match completion {
        RoutineCompletion::Signal(result) => result.map_err(code_failure),
        RoutineCompletion::Update(UpdateRoutineCompletion::Completed {
            protocol_instance_id,
            result,
        }) => {
            let answer = UpdateAnswer::Completed(payload_in(result));
            answers
                .intents
                .push(update_answer(protocol_instance_id, answer));
            Ok(())
        }
        RoutineCompletion::Update(UpdateRoutineCompletion::Rejected {
            protocol_instance_id,
            failure,
        }) => {
            let answer = UpdateAnswer::Rejected(Box::new(failure_in(*failure)?));
            answers
                .intents
                .push(update_answer(protocol_instance_id, answer));
            Ok(())
        }
        RoutineCompletion::Main(_) => Err(Fault::code("a handler returned a main completion")),
    }
}

fn update_answer(protocol_instance_id: String, answer: UpdateAnswer) -> Intent {
    Intent {
        wish: Wish::UpdateResponse {
            protocol_instance_id,
            answer,
        },
        notes: Notes::default(),
    }
}

fn terminal(outcome: TerminalOutcome) -> WorkflowCommand {
    let wish = match outcome {
        TerminalOutcome::Completed(result) => {
            SdkWish::CompleteWorkflowExecution(sdk_cmd::CompleteWorkflowExecution {
                result: Some(result),
            })
        }
        TerminalOutcome::Failed(failure) => {
            SdkWish::FailWorkflowExecution(sdk_cmd::FailWorkflowExecution {
                failure: Some(*failure),
            })
        }
        TerminalOutcome::Cancelled(details) => {
            SdkWish::CancelWorkflowExecution(sdk_cmd::CancelWorkflowExecution { details })
        }
        TerminalOutcome::ContinueAsNew(request) => {
            SdkWish::ContinueAsNewWorkflowExecution(*request)
        }
    };
    wish.into()
}

// Jobs: ours -> the SDK's.

fn sdk_initialize(initialize: Initialize) -> Result<InitializeWorkflow, Fault> {
    let mut made = start_workflow_from_attribs(
        recode(&initialize.attributes)?,
        initialize.workflow_id,
        initialize.randomness_seed,
        Default::default(),
    );
    made.start_time = Some(time_out(initialize.start_time));
    Ok(made)
}

fn sdk_activation(activation: Activation, run_id: &str) -> Result<WorkflowActivation, Fault> {
    let mut jobs = Vec::with_capacity(activation.jobs.len());
    for job in activation.jobs {
        jobs.push(WorkflowActivationJob {
            variant: Some(sdk_job(job)?),
        });
    }
    Ok(WorkflowActivation {
        run_id: run_id.to_owned(),
        timestamp: activation.time.map(time_out),
        is_replaying: activation.is_replaying,
        history_length: activation.history_length,
        jobs,
        available_internal_flags: Vec::new(),
        history_size_bytes: activation.history_size_bytes,
        continue_as_new_suggested: activation.continue_as_new_suggested,
        deployment_version_for_current_task: None,
        last_sdk_version: activation.last_sdk_version,
        suggest_continue_as_new_reasons: activation.continue_as_new_reasons,
        target_worker_deployment_version_changed: activation.target_version_changed,
    })
}

fn sdk_job(job: Job) -> Result<SdkJob, Fault> {
    Ok(match job {
        // Its content went into the instance at creation; the runtime only looks at the kind.
        Job::Initialize(_) => SdkJob::InitializeWorkflow(InitializeWorkflow::default()),
        Job::NotifyHasPatch(patch_id) => {
            SdkJob::NotifyHasPatch(sdk_job::NotifyHasPatch { patch_id })
        }
        Job::UpdateRandomSeed(randomness_seed) => {
            SdkJob::UpdateRandomSeed(sdk_job::UpdateRandomSeed { randomness_seed })
        }
        Job::Signal(signal) => SdkJob::SignalWorkflow(sdk_job::SignalWorkflow {
            signal_name: signal.name,
            input: signal.input.into_iter().map(payload_out).collect(),
            identity: signal.identity,
            headers: headers_out(signal.header),
            originating_event_id: signal.event_id,
        }),
        Job::Cancel { reason } => SdkJob::CancelWorkflow(sdk_job::CancelWorkflow { reason }),
        Job::DoUpdate(update) => {
            let meta = update.request.meta.unwrap_or_default();
            let input = update.request.input.unwrap_or_default();
            SdkJob::DoUpdate(sdk_job::DoUpdate {
                id: meta.update_id.clone(),
                protocol_instance_id: update.protocol_instance_id,
                name: input.name,
                input: payloads_out(input.args),
                headers: headers_out(input.header),
                meta: Some(recode(&meta)?),
                run_validator: update.run_validator,
            })
        }
        Job::FireTimer { seq } => SdkJob::FireTimer(sdk_job::FireTimer { seq }),
        Job::ResolveActivity {
            seq,
            is_local,
            resolution,
        } => SdkJob::ResolveActivity(sdk_job::ResolveActivity {
            seq,
            result: Some(ActivityResolution {
                status: Some(activity_status(resolution)?),
            }),
            is_local,
        }),
        Job::ChildStarted { seq, status } => SdkJob::ResolveChildWorkflowExecutionStart(
            sdk_job::ResolveChildWorkflowExecutionStart {
                seq,
                status: Some(child_start(status)?),
            },
        ),
        Job::ResolveChild { seq, resolution } => {
            SdkJob::ResolveChildWorkflowExecution(sdk_job::ResolveChildWorkflowExecution {
                seq,
                result: Some(ChildWorkflowResult {
                    status: Some(child_status(resolution)?),
                }),
            })
        }
        Job::SignalSent {
            seq,
            failure,
            cause,
        } => SdkJob::ResolveSignalExternalWorkflow(sdk_job::ResolveSignalExternalWorkflow {
            seq,
            failure: failure.map(failure_out).transpose()?,
            cause,
        }),
        Job::CancelSent {
            seq,
            failure,
            cause,
        } => SdkJob::ResolveRequestCancelExternalWorkflow(
            sdk_job::ResolveRequestCancelExternalWorkflow {
                seq,
                failure: failure.map(failure_out).transpose()?,
                cause,
            },
        ),
        Job::Query(query) => SdkJob::QueryWorkflow(sdk_job::QueryWorkflow {
            query_id: query.id,
            query_type: query.name,
            arguments: query.args.into_iter().map(payload_out).collect(),
            headers: headers_out(query.header),
        }),
    })
}

fn activity_status(resolution: Resolution) -> Result<activity_resolution::Status, Fault> {
    use activity_resolution::Status;
    Ok(match resolution {
        Resolution::Completed(result) => Status::Completed(activity::Success {
            result: result.map(payload_out),
        }),
        Resolution::Failed(failure) => Status::Failed(activity::Failure {
            failure: Some(failure_out(failure)?),
            ..Default::default()
        }),
        Resolution::Cancelled(failure) => Status::Cancelled(activity::Cancellation {
            failure: Some(failure_out(failure)?),
        }),
        Resolution::Backoff {
            attempt,
            backoff,
            original_schedule_time,
        } => Status::Backoff(activity::DoBackoff {
            attempt,
            backoff_duration: Some(span_out(backoff)),
            original_schedule_time: original_schedule_time.map(time_out),
        }),
    })
}

fn child_status(resolution: Resolution) -> Result<child_workflow_result::Status, Fault> {
    use child_workflow_result::Status;
    Ok(match resolution {
        Resolution::Completed(result) => Status::Completed(child::Success {
            result: result.map(payload_out),
        }),
        Resolution::Failed(failure) => Status::Failed(child::Failure {
            failure: Some(failure_out(failure)?),
        }),
        Resolution::Cancelled(failure) => Status::Cancelled(child::Cancellation {
            failure: Some(failure_out(failure)?),
        }),
        Resolution::Backoff { .. } => return Err(Fault::code("a child workflow cannot back off")),
    })
}

fn child_start(status: ChildStart) -> Result<start::Status, Fault> {
    Ok(match status {
        ChildStart::Succeeded { run_id } => {
            start::Status::Succeeded(sdk_job::ResolveChildWorkflowExecutionStartSuccess { run_id })
        }
        ChildStart::Failed {
            workflow_id,
            workflow_type,
            cause,
        } => start::Status::Failed(sdk_job::ResolveChildWorkflowExecutionStartFailure {
            workflow_id,
            workflow_type,
            cause,
        }),
        ChildStart::Cancelled(failure) => {
            start::Status::Cancelled(sdk_job::ResolveChildWorkflowExecutionStartCancelled {
                failure: Some(failure_out(*failure)?),
            })
        }
    })
}

// Intents: the SDK's -> ours.

fn intent(command: WorkflowCommand) -> Result<Intent, Fault> {
    let mut notes = Notes {
        metadata: None,
        groups: Vec::new(),
    };
    if let Some(metadata) = &command.user_metadata {
        notes.metadata = Some(recode(metadata)?);
    }
    for group in &command.event_group_markers {
        notes.groups.push(recode(group)?);
    }
    let variant = command
        .variant
        .ok_or_else(|| Fault::code("an empty workflow command"))?;
    Ok(Intent {
        wish: wish(variant)?,
        notes,
    })
}

fn wish(variant: SdkWish) -> Result<Wish, Fault> {
    Ok(match variant {
        SdkWish::StartTimer(timer) => Wish::StartTimer {
            seq: timer.seq,
            attributes: cmd::StartTimerCommandAttributes {
                timer_id: timer.seq.to_string(),
                start_to_fire_timeout: timer.start_to_fire_timeout.map(span_in),
            },
        },
        SdkWish::CancelTimer(timer) => Wish::CancelTimer { seq: timer.seq },
        SdkWish::ScheduleActivity(activity) => schedule_activity(activity)?,
        SdkWish::RequestCancelActivity(cancel) => Wish::CancelActivity { seq: cancel.seq },
        SdkWish::ScheduleLocalActivity(local) => {
            Wish::ScheduleLocalActivity(Box::new(schedule_local(local)?))
        }
        SdkWish::RequestCancelLocalActivity(cancel) => {
            Wish::CancelLocalActivity { seq: cancel.seq }
        }
        SdkWish::StartChildWorkflowExecution(child) => start_child(child)?,
        SdkWish::CancelChildWorkflowExecution(cancel) => Wish::CancelChild {
            seq: cancel.child_workflow_seq,
            reason: cancel.reason,
        },
        SdkWish::SignalExternalWorkflowExecution(signal) => signal_external(signal)?,
        SdkWish::CancelSignalWorkflow(cancel) => Wish::CancelSignal { seq: cancel.seq },
        SdkWish::RequestCancelExternalWorkflowExecution(cancel) => {
            let target = cancel.workflow_execution.unwrap_or_default();
            Wish::CancelExternal {
                seq: cancel.seq,
                target: Elsewhere {
                    namespace: target.namespace,
                    workflow_id: target.workflow_id,
                    run_id: target.run_id,
                },
                reason: cancel.reason,
            }
        }
        SdkWish::SetPatchMarker(patch) => Wish::SetPatchMarker {
            patch_id: patch.patch_id,
            deprecated: patch.deprecated,
        },
        SdkWish::UpsertWorkflowSearchAttributes(upsert) => {
            Wish::UpsertSearchAttributes(recode(&upsert.search_attributes.unwrap_or_default())?)
        }
        SdkWish::ModifyWorkflowProperties(modify) => {
            Wish::ModifyProperties(api_attributes(modify.into())?)
        }
        SdkWish::CompleteWorkflowExecution(complete) => Wish::Close(
            cmd::command::Attributes::CompleteWorkflowExecutionCommandAttributes(
                cmd::CompleteWorkflowExecutionCommandAttributes {
                    result: complete.result.map(|payload| Payloads {
                        payloads: vec![payload_in(payload)],
                    }),
                },
            ),
        ),
        SdkWish::FailWorkflowExecution(failed) => Wish::Close(
            cmd::command::Attributes::FailWorkflowExecutionCommandAttributes(
                cmd::FailWorkflowExecutionCommandAttributes {
                    failure: failed.failure.map(failure_in).transpose()?,
                },
            ),
        ),
        SdkWish::CancelWorkflowExecution(cancelled) => {
            Wish::Close(api_attributes(cancelled.into())?)
        }
        SdkWish::ContinueAsNewWorkflowExecution(next) => continue_as_new(next)?,
        SdkWish::UpdateResponse(_) | SdkWish::RespondToQuery(_) => {
            return Err(Fault::code(
                "the workflow runtime pushed an answer as a command",
            ));
        }
        SdkWish::ScheduleNexusOperation(_) | SdkWish::RequestCancelNexusOperation(_) => {
            Wish::Unsupported("Nexus operations")
        }
    })
}

fn schedule_activity(activity: sdk_cmd::ScheduleActivity) -> Result<Wish, Fault> {
    let cancellation = activity_cancellation(activity.cancellation_type());
    let versioning = versioning(activity.versioning_intent);
    Ok(Wish::ScheduleActivity {
        seq: activity.seq,
        cancellation,
        versioning,
        attributes: Box::new(cmd::ScheduleActivityTaskCommandAttributes {
            activity_id: activity.activity_id,
            activity_type: Some(common::ActivityType {
                name: activity.activity_type,
            }),
            task_queue: Some(TaskQueue {
                name: activity.task_queue,
                ..Default::default()
            }),
            header: Some(headers_in(activity.headers)),
            input: some_payloads(activity.arguments),
            schedule_to_close_timeout: activity.schedule_to_close_timeout.map(span_in),
            schedule_to_start_timeout: activity.schedule_to_start_timeout.map(span_in),
            start_to_close_timeout: activity.start_to_close_timeout.map(span_in),
            heartbeat_timeout: activity.heartbeat_timeout.map(span_in),
            retry_policy: activity.retry_policy.as_ref().map(recode).transpose()?,
            request_eager_execution: !activity.do_not_eagerly_execute,
            use_workflow_build_id: false,
            priority: activity.priority.as_ref().map(recode).transpose()?,
        }),
    })
}

fn activity_cancellation(kind: sdk_cmd::ActivityCancellationType) -> ActivityCancellation {
    match kind {
        sdk_cmd::ActivityCancellationType::TryCancel => ActivityCancellation::TryCancel,
        sdk_cmd::ActivityCancellationType::WaitCancellationCompleted => {
            ActivityCancellation::WaitCompleted
        }
        sdk_cmd::ActivityCancellationType::Abandon => ActivityCancellation::Abandon,
    }
}

fn versioning(intent: i32) -> Versioning {
    match intent {
        1 => Versioning::Compatible,
        2 => Versioning::Default,
        _ => Versioning::Unspecified,
    }
}

fn schedule_local(local: sdk_cmd::ScheduleLocalActivity) -> Result<LocalActivity, Fault> {
    let cancellation = activity_cancellation(local.cancellation_type());
    Ok(LocalActivity {
        seq: local.seq,
        activity_id: local.activity_id,
        activity_type: local.activity_type,
        attempt: local.attempt,
        original_schedule_time: local.original_schedule_time.map(time_in),
        header: (!local.headers.is_empty()).then(|| headers_in(local.headers)),
        arguments: local.arguments.into_iter().map(payload_in).collect(),
        schedule_to_close_timeout: local.schedule_to_close_timeout.map(span_in),
        schedule_to_start_timeout: local.schedule_to_start_timeout.map(span_in),
        start_to_close_timeout: local.start_to_close_timeout.map(span_in),
        retry_policy: local.retry_policy.as_ref().map(recode).transpose()?,
        local_retry_threshold: local.local_retry_threshold.map(span_in),
        cancellation,
        include_arguments_in_marker: local.include_arguments_in_marker,
    })
}

fn start_child(child: sdk_cmd::StartChildWorkflowExecution) -> Result<Wish, Fault> {
    use child::ChildWorkflowCancellationType as Type;
    let seq = child.seq;
    let cancellation = match child.cancellation_type() {
        Type::Abandon => ChildCancellation::Abandon,
        Type::TryCancel => ChildCancellation::TryCancel,
        Type::WaitCancellationCompleted => ChildCancellation::WaitCompleted,
        Type::WaitCancellationRequested => ChildCancellation::WaitRequested,
    };
    let versioning = versioning(child.versioning_intent);
    let made = sdk::command::v1::start_child_workflow_cmd_to_api(child, false);
    let cmd::command::Attributes::StartChildWorkflowExecutionCommandAttributes(attributes) =
        api_attributes(made)?
    else {
        return Err(Fault::code("a child start became another command"));
    };
    Ok(Wish::StartChild {
        seq,
        cancellation,
        versioning,
        attributes: Box::new(attributes),
    })
}

#[expect(
    deprecated,
    reason = "the namespace is deprecated for users, not for SDKs"
)]
fn signal_external(signal: sdk_cmd::SignalExternalWorkflowExecution) -> Result<Wish, Fault> {
    let (namespace, workflow_id, run_id, child_workflow_only) = match signal.target {
        // The machine fills in our own namespace.
        Some(Target::ChildWorkflowId(id)) => (String::new(), id, String::new(), true),
        Some(Target::WorkflowExecution(we)) => (we.namespace, we.workflow_id, we.run_id, false),
        None => return Err(Fault::code("a signal to another workflow has no target")),
    };
    let header = (!signal.headers.is_empty()).then(|| headers_in(signal.headers));
    Ok(Wish::SignalExternal {
        seq: signal.seq,
        attributes: Box::new(cmd::SignalExternalWorkflowExecutionCommandAttributes {
            namespace,
            execution: Some(common::WorkflowExecution {
                workflow_id,
                run_id,
            }),
            signal_name: signal.signal_name,
            input: some_payloads(signal.args),
            child_workflow_only,
            header,
            ..Default::default()
        }),
    })
}

fn continue_as_new(next: ContinueAsNewWorkflowExecution) -> Result<Wish, Fault> {
    let versioning = versioning(next.versioning_intent);
    let made = sdk::command::v1::continue_as_new_cmd_to_api(next, false);
    Ok(Wish::ContinueAsNew {
        versioning,
        attributes: api_attributes(made)?,
    })
}

/// Rare commands take the SDK's own conversion, over the wire format.
fn api_attributes(
    attributes: sdk::command::v1::command::Attributes,
) -> Result<cmd::command::Attributes, Fault> {
    let command = sdk::command::v1::Command {
        attributes: Some(attributes),
        ..Default::default()
    };
    let command: cmd::Command = recode(&command)?;
    command
        .attributes
        .ok_or_else(|| Fault::code("a command lost its attributes"))
}

// Values.

/// Both sides are generated from the same descriptors, so their bytes are the same language.
fn recode<A: Message, B: Message + Default>(message: &A) -> Result<B, Fault> {
    B::decode(message.encode_to_vec().as_slice())
        .map_err(|error| Fault::code(format!("a message is too deep to convert: {error}")))
}

fn payload_in(payload: sdk::common::v1::Payload) -> Payload {
    Payload {
        metadata: payload
            .metadata
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        data: payload.data.into(),
        external_payloads: payload
            .external_payloads
            .into_iter()
            .map(|external| common::payload::ExternalPayloadDetails {
                size_bytes: external.size_bytes,
            })
            .collect(),
    }
}

fn payload_out(payload: Payload) -> sdk::common::v1::Payload {
    sdk::common::v1::Payload {
        metadata: payload
            .metadata
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        data: payload.data.into(),
        external_payloads: payload
            .external_payloads
            .into_iter()
            .map(
                |external| sdk::common::v1::payload::ExternalPayloadDetails {
                    size_bytes: external.size_bytes,
                },
            )
            .collect(),
    }
}

fn payloads_out(payloads: Option<Payloads>) -> Vec<sdk::common::v1::Payload> {
    payloads
        .unwrap_or_default()
        .payloads
        .into_iter()
        .map(payload_out)
        .collect()
}

fn some_payloads(payloads: Vec<sdk::common::v1::Payload>) -> Option<Payloads> {
    (!payloads.is_empty()).then(|| Payloads {
        payloads: payloads.into_iter().map(payload_in).collect(),
    })
}

fn headers_in<M>(headers: M) -> Header
where
    M: IntoIterator<Item = (String, sdk::common::v1::Payload)>,
{
    Header {
        fields: headers
            .into_iter()
            .map(|(key, value)| (key, payload_in(value)))
            .collect(),
    }
}

fn headers_out<M: FromIterator<(String, sdk::common::v1::Payload)>>(header: Option<Header>) -> M {
    header
        .unwrap_or_default()
        .fields
        .into_iter()
        .map(|(key, value)| (key, payload_out(value)))
        .collect()
}

fn failure_in(failure: sdk::failure::v1::Failure) -> Result<Failure, Fault> {
    recode(&failure)
}

fn failure_out(failure: Failure) -> Result<sdk::failure::v1::Failure, Fault> {
    recode(&failure)
}

fn time_out(time: Timestamp) -> prost_wkt_types::Timestamp {
    prost_wkt_types::Timestamp {
        seconds: time.seconds,
        nanos: time.nanos,
    }
}

fn time_in(time: prost_wkt_types::Timestamp) -> Timestamp {
    Timestamp {
        seconds: time.seconds,
        nanos: time.nanos,
    }
}

fn span_out(span: Duration) -> prost_wkt_types::Duration {
    prost_wkt_types::Duration {
        seconds: span.seconds,
        nanos: span.nanos,
    }
}

fn span_in(span: prost_wkt_types::Duration) -> Duration {
    Duration {
        seconds: span.seconds,
        nanos: span.nanos,
    }
}
