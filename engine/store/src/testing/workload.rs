//! Batches that a shard could have made: every kind of record, several executions at once, events dense from 1.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use prost::Message as _;
use steadfast_core::{
    Batch, Entry, Epoch, EventId, ExecutionKey, Record, RunId, ShardId, TaskQueueName, Timestamp,
    activity::ActivityState,
    ids::RequestId,
    message::OutboxWork,
    policy::ParentClosePolicy,
    record::{Created, OutboxPut},
    request::StickyRequest,
    visibility::RowChange,
    workflow_task::{TaskType, WorkflowTask},
};
use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads},
    history::v1::{
        HistoryEvent, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionSignaledEventAttributes, WorkflowExecutionStartedEventAttributes,
        history_event::Attributes,
    },
};

use super::Rng;

/// Makes batches for the executions of one shard. Knows what the batches so far did, and nothing else.
#[derive(Clone, Debug)]
pub struct Workload {
    shard: ShardId,
    keys: Vec<ExecutionKey>,
    runs: BTreeMap<ExecutionKey, Tip>,
}

/// The newest run of an execution.
#[derive(Clone, Debug)]
struct Tip {
    run_id: RunId,
    run_number: u64,
    next_event: i64,
    open: bool,
    has_row: bool,
}

impl Workload {
    /// Up to `executions` workflows that belong to this shard.
    #[must_use]
    pub fn new(shard: ShardId, shards: u32, executions: usize) -> Self {
        let names = (0..u64::MAX).map(|n| ExecutionKey::new("default", format!("order-{n}")));
        Self {
            shard,
            keys: names
                .filter(|key| key.shard(shards) == shard)
                .take(executions)
                .collect(),
            runs: BTreeMap::new(),
        }
    }

    /// The workflows.
    #[must_use]
    pub fn keys(&self) -> &[ExecutionKey] {
        &self.keys
    }

    /// Forgets all batches and takes these instead.
    pub fn rewind<'a>(&mut self, batches: impl IntoIterator<Item = &'a Batch>) {
        self.runs.clear();
        for batch in batches {
            for entry in &batch.entries {
                self.note(entry);
            }
        }
    }

    /// The next batch: one to three executions, one to six records of each, now and then large ones.
    pub fn batch(&mut self, rng: &mut Rng, epoch: Epoch, high: Timestamp) -> Batch {
        let mut entries = Vec::new();
        for _ in 0..=rng.below(3).saturating_sub(1) {
            let key = self.keys[rng.index(self.keys.len())].clone();
            for _ in 0..=rng.below(6) {
                let entry = self.entry(rng, &key, high);
                self.note(&entry);
                entries.push(entry);
            }
        }
        Batch {
            shard: self.shard,
            epoch,
            high,
            entries,
        }
    }

    fn entry(&self, rng: &mut Rng, key: &ExecutionKey, time: Timestamp) -> Entry {
        let tip = self.runs.get(key);
        let (run_id, record) = match tip {
            Some(tip) if tip.next_event == 1 => (tip.run_id.clone(), event(1, time, started())),
            Some(tip) if tip.open => (tip.run_id.clone(), open_record(rng, tip, time)),
            _ => {
                let number = tip.map_or(1, |tip| tip.run_number + 1);
                let created = Created {
                    request_id: RequestId::new(format!("start-{number}")),
                    awaits_parent: rng.one_in(8),
                };
                (run_id(key, number), Record::Created(created))
            }
        };
        Entry {
            key: key.clone(),
            run_id,
            record,
        }
    }

    fn note(&mut self, entry: &Entry) {
        if let Record::Created(_) = entry.record {
            let run_number = self.runs.get(&entry.key).map_or(1, |t| t.run_number + 1);
            let tip = Tip {
                run_id: entry.run_id.clone(),
                run_number,
                next_event: 1,
                open: true,
                has_row: false,
            };
            self.runs.insert(entry.key.clone(), tip);
        } else if let Record::Row(change) = &entry.record {
            let tip = self.runs.get_mut(&entry.key).expect("it was created");
            tip.has_row = !matches!(**change, RowChange::Removed);
        } else if let Record::Event(bytes) = &entry.record {
            let tip = self.runs.get_mut(&entry.key).expect("it was created");
            tip.next_event += 1;
            let event = HistoryEvent::decode(bytes.clone()).expect("we encoded it");
            tip.open = !matches!(
                event.attributes,
                Some(Attributes::WorkflowExecutionCompletedEventAttributes(_))
            );
        }
    }
}

