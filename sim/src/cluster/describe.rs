//! Messages in a line for people: what a recorded trace shows.

use std::fmt::{self, Write};

use steadfast_core::message::{Address, Envelope, Message};

use super::wire::{Answer, Rpc, Wire};

/// Writes what a message says.
pub(super) fn message(wire: &Wire, out: &mut dyn Write) -> fmt::Result {
    match wire {
        Wire::Hello => out.write_str("has started"),
        Wire::Request(_, _, rpc) => request(rpc, out),
        Wire::Answer(_, answer) => match &**answer {
            Ok(answer) => self::answer(answer, out),
            Err(rejection) => write!(out, "rejected: {rejection}"),
        },
        Wire::Machine(envelope) => machine(envelope, out),
        Wire::Call(_, call) => write!(out, "{} {} (attempt {})", call.operation, call.key, call.attempt),
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
        Rpc::Signal(body) => {
            let id = body.workflow_execution.as_ref().map_or("", |e| e.workflow_id.as_str());
            write!(out, " {id} {}", body.signal_name)
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
            let events = task.history.as_ref().map_or(0, |history| history.events.len());
            write!(out, " {} started {} with {events} events", execution.workflow_id, task.started_event_id)
        }
        Answer::PollActivityTask(task) => {
            let Some(execution) = &task.workflow_execution else {
                return out.write_str(" nothing");
            };
            let kind = task.activity_type.as_ref().map_or("", |kind| kind.name.as_str());
            write!(out, " {} {kind} attempt {}", execution.workflow_id, task.attempt)
        }
        _ => Ok(()),
    }
}

fn machine(envelope: &Envelope, out: &mut dyn Write) -> fmt::Result {
    let name = match &envelope.message {
        Message::Offer(_) => "offer",
        Message::Withdraw(_) => "withdraw",
        Message::OfferTaken(_) => "offer taken",
        Message::MatchingStarted => "matching started",
        Message::Claim(_) => "claim",
        Message::ClaimAnswer { .. } => "claim answer",
        Message::Query(_) => "query",
        Message::Outbox(_) => "outbox",
        Message::OutboxAnswer(_) => "outbox answer",
    };
    let place = |address: Address| match address {
        Address::Shard(shard) => format!("shard {}", shard.0),
        Address::Matching => "matching".to_owned(),
    };
    write!(out, "{name}: {} to {}", place(envelope.from), place(envelope.to))
}
