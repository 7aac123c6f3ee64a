//! Whether the search attributes of a request may be written.
//!
//! The owner calls [`admit`] between parsing a request and handing it in, with the attributes of the namespace: what is
//! decided here does not depend on the execution. What is admitted gets its type into its metadata, so that nobody
//! needs the registry to read it again.
// temporal: common/searchattribute/validator.go, and command_attr_validator.go for the words around it.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use steadfast_proto::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    enums::v1::WorkflowTaskFailedCause,
};

use super::attribute::{SearchAttributeTypes, SystemAttribute, TYPE, from_payload, predefined};
use crate::{
    command::CommandKind,
    effect::Rejection,
    ids::Namespace,
    limits::{
        MAX_REQUEST_SEARCH_ATTRIBUTES, MAX_SEARCH_ATTRIBUTE_BYTES, MAX_SEARCH_ATTRIBUTES_BYTES,
    },
    request::{CommandError, Request, StartRequest},
};

/// Checks and types the search attributes of a request. A bad one in a command fails the workflow task there.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn admit(request: &mut Request, types: &SearchAttributeTypes) -> Result<(), Rejection> {
    match request {
        Request::Start(start) | Request::SignalWithStart(start, _) => admit_start(start, types),
        Request::UpdateWithStart(start, _) => admit_start(Arc::make_mut(start), types),
        Request::StartActivity(activity) => admit_start(&mut activity.start, types),
        Request::Schedule(schedule) => {
            let namespace = schedule.key.namespace.clone();
            for attributes in schedule.search_attributes_mut() {
                let checked = check(attributes, &namespace, types);
                checked.map_err(|wrong| Rejection::InvalidArgument(wrong.text()))?;
            }
            Ok(())
        }
        Request::CompleteWorkflowTask(complete) => {
            let namespace = &complete.token.run.execution.namespace;
            for command in &mut complete.commands {
                if let Ok(parsed) = command
                    && let Err(detail) = check_command(&mut parsed.kind, namespace, types)
                {
                    *command = Err(CommandError {
                        cause: WorkflowTaskFailedCause::BadSearchAttributes,
                        detail,
                    });
                }
            }
            Ok(())
        }
        Request::Signal(_)
        | Request::Deployment(_)
        | Request::Cancel(_)
        | Request::Terminate(_)
        | Request::Query(_)
        | Request::Describe(_)
        | Request::History(_)
        | Request::FailWorkflowTask(_)
        | Request::Activity(_)
        | Request::ResetStickiness(_)
        | Request::Namespace(_)
        | Request::Update(_)
        | Request::PollUpdate(_)
        | Request::NexusAnswer(_)
        | Request::Standalone(_)
        | Request::Reset(_)
        | Request::Delete(_)
        | Request::Batch(_)
        | Request::ControlActivities(_)
        | Request::Pause(_)
        | Request::Endpoint(_) => Ok(()),
    }
}

/// Whether [`admit`] has anything to look at.
#[must_use]
pub fn carries_attributes(request: &Request) -> bool {
    match request {
        Request::Start(start) | Request::SignalWithStart(start, _) => {
            start.search_attributes.is_some()
        }
        Request::UpdateWithStart(start, _) => start.search_attributes.is_some(),
        Request::StartActivity(activity) => activity.start.search_attributes.is_some(),
        Request::Schedule(schedule) => schedule.carries_attributes(),
        Request::CompleteWorkflowTask(complete) => {
            let mut commands = complete.commands.iter().flatten();
            commands.any(|command| match &command.kind {
                CommandKind::UpsertSearchAttributes(_) => true,
                CommandKind::ContinueAsNew(next) => next.search_attributes.is_some(),
                CommandKind::StartChild(child) => child.search_attributes.is_some(),
                CommandKind::ScheduleActivity(_)
                | CommandKind::CancelActivity { .. }
                | CommandKind::StartTimer { .. }
                | CommandKind::CancelTimer { .. }
                | CommandKind::Complete(_)
                | CommandKind::Fail(_)
                | CommandKind::Cancel(_)
                | CommandKind::SignalExternal(_)
                | CommandKind::CancelExternal(_)
                | CommandKind::RecordMarker(_)
                | CommandKind::ModifyMemo(_)
                | CommandKind::ProtocolMessage { .. }
                | CommandKind::ScheduleNexus(_)
                | CommandKind::CancelNexus { .. } => false,
            })
        }
        Request::Signal(_)
        | Request::Deployment(_)
        | Request::Cancel(_)
        | Request::Terminate(_)
        | Request::Query(_)
        | Request::Describe(_)
        | Request::History(_)
        | Request::FailWorkflowTask(_)
        | Request::Activity(_)
        | Request::ResetStickiness(_)
        | Request::Namespace(_)
        | Request::Update(_)
        | Request::PollUpdate(_)
        | Request::NexusAnswer(_)
        | Request::Standalone(_)
        | Request::Reset(_)
        | Request::Delete(_)
        | Request::Batch(_)
        | Request::ControlActivities(_)
        | Request::Pause(_)
        | Request::Endpoint(_) => false,
    }
}

