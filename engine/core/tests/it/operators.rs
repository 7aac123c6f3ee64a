//! The part of the scripts' language that is about what operators do.

use steadfast_core::{Rejection, Request, parse};
use steadfast_proto::temporal::api::{
    activity::v1::ActivityOptions,
    enums::v1::TaskQueueKind,
    workflowservice::v1::{
        PauseActivityRequest, PauseWorkflowExecutionRequest, ResetActivityRequest,
        UnpauseActivityRequest, UnpauseWorkflowExecutionRequest, UpdateActivityOptionsRequest,
        pause_activity_request, reset_activity_request, unpause_activity_request,
        update_activity_options_request,
    },
};

use crate::script::{Words, execution, queue};

/// What a line asks.
pub(crate) fn request(words: &Words<'_>) -> Result<Request, Rejection> {
    let namespace = "default".to_owned();
    let execution = execution(words.at(1));
    let says = |word: &str| words.plain.contains(&word);
    let request_id = words
        .options
        .get("request")
        .copied()
        .unwrap_or("")
        .to_owned();
    match words.at(0) {
        "pause" => parse::pause_activity(PauseActivityRequest {
            namespace,
            execution,
            activity: Some(pause_activity_request::Activity::Id(words.at(2).into())),
            request_id,
            ..Default::default()
        }),
        "unpause" => parse::unpause_activity(UnpauseActivityRequest {
            namespace,
            execution,
            activity: Some(unpause_activity_request::Activity::Id(words.at(2).into())),
            reset_attempts: says("attempts"),
            ..Default::default()
        }),
        "reset" => parse::reset_activity(ResetActivityRequest {
            namespace,
            execution,
            activity: Some(reset_activity_request::Activity::Id(words.at(2).into())),
            keep_paused: says("keep-paused"),
            restore_original_options: says("original"),
            ..Default::default()
        }),
        "options" => options(words),
        "pause-workflow" => parse::pause_workflow(PauseWorkflowExecutionRequest {
            namespace,
            workflow_id: words.at(1).into(),
            request_id,
            ..Default::default()
        }),
        "unpause-workflow" => parse::unpause_workflow(UnpauseWorkflowExecutionRequest {
            namespace,
            workflow_id: words.at(1).into(),
            request_id,
            ..Default::default()
        }),
        other => panic!("no such word of an operator: {other}"),
    }
}

fn options(words: &Words<'_>) -> Result<Request, Rejection> {
    let original = words.plain.contains(&"original");
    let mut paths = Vec::new();
    if words.options.contains_key("stc") {
        paths.push("start_to_close_timeout".to_owned());
    }
    if words.options.contains_key("queue") {
        paths.push("taskQueue.name".to_owned());
    }
    paths.extend(words.options.get("path").map(|path| (*path).to_owned()));
    let options = ActivityOptions {
        start_to_close_timeout: words.time("stc"),
        task_queue: words
            .options
            .get("queue")
            .and_then(|name| queue(name, TaskQueueKind::Normal)),
        ..Default::default()
    };
    parse::update_activity_options(UpdateActivityOptionsRequest {
        namespace: "default".into(),
        execution: execution(words.at(1)),
        activity: Some(update_activity_options_request::Activity::Id(
            words.at(2).into(),
        )),
        activity_options: (!original).then_some(options),
        update_mask: Some(prost_types::FieldMask { paths }),
        restore_original: original,
        ..Default::default()
    })
}

/// What a caller is told.
pub(crate) fn describe(options: &ActivityOptions) -> String {
    let seconds = |duration: &Option<prost_types::Duration>| duration.map_or(0, |d| d.seconds);
    format!(
        "queue {}, start-to-close {} s, schedule-to-close {} s",
        options.task_queue.clone().unwrap_or_default().name,
        seconds(&options.start_to_close_timeout),
        seconds(&options.schedule_to_close_timeout)
    )
}
