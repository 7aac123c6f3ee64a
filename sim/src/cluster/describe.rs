//! Messages in a line for people: what a recorded trace shows.

use std::fmt::{self, Write};

use prost::Message as _;
use steadfast_core::{
    Batch, Record,
    batch::BatchRecord,
    message::{Address, Envelope, Message, TaskRef},
    schedule::ScheduleRecord,
};
use steadfast_proto::temporal::api::history::v1::HistoryEvent;

use super::{
    view::type_name,
    wire::{Answer, Rpc, Wire},
};

/// Writes what a message says.
pub(super) fn message(wire: &Wire, out: &mut dyn Write) -> fmt::Result {
    match wire {
        Wire::Hello => out.write_str("has started"),
        Wire::Request(_, _, rpc) => request(rpc, out),
        Wire::Answer(_, answer) => match &**answer {
            Ok(answer) => self::answer(answer, out),
            Err(rejection) => write!(out, "rejected: {rejection}"),
        },
        Wire::Machine(envelope) => {
            let mut text = String::new();
            machine(envelope, &mut text);
            out.write_str(&text)
        }
        Wire::Call(_, call) => write!(
            out,
            "{} {} (attempt {})",
            call.operation, call.key, call.attempt
        ),
        Wire::Result(_, result) => match &**result {
            Ok(body) => write!(out, "{}", String::from_utf8_lossy(body)),
            Err(error) => write!(out, "{error}"),
        },
        Wire::Relay(_, answer) => match &**answer {
            Ok(answer) => self::answer(answer, out),
            Err(rejection) => write!(out, "rejected: {rejection}"),
        },
    }
}

