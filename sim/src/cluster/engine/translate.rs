//! Between the wire and the machines: core parses and renders, here is only which does which, and the history that a
//! reply names is fetched from the store.

use std::time::Duration;

use bytes::Bytes;
use steadfast_core::{
    EventId, Rejection, Reply, ReplyTo, Request, RunKey,
    effect::{EventRange, UpdateOutcome, WorkflowTaskReply},
    ids::{RequestId, UpdateId},
    matching::MatchingInput,
    parse, render,
    schedule::{ScheduleReply, conflict_token},
    visibility::{self, ListRequest, SearchAttributeTypes},
};
use steadfast_proto::temporal::api::{
    history::v1::HistoryEvent,
    workflowservice::v1::{self as service, PollWorkflowTaskQueueResponse},
};
use steadfast_store::{Query, Store};

use crate::cluster::wire::{Answer, Rpc};

/// A request, for the machine that it is for.
#[derive(Debug)]
pub(super) enum Inbound {
    Shard(Request),
    Matching(MatchingInput),
    List(ListRequest),
}

/// Events in one page. temporal: `limit.historyMaxPageSize`.
const PAGE: i64 = 256;

/// Parses a request.
pub(super) fn parse(reply_to: ReplyTo, held: Duration, rpc: Rpc) -> Result<Inbound, Rejection> {
    let request = match rpc {
        Rpc::PollWorkflowTask(body) => {
            let input = parse::poll_workflow(body, reply_to, held)?;
            return Ok(Inbound::Matching(input));
        }
        Rpc::PollActivityTask(body) => {
            let input = parse::poll_activity(body, reply_to, held)?;
            return Ok(Inbound::Matching(input));
        }
        Rpc::CompleteQueryTask(body) => {
            return Ok(Inbound::Matching(parse::query_completed(body, reply_to)?));
        }
        Rpc::List(body) => {
            let list = visibility::request::list(&body, &SearchAttributeTypes::default())?;
            return Ok(Inbound::List(list));
        }
        Rpc::Start(body) => parse::start(body, fresh(reply_to))?,
        Rpc::SignalWithStart(body) => parse::signal_with_start(body, fresh(reply_to))?,
        Rpc::Update(body) => parse::update(body, fresh_update(reply_to))?,
        Rpc::PollUpdate(body) => parse::poll_update(body)?,
        Rpc::UpdateWithStart(body) => {
            parse::multi_operation(body, fresh(reply_to), fresh_update(reply_to))?
        }
        Rpc::Signal(body) => parse::signal(body)?,
        Rpc::Cancel(body) => parse::cancel(body)?,
        Rpc::Terminate(body) => parse::terminate(body)?,
        Rpc::Reset(body) => parse::reset(body, fresh(reply_to))?,
        Rpc::Query(body) => parse::query(body)?,
        Rpc::Describe(body) => parse::describe(&body)?,
        Rpc::History(body) => parse::history(&body)?,
        Rpc::CreateSchedule(body) => parse::create_schedule(body)?,
        Rpc::DescribeSchedule(body) => parse::describe_schedule(&body)?,
        Rpc::UpdateSchedule(body) => parse::update_schedule(body)?,
        Rpc::PatchSchedule(body) => parse::patch_schedule(body)?,
        Rpc::DeleteSchedule(body) => parse::delete_schedule(&body)?,
        Rpc::CompleteWorkflowTask(body) => parse::workflow_task_completed(body)?,
        Rpc::FailWorkflowTask(body) => parse::workflow_task_failed(body)?,
        Rpc::CompleteActivity(body) => parse::activity_completed(body)?,
        Rpc::FailActivity(body) => parse::activity_failed(body)?,
        Rpc::CancelActivity(body) => parse::activity_canceled(body)?,
        Rpc::Heartbeat(body) => parse::activity_heartbeat(body)?,
    };
    Ok(Inbound::Shard(request))
}

/// A request id for those who bring none.
fn fresh(reply_to: ReplyTo) -> RequestId {
    RequestId::new(format!("request-{:x}", reply_to.0))
}