fn admit_start(start: &mut StartRequest, types: &SearchAttributeTypes) -> Result<(), Rejection> {
    let Some(attributes) = &mut start.search_attributes else {
        return Ok(());
    };
    let checked = check(&mut attributes.0, &start.key.namespace, types);
    checked.map_err(|wrong| Rejection::InvalidArgument(wrong.text()))
}

fn check_command(
    command: &mut CommandKind,
    namespace: &Namespace,
    types: &SearchAttributeTypes,
) -> Result<(), String> {
    match command {
        CommandKind::UpsertSearchAttributes(attributes) => {
            check(attributes, namespace, types).map_err(Wrong::text)
        }
        CommandKind::ContinueAsNew(next) => {
            let Some(attributes) = &mut next.search_attributes else {
                return Ok(());
            };
            check(attributes, namespace, types).map_err(|wrong| {
                wrong.inside(
                    "ContinueAsNewWorkflowExecutionCommand",
                    &format!(
                        "WorkflowType={} TaskQueue={}",
                        next.workflow_type, next.task_queue
                    ),
                )
            })
        }
        CommandKind::StartChild(child) => {
            let Some(attributes) = &mut child.search_attributes else {
                return Ok(());
            };
            check(attributes, namespace, types).map_err(|wrong| {
                wrong.inside(
                    "StartChildWorkflowCommand",
                    &format!(
                        "WorkflowId={} WorkflowType={} Namespace={}",
                        child.key.workflow_id, child.workflow_type, child.key.namespace
                    ),
                )
            })
        }
        CommandKind::ScheduleActivity(_)
        | CommandKind::CancelActivity { .. }
        | CommandKind::StartTimer { .. }
        | CommandKind::CancelTimer { .. }
        | CommandKind::Complete(_)
        | CommandKind::Fail(_)
        | CommandKind::Cancel(_)
        | CommandKind::SignalExternal(_)
        | CommandKind::CancelExternal(_)
        | CommandKind::RecordMarker(_)
        | CommandKind::ModifyMemo(_)
        | CommandKind::ProtocolMessage { .. }
        | CommandKind::ScheduleNexus(_)
        | CommandKind::CancelNexus { .. } => Ok(()),
    }
}

/// Why attributes are not written.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// The namespace has none of this name; commands say no more than that.
    Unknown(String),
    /// Anything else.
    Other(String),
}

impl Wrong {
    fn text(self) -> String {
        match self {
            Self::Unknown(text) | Self::Other(text) => text,
        }
    }

    fn inside(self, command: &str, whose: &str) -> String {
        match self {
            Self::Unknown(text) => text,
            Self::Other(text) => {
                format!("invalid SearchAttributes on {command}: {text}. {whose}")
            }
        }
    }
}

fn check(
    attributes: &mut SearchAttributes,
    namespace: &Namespace,
    types: &SearchAttributeTypes,
) -> Result<(), Wrong> {
    let fields = &mut attributes.indexed_fields;
    for name in fields.keys() {
        let system = SystemAttribute::from_name(name).is_some();
        if !system && types.get(name).is_none() {
            return Err(Wrong::Unknown(format!(
                "Namespace {namespace} has no mapping defined for search attribute {name}"
            )));
        }
    }
    check_values(fields, types).map_err(Wrong::Other)?;
    let total = attributes.encoded_len();
    if total > MAX_SEARCH_ATTRIBUTES_BYTES {
        return Err(Wrong::Other(format!(
            "total size of search attributes {total} exceeds size limit {MAX_SEARCH_ATTRIBUTES_BYTES}"
        )));
    }
    Ok(())
}

fn check_values(
    fields: &mut BTreeMap<String, Payload>,
    types: &SearchAttributeTypes,
) -> Result<(), String> {
    if fields.len() > MAX_REQUEST_SEARCH_ATTRIBUTES {
        return Err(format!(
            "number of search attributes {} exceeds limit {MAX_REQUEST_SEARCH_ATTRIBUTES}",
            fields.len()
        ));
    }
    for (name, payload) in fields.iter_mut() {
        let settable = predefined(name).is_none_or(|(_, settable)| settable);
        let Some(attribute_type) = types.get(name).filter(|_| settable) else {
            return Err(format!("{name} attribute can't be set in SearchAttributes"));
        };
        from_payload(payload, attribute_type).map_err(|found| {
            format!("invalid value for search attribute {name} of type {attribute_type}: {found}")
        })?;
        let size = payload.data.len();
        if size > MAX_SEARCH_ATTRIBUTE_BYTES {
            return Err(format!(
                "search attribute {name} value size {size} exceeds size limit {MAX_SEARCH_ATTRIBUTE_BYTES}"
            ));
        }
        payload.metadata.insert(
            TYPE.to_owned(),
            attribute_type.name().as_bytes().to_vec().into(),
        );
    }
    Ok(())
}
