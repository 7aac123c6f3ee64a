//! How each step is performed.

use std::{future::Future, pin::Pin, time::Duration};

use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, CancellableFuture, ChildWorkflowExecutionError,
    ChildWorkflowOptions, LocalActivityOptions, MemoValue, ParentClosePolicy, RetryPolicy,
    SignalWorkflowOptions, TimerOptions, TimerResult, WorkflowCancellationToken, WorkflowContext,
    common::{
        ActivityCloseTimeouts, error::IncomingError,
        protos::temporal::api::failure::v1::failure::FailureInfo,
        search_attributes::SearchAttributeKey,
    },
    workflows::{join_all, select},
};

use super::super::activities::Tour;
use super::{Child, FeatureTour, LocalWork, OnParentClose, Step, Work, millis};

const KEYWORD: SearchAttributeKey<String> = SearchAttributeKey::keyword("CustomKeywordField");
const INT: SearchAttributeKey<i64> = SearchAttributeKey::int("CustomIntField");

type Context = WorkflowContext<FeatureTour>;

/// Performs one step and notes how it ended. Boxed, because steps may contain steps.
pub(super) fn perform(ctx: &Context, step: Step) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move {
        let note = match step {
            Step::Activity(work) => activity(ctx, work).await,
            Step::LocalActivity(work) => local_activity(ctx, work).await,
            Step::Timer(ms) => timer(ctx, millis(ms)).await,
            Step::CancelTimer {
                after,
                cancelled_after,
            } => cancel_timer(ctx, millis(after), millis(cancelled_after)).await,
            Step::AwaitSignals(count) => await_signals(ctx, count).await,
            Step::AwaitCancellation => {
                ctx.cancelled().await;
                "asked to cancel".into()
            }
            Step::Child(spec) => child(ctx, spec).await,
            Step::SignalWorkflow { id, message } => signal_workflow(ctx, &id, message).await,
            Step::CancelWorkflow { id } => {
                match ctx.external_workflow(&id, None).cancel(None).await {
                    Ok(()) => format!("{id}: asked to cancel"),
                    Err(error) => format!("{id}: {error}"),
                }
            }
            Step::Attributes { keyword, int } => attributes(ctx, keyword, int),
            Step::Memo { name, value } => memo(ctx, &name, value),
            Step::Parallel(branches) => {
                join_all(branches.into_iter().map(|steps| branch(ctx, steps))).await;
                "side by side: done".into()
            }
            // Those end the run, so they are performed by the run itself.
            Step::ContinueAsNew(_) | Step::Fail { .. } => "only at the top".into(),
        };
        ctx.state_mut(|s| s.notes.push(note));
    })
}

async fn branch(ctx: &Context, steps: Vec<Step>) {
    for step in steps {
        perform(ctx, step).await;
    }
}

async fn activity(ctx: &Context, work: Work) -> String {
    let label = work.label.clone();
    let cancel_after = work.cancel_after.map(millis);
    let mut running = ctx.execute_activity(Tour::work, label.clone(), options(ctx, work));
    let result = match cancel_after {
        None => running.await,
        Some(time) => {
            let mut timer = ctx.timer(time);
            select! {
                result = running => {
                    timer.cancel();
                    result
                }
                _ = timer => {
                    running.cancel();
                    running.await
                }
            }
        }
    };
    note_activity(&label, result)
}

fn note_activity(label: &str, result: Result<String, ActivityExecutionError>) -> String {
    match result {
        Ok(answer) => format!("{label}: {answer}"),
        Err(error) => match (error.as_timeout(), error.reason()) {
            (Some(timeout), _) => format!("{label}: timed out, {:?}", timeout.timeout_type()),
            (None, Some(IncomingError::Application(failure))) => {
                format!(
                    "{label}: failed, {}",
                    failure.type_name().unwrap_or("untyped")
                )
            }
            (None, _) => format!("{label}: {error}"),
        },
    }
}

fn options(ctx: &Context, work: Work) -> ActivityOptions {
    let start_to_close = work.start_to_close.map(millis);
    let timeouts = match work.schedule_to_close.map(millis) {
        None => {
            ActivityCloseTimeouts::StartToClose(start_to_close.unwrap_or(Duration::from_secs(10)))
        }
        Some(schedule_to_close) => match start_to_close {
            None => ActivityCloseTimeouts::ScheduleToClose(schedule_to_close),
            Some(start_to_close) => ActivityCloseTimeouts::ScheduleAndStartToClose {
                schedule_to_close,
                start_to_close,
            },
        },
    };
    ActivityOptions::with_close_timeouts(timeouts)
        .activity_id(work.label)
        .maybe_task_queue(work.task_queue)
        .maybe_schedule_to_start_timeout(work.schedule_to_start.map(millis))
        .maybe_heartbeat_timeout(work.heartbeat.map(millis))
        .cancellation_type(work.cancellation)
        .cancellation_token(token(ctx))
        .retry_policy(retry(
            work.max_attempts,
            work.retry_interval,
            work.non_retryable,
        ))
        .build()
}

async fn local_activity(ctx: &Context, work: LocalWork) -> String {
    let options = LocalActivityOptions::builder()
        .activity_id(work.label.clone())
        .start_to_close_timeout(Duration::from_secs(10))
        .retry_policy(retry(work.max_attempts, work.retry_interval, Vec::new()))
        .maybe_timer_backoff_threshold(work.timer_from.map(millis))
        .cancellation_token(token(ctx))
        .build();
    let result = ctx
        .execute_local_activity(Tour::work, work.label.clone(), options)
        .await;
    match result {
        Err(error) if timed_out(&error) => format!("{}: timed out", work.label),
        result => note_activity(&work.label, result),
    }
}