/// An update's id for those who bring none.
fn fresh_update(reply_to: ReplyTo) -> UpdateId {
    UpdateId::new(format!("update-{:x}", reply_to.0))
}

/// What a caller at another engine must have asked to be told this.
pub(super) fn relayed(reply: &Result<Reply, Rejection>) -> Rpc {
    match reply {
        Ok(Reply::ActivityTask(_)) => Rpc::PollActivityTask(Default::default()),
        Ok(Reply::Query(_) | Reply::QueryRejected(_)) | Err(_) => Rpc::Query(Default::default()),
        Ok(_) => Rpc::PollWorkflowTask(Default::default()),
    }
}

/// Renders an answer.
pub(super) fn render(
    rpc: &Rpc,
    reply: Result<Reply, Rejection>,
    store: &dyn Store,
) -> Result<Answer, Rejection> {
    match reply? {
        Reply::Started(started) => Ok(match rpc {
            Rpc::SignalWithStart(_) => {
                Answer::SignalWithStart(render::signal_with_started(&started))
            }
            _ => Answer::Start(render::started(&started, None)),
        }),
        Reply::Done => Ok(done(rpc)),
        Reply::WorkflowTask(task) => Ok(Answer::PollWorkflowTask(workflow_task(*task, store)?)),
        Reply::QueryTask(task) => {
            let (history, more) = page(&task.run, task.history, store)?;
            Ok(Answer::PollWorkflowTask(render::query_task(
                *task, history, more,
            )))
        }
        Reply::ActivityTask(task) => Ok(Answer::PollActivityTask(render::activity_task(*task))),
        Reply::NoTask => Ok(match rpc {
            Rpc::PollActivityTask(_) => Answer::PollActivityTask(Default::default()),
            _ => Answer::PollWorkflowTask(Default::default()),
        }),
        Reply::WorkflowTaskCompleted {
            next,
            activities,
            reset_to,
        } => {
            let next = next.map(|task| workflow_task(*task, store)).transpose()?;
            let answer = render::workflow_task_completed(next, activities, reset_to);
            Ok(Answer::CompleteWorkflowTask(answer))
        }
        Reply::Heartbeat {
            cancel_requested,
            paused,
            reset,
        } => Ok(Answer::Heartbeat(
            service::RecordActivityTaskHeartbeatResponse {
                cancel_requested,
                activity_paused: paused,
                activity_reset: reset,
            },
        )),
        Reply::Query(answer) => Ok(Answer::Query(render::query_answer(answer))),
        Reply::QueryRejected(status) => Ok(Answer::Query(render::query_rejected(status))),
        Reply::Update(reply) => {
            let event = match reply.outcome {
                UpdateOutcome::InHistory(event) => {
                    let range = EventRange {
                        first: event,
                        last: event,
                    };
                    page(&reply.run, range, store)?.0.pop()
                }
                UpdateOutcome::None | UpdateOutcome::Failed(_) => None,
            };
            Ok(match rpc {
                Rpc::PollUpdate(_) => Answer::PollUpdate(render::update_poll(*reply, event)),
                Rpc::UpdateWithStart(_) => {
                    Answer::UpdateWithStart(render::update_with_start(*reply, event))
                }
                _ => Answer::Update(render::update(*reply, event)),
            })
        }
        Reply::Describe(answer) => Ok(Answer::Describe(*answer)),
        Reply::Reset(run_id) => Ok(Answer::Reset(service::ResetWorkflowExecutionResponse {
            run_id: run_id.into(),
        })),
        Reply::Namespaces(_) | Reply::Time(_) => {
            unreachable!("nobody in the simulator asks for them")
        }
        Reply::Schedule(reply) => Ok(match *reply {
            ScheduleReply::Created(token) => {
                Answer::CreateSchedule(service::CreateScheduleResponse {
                    conflict_token: conflict_token(token),
                })
            }
            ScheduleReply::Described(answer) => Answer::DescribeSchedule(*answer),
            ScheduleReply::Times(_)
            | ScheduleReply::Ids(_)
            | ScheduleReply::Entry(_)
            | ScheduleReply::Done => done(rpc),
        }),
        Reply::History(reply) => {
            let (events, _) = page(&reply.run, reply.events, store)?;
            let waits = matches!(rpc, Rpc::History(body) if body.wait_new_event);
            Ok(Answer::History(render::history(reply, events, waits)))
        }
        Reply::NexusTask(_)
        | Reply::ActivityOutcome(..)
        | Reply::DescribeActivity(_)
        | Reply::Batch(_)
        | Reply::ActivityOptions(_)
        | Reply::Endpoints(..)
        | Reply::Deployment(..) => {
            unreachable!("nobody in the simulation asks for it")
        }
    }
}