fn request(rpc: &Rpc, out: &mut dyn Write) -> fmt::Result {
    out.write_str(rpc.name())?;
    match rpc {
        Rpc::Start(body) => write!(out, " {}", body.workflow_id),
        Rpc::List(body) => write!(out, " {}", body.query),
        Rpc::Signal(body) => {
            let id = body
                .workflow_execution
                .as_ref()
                .map_or("", |e| e.workflow_id.as_str());
            write!(out, " {id} {}", body.signal_name)
        }
        Rpc::Update(body) => {
            let id = body
                .workflow_execution
                .as_ref()
                .map_or("", |e| e.workflow_id.as_str());
            let update = body.request.clone().unwrap_or_default();
            let (meta, input) = (
                update.meta.unwrap_or_default(),
                update.input.unwrap_or_default(),
            );
            write!(out, " {id} {} {}", input.name, meta.update_id)
        }
        Rpc::PollUpdate(body) => {
            let update = body.update_ref.clone().unwrap_or_default();
            let execution = update.workflow_execution.unwrap_or_default();
            write!(out, " {} {}", execution.workflow_id, update.update_id)
        }
        Rpc::CompleteWorkflowTask(body) => {
            for command in &body.commands {
                let name = command.command_type().as_str_name();
                write!(out, " {}", name.trim_start_matches("COMMAND_TYPE_"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn answer(answer: &Answer, out: &mut dyn Write) -> fmt::Result {
    out.write_str(answer.name())?;
    match answer {
        Answer::PollWorkflowTask(task) => {
            let Some(execution) = &task.workflow_execution else {
                return out.write_str(" nothing");
            };
            let events = task
                .history
                .as_ref()
                .map_or(0, |history| history.events.len());
            write!(
                out,
                " {} started {} with {events} events",
                execution.workflow_id, task.started_event_id
            )
        }
        Answer::Update(answer) => write!(out, " {:?}", answer.stage()),
        Answer::PollUpdate(answer) => write!(out, " {:?}", answer.stage()),
        Answer::PollActivityTask(task) => {
            let Some(execution) = &task.workflow_execution else {
                return out.write_str(" nothing");
            };
            let kind = task
                .activity_type
                .as_ref()
                .map_or("", |kind| kind.name.as_str());
            write!(
                out,
                " {} {kind} attempt {}",
                execution.workflow_id, task.attempt
            )
        }
        _ => Ok(()),
    }
}

/// Writes what a machine says to another.
pub(super) fn machine(envelope: &Envelope, out: &mut String) {
    let task = |task: &TaskRef| {
        let id = &task.run.execution.workflow_id;
        format!(
            "{:?} task {} of {id} attempt {}",
            task.kind, task.scheduled, task.attempt
        )
    };
    let what = match &envelope.message {
        Message::Offer(offer) => format!("offer {} in {}", task(&offer.task), offer.queue.name),
        Message::Withdraw(withdrawn) => format!("withdraw {}", task(withdrawn)),
        Message::OfferTaken(taken) => format!("taken {}", task(taken)),
        Message::MatchingStarted => "matching started".to_owned(),
        Message::Claim(claim) => format!("claim {} for {}", task(&claim.task), claim.identity),
        Message::ClaimAnswer {
            task: claimed,
            started,
            ..
        } => {
            format!(
                "claimed {}: {}",
                task(claimed),
                if *started { "started" } else { "gone" }
            )
        }
        Message::Routing(update) => {
            format!("routing {} at {}", update.deployment, update.revision)
        }
        Message::RoutingTaken(key, revision) => {
            format!("routing taken of {} at {revision}", key.workflow_id)
        }
        Message::Query(query) => format!("query {}", query.run.execution.workflow_id),
        Message::Outbox(item) => format!(
            "work {} of {}",
            item.number, item.from.execution.workflow_id
        ),
        Message::OutboxAnswer(answer) => {
            format!(
                "work {} of {} done",
                answer.number, answer.from.execution.workflow_id
            )
        }
    };
    let place = |address: Address| match address {
        Address::Shard(shard) => format!("shard {}", shard.0),
        Address::Matching => "matching".to_owned(),
    };
    let (from, to) = (place(envelope.from), place(envelope.to));
    out.push_str(&format!("{from} to {to}: {what}"));
}

/// Writes what a step changes.
pub(super) fn batch(batch: &Batch, out: &mut String) {
    let mut last = "";
    for entry in &batch.entries {
        let id = entry.key.workflow_id.as_str();
        if id != last {
            out.push_str(id);
            out.push(':');
            last = id;
        }
        out.push(' ');
        match &entry.record {
            Record::Event(bytes) => match HistoryEvent::decode(bytes.clone()) {
                Ok(event) => {
                    let name = type_name(event.event_type());
                    out.push_str(&format!("#{} {name}", event.event_id));
                }
                Err(_) => out.push_str("an event that is none"),
            },
            Record::Created(_) => out.push_str("created"),
            Record::WorkflowTask(Some(task)) => {
                let started = if task.started.is_some() {
                    "started"
                } else {
                    "waits"
                };
                out.push_str(&format!(
                    "task({} attempt {} {started})",
                    task.scheduled, task.attempt
                ));
            }
            Record::WorkflowTask(None) => out.push_str("no-task"),
            Record::Sticky(sticky) => out.push_str(if sticky.is_some() {
                "sticky"
            } else {
                "unsticky"
            }),
            Record::Activity(id, Some(state)) => {
                let started = if state.started.is_some() {
                    "started"
                } else {
                    "waits"
                };
                out.push_str(&format!(
                    "activity({id} attempt {} {started})",
                    state.attempt
                ));
            }
            Record::Activity(id, None) => out.push_str(&format!("activity({id} over)")),
            Record::Buffered(_) => out.push_str("buffered"),
            Record::BufferCleared => out.push_str("buffer-cleared"),
            Record::SignalRequest(id) => out.push_str(&format!("signal({id})")),
            Record::AttachedRequest(id) => out.push_str(&format!("attached({id})")),
            Record::OutboxPut(number, _) => out.push_str(&format!("outbox({number})")),
            Record::OutboxDone(number) => out.push_str(&format!("outbox({number} done)")),
            Record::ClosingAttempted(_) => out.push_str("closing-attempted"),
            Record::ChildBegun(_) => out.push_str("begun"),
            Record::Namespace(name, _) => out.push_str(&format!("namespace({name})")),
            Record::Row(_) => out.push_str("row"),
            Record::Deployment(_) => out.push_str("deployment"),
            Record::Initially(_) => out.push_str("initially"),
            Record::Endpoint(id, _) => out.push_str(&format!("endpoint({id})")),
            Record::Nexus(id, _) => out.push_str(&format!("nexus({id})")),
            Record::Scheduled(by) => out.push_str(&format!("scheduled({})", by.number)),
            Record::Schedule(change) => schedule(change, out),
            Record::Forked(forked) => out.push_str(&format!("forked(at {})", forked.at)),
            Record::ResetTo(_) => out.push_str("reset"),
            Record::Expires(at) => out.push_str(&format!("kept-until({at})")),
            Record::Doomed => out.push_str("doomed"),
            Record::Deleted => out.push_str("deleted"),
            Record::Batch(change) => batch_job(change, out),
            Record::ActivityControl(id, _) => out.push_str(&format!("controlled({id})")),
        }
    }
}

/// Writes what changes of a batch job.
fn batch_job(change: &BatchRecord, out: &mut String) {
    out.push_str(&match change {
        BatchRecord::Started(spec, _) => format!("started({})", spec.targets.len()),
        BatchRecord::OutboxPut(number, _) => format!("outbox({number})"),
        BatchRecord::Answered(number, well) => format!("answered({number} {well})"),
        BatchRecord::Closed(_) => "closed".to_owned(),
        BatchRecord::Removed => "removed".to_owned(),
    });
}

/// Writes what changes of a schedule.
fn schedule(change: &ScheduleRecord, out: &mut String) {
    out.push_str(&match change {
        ScheduleRecord::Created(_) => "created".to_owned(),
        ScheduleRecord::Definition(_) => "defined".to_owned(),
        ScheduleRecord::Attributes(_) => "attributes".to_owned(),
        ScheduleRecord::Switch(switch) if switch.paused => "paused".to_owned(),
        ScheduleRecord::Switch(switch) => format!("on({} left)", switch.remaining),
        ScheduleRecord::Progress(progress) => format!("upto({})", progress.processed),
        ScheduleRecord::Buffer(buffer) => format!("{} wait", buffer.len()),
        ScheduleRecord::Backfills(backfills) => format!("{} ranges", backfills.len()),
        ScheduleRecord::Running(running) => format!("{} run", running.len()),
        ScheduleRecord::Recent(_) => "recent".to_owned(),
        ScheduleRecord::Last(_) => "last".to_owned(),
        ScheduleRecord::Request(id) => format!("request({id})"),
        ScheduleRecord::OutboxPut(number, _) => format!("outbox({number})"),
        ScheduleRecord::OutboxDone(number) => format!("outbox({number} done)"),
        ScheduleRecord::Closed => "closed".to_owned(),
    });
}