/// Whether a local activity took too long. The SDK shows that in one way while the activity runs, as the cause of a
/// failure, and in another when it is replayed, as the failure itself (temporalio-sdk-core 0.10.1, `From<CompleteLocalActivityData>`
/// and `wrap_fail!` in local_activity_state_machine.rs): what code does with it must not tell the two apart.
fn timed_out(error: &ActivityExecutionError) -> bool {
    let bare = error.failure().and_then(|f| f.failure_info.as_ref());
    error.as_timeout().is_some() || matches!(bare, Some(FailureInfo::TimeoutFailureInfo(_)))
}

fn retry(max_attempts: u32, interval: Option<u64>, non_retryable: Vec<String>) -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(interval.map_or(Duration::from_secs(1), millis))
        .maximum_attempts(max_attempts)
        .non_retryable_error_types(non_retryable)
        .build()
}

/// What is begun before a cancellation is cancelled with the workflow; what is begun after it,
/// as clean-up, is not.
fn token(ctx: &Context) -> WorkflowCancellationToken {
    let of_workflow = ctx.cancellation_token();
    if of_workflow.is_cancelled() {
        WorkflowCancellationToken::new()
    } else {
        of_workflow
    }
}

async fn timer(ctx: &Context, time: Duration) -> String {
    let options = TimerOptions::builder(time)
        .cancellation_token(token(ctx))
        .build();
    match ctx.timer(options).await {
        TimerResult::Fired => "timer fired".into(),
        TimerResult::Cancelled => "timer cancelled".into(),
    }
}

async fn cancel_timer(ctx: &Context, after: Duration, cancelled_after: Duration) -> String {
    let cancelled = ctx.timer(after);
    timer(ctx, cancelled_after).await;
    cancelled.cancel();
    match cancelled.await {
        TimerResult::Fired => "timer fired before it was cancelled".into(),
        TimerResult::Cancelled => "timer cancelled".into(),
    }
}

async fn await_signals(ctx: &Context, count: usize) -> String {
    match ctx.wait_condition(|s| s.messages.len() >= count).await {
        Ok(()) => ctx.state(|s| format!("messages: {}", s.messages.join(", "))),
        Err(_) => "cancelled while waiting for messages".into(),
    }
}

async fn child(ctx: &Context, spec: Child) -> String {
    let id = spec.id.clone();
    let started = match ctx
        .start_child_workflow(FeatureTour::run, spec.steps.clone(), child_options(&spec))
        .await
    {
        Ok(started) => started,
        Err(error) => return format!("{id}: {error}"),
    };
    if let Some(ms) = spec.after {
        timer(ctx, millis(ms)).await;
    }
    if let Some(message) = spec.signal
        && let Err(error) = started
            .signal(
                FeatureTour::message,
                message,
                SignalWorkflowOptions::default(),
            )
            .await
    {
        return format!("{id}: {error}");
    }
    if spec.cancel {
        started.cancel("the tour moves on".into());
    }
    if spec.detached {
        return format!("{id}: started");
    }
    match started.result().await {
        Ok(notes) => format!("{id}: {}", notes.join("; ")),
        Err(error) => format!("{id}: {}", note_child(&error)),
    }
}

fn note_child(error: &ChildWorkflowExecutionError) -> &'static str {
    match error.reason() {
        Some(IncomingError::Application(_)) => "failed",
        Some(IncomingError::Cancelled(_)) => "cancelled",
        Some(IncomingError::Terminated(_)) => "terminated",
        Some(IncomingError::Timeout(_)) => "timed out",
        _ => "ended otherwise",
    }
}

fn child_options(spec: &Child) -> ChildWorkflowOptions {
    let policy = match spec.on_parent_close {
        OnParentClose::Terminate => ParentClosePolicy::Terminate,
        OnParentClose::Abandon => ParentClosePolicy::Abandon,
        OnParentClose::RequestCancel => ParentClosePolicy::RequestCancel,
    };
    ChildWorkflowOptions::builder()
        .workflow_id(spec.id.clone())
        .maybe_run_timeout(spec.run_timeout.map(millis))
        .parent_close_policy(policy)
        .build()
}

async fn signal_workflow(ctx: &Context, id: &str, message: String) -> String {
    let target = ctx.external_workflow(id, None);
    match target
        .signal(
            FeatureTour::message,
            message,
            SignalWorkflowOptions::default(),
        )
        .await
    {
        Ok(()) => format!("{id}: signalled"),
        Err(error) => format!("{id}: {error}"),
    }
}

fn attributes(ctx: &Context, keyword: Option<String>, int: Option<i64>) -> String {
    let keyword = keyword.map(|value| KEYWORD.value_set(value));
    let int = int.map(|value| INT.value_set(value));
    ctx.upsert_search_attributes(keyword.into_iter().chain(int));
    "attributes set".into()
}

fn memo(ctx: &Context, name: &str, value: Option<String>) -> String {
    match ctx.upsert_memo([(name, value.map(MemoValue::new))]) {
        Ok(()) => "memo set".into(),
        Err(error) => format!("memo: {error}"),
    }
}