/// Rows that a store looks at before somebody else has his turn.
const LOOKED_AT: usize = 1_000;

/// A page of rows. What was written before the last crash is not listed until it is known to be durable.
pub(super) fn list(request: ListRequest, store: &dyn Store) -> Result<Answer, Rejection> {
    let mut rows = Vec::new();
    let mut query = Query {
        namespace: request.namespace,
        filter: request.filter,
        after: request.after,
        limit: request.page_size,
        budget: LOOKED_AT,
    };
    loop {
        let page = store
            .list(&query)
            .map_err(|error| Rejection::Unavailable(error.to_string()))?;
        rows.extend(page.rows);
        query.limit = request.page_size.saturating_sub(rows.len());
        query.after = page.next;
        if query.limit == 0 || query.after.is_none() {
            break;
        }
    }
    let types = SearchAttributeTypes::default();
    let answer = visibility::answer::listed(rows, query.after.as_ref(), &types);
    Ok(Answer::List(answer))
}

/// The answer to a wait for history that ends for nothing: ask again from here.
pub(super) fn nothing_yet(rpc: &Rpc) -> Answer {
    let token = match rpc {
        Rpc::History(body) => body.next_page_token.clone(),
        _ => Bytes::new(),
    };
    Answer::History(service::GetWorkflowExecutionHistoryResponse {
        history: Some(Default::default()),
        next_page_token: token,
        ..Default::default()
    })
}

fn done(rpc: &Rpc) -> Answer {
    match rpc {
        Rpc::Signal(_) => Answer::Signal(Default::default()),
        Rpc::Cancel(_) => Answer::Cancel(Default::default()),
        Rpc::FailWorkflowTask(_) => Answer::FailWorkflowTask(Default::default()),
        Rpc::CompleteQueryTask(_) => Answer::CompleteQueryTask(Default::default()),
        Rpc::CompleteActivity(_) => Answer::CompleteActivity(Default::default()),
        Rpc::FailActivity(_) => Answer::FailActivity(Default::default()),
        Rpc::CancelActivity(_) => Answer::CancelActivity(Default::default()),
        Rpc::UpdateSchedule(_) => Answer::UpdateSchedule(Default::default()),
        Rpc::PatchSchedule(_) => Answer::PatchSchedule(Default::default()),
        Rpc::DeleteSchedule(_) => Answer::DeleteSchedule(Default::default()),
        _ => Answer::Terminate(Default::default()),
    }
}

fn workflow_task(
    task: WorkflowTaskReply,
    store: &dyn Store,
) -> Result<PollWorkflowTaskQueueResponse, Rejection> {
    let (history, more) = page(&task.token.run, task.history, store)?;
    Ok(render::workflow_task(task, history, more))
}

/// The first page of a range, and the token for the rest.
fn page(
    run: &RunKey,
    range: EventRange,
    store: &dyn Store,
) -> Result<(Vec<HistoryEvent>, Bytes), Rejection> {
    if range.last < range.first {
        return Ok((Vec::new(), Bytes::new()));
    }
    let last = range.last.min(EventId(range.first.0 + PAGE - 1));
    let here = EventRange {
        first: range.first,
        last,
    };
    let encoded = store
        .history(run, here)
        .map_err(|error| Rejection::Unavailable(error.to_string()))?;
    let more = if last < range.last {
        render::page_token(last.next(), &run.run_id)
    } else {
        Bytes::new()
    };
    Ok((render::events(encoded), more))
}