fn run_id(key: &ExecutionKey, number: u64) -> RunId {
    RunId::new(format!("{}-run-{number}", key.workflow_id))
}

/// Any record that an open run may get.
fn open_record(rng: &mut Rng, tip: &Tip, time: Timestamp) -> Record {
    let id = tip.next_event;
    let scheduled = EventId(rng.below(8).cast_signed() + 1);
    match rng.below(20) {
        16..=19 if tip.has_row => Record::Row(Box::new(super::rows::change(rng))),
        16..=19 => {
            let row = super::rows::row(rng, time);
            Record::Row(Box::new(RowChange::Started(Box::new(row))))
        }
        0 => event(id, time, completed()),
        1..=7 => event(id, time, signaled(rng)),
        8 => Record::WorkflowTask(rng.one_in(2).then(|| Box::new(task(scheduled, time)))),
        9 => Record::Sticky(rng.one_in(2).then(sticky)),
        10 => Record::Activity(
            scheduled,
            rng.one_in(2).then(|| Box::new(activity(rng, time))),
        ),
        11 => Record::Buffered(encode(0, time, signaled(rng))),
        12 => Record::BufferCleared,
        13 => Record::SignalRequest(RequestId::new(format!("signal-{}", rng.below(64)))),
        14 => Record::OutboxPut(rng.below(8), Box::new(outbox(tip))),
        _ => Record::OutboxDone(rng.below(8)),
    }
}

fn event(id: i64, time: Timestamp, attributes: Attributes) -> Record {
    Record::Event(encode(id, time, attributes))
}

fn encode(id: i64, time: Timestamp, attributes: Attributes) -> Bytes {
    let event = HistoryEvent {
        event_id: id,
        event_time: Some(time.to_proto()),
        attributes: Some(attributes),
        ..HistoryEvent::default()
    };
    event.encode_to_vec().into()
}

fn started() -> Attributes {
    Attributes::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
        attempt: 1,
        ..WorkflowExecutionStartedEventAttributes::default()
    })
}

fn completed() -> Attributes {
    Attributes::WorkflowExecutionCompletedEventAttributes(
        WorkflowExecutionCompletedEventAttributes::default(),
    )
}

fn signaled(rng: &mut Rng) -> Attributes {
    let signal = WorkflowExecutionSignaledEventAttributes {
        signal_name: "signal".to_owned(),
        input: Some(payloads(rng)),
        ..WorkflowExecutionSignaledEventAttributes::default()
    };
    Attributes::WorkflowExecutionSignaledEventAttributes(signal)
}

/// Mostly small, sometimes over several sectors, sometimes nothing but zeros.
fn payloads(rng: &mut Rng) -> Payloads {
    let length = match rng.below(16) {
        0 => 600 + rng.index(3000),
        _ => rng.index(64),
    };
    let fill = if rng.one_in(2) { 0 } else { 0xa5 };
    let payload = Payload {
        data: vec![fill; length].into(),
        ..Payload::default()
    };
    Payloads {
        payloads: vec![payload],
    }
}

fn task(scheduled: EventId, time: Timestamp) -> WorkflowTask {
    WorkflowTask {
        kind: TaskType::Normal,
        attempt: 1,
        scheduled,
        scheduled_time: time,
        original_scheduled_time: time,
        timeout: Duration::from_secs(10),
        sticky: None,
        schedule_to_start: Duration::ZERO,
        started: None,
        stamp: 0,
    }
}

fn sticky() -> StickyRequest {
    StickyRequest {
        queue: TaskQueueName::from("worker-1"),
        schedule_to_start: Duration::from_secs(5),
    }
}

fn activity(rng: &mut Rng, time: Timestamp) -> ActivityState {
    ActivityState {
        attempt: 1,
        stamp: 0,
        first_scheduled: time,
        scheduled: time,
        started: None,
        last_failure: None,
        heartbeat_details: rng
            .one_in(4)
            .then(|| Box::new(steadfast_core::record::Proto(payloads(rng)))),
        last_heartbeat: None,
        last_identity: String::new(),
        retry_interval: Duration::ZERO,
    }
}

fn outbox(tip: &Tip) -> OutboxPut {
    OutboxPut {
        to: ExecutionKey::new("default", "child"),
        work: OutboxWork::ParentClosed {
            first_run: tip.run_id.clone(),
            policy: ParentClosePolicy::Terminate,
        },
    }
}
