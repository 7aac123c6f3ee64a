//! From the code's wishes to commands.

use std::collections::BTreeMap;

use steadfast_proto::temporal::api::{
    command::v1::{
        RecordMarkerCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes,
        UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes as Cmd,
    },
    common::v1::SearchAttributes,
};

use super::Interpreter;
use crate::{
    error::Result,
    flags::Flag,
    host::Fault,
    language::{ChildCancellation, Intent, Notes, Target, UpdateAnswer, Versioning, Wish},
    machines::{
        Key, Machine, Op, Queued,
        activity::Activity,
        child::{self, Child},
        command,
        external::{Cancel, Signal},
        timer::Timer,
        update,
    },
    markers,
    nondeterminism::{Mismatch, NonDeterminismKind},
};

/// The server refuses larger search attribute values.
const MAX_SEARCH_ATTRIBUTE: usize = 2048;

impl Interpreter {
    /// Takes over what the code wants after an activation.
    pub(crate) fn take(&mut self, intents: Vec<Intent>) -> Result<()> {
        let move_terminal = self
            .flags
            .try_use(Flag::MoveTerminalCommands, !self.replaying);
        for intent in ordered(intents, move_terminal) {
            self.wish(intent)?;
        }
        self.apply_known_locals(false);
        self.release_held_locals();
        self.apply_time();
        self.prepare();
        if self.replaying {
            // What a replay answers has been heard long ago.
            self.effects.messages.clear();
        }
        Ok(())
    }

    /// Queues the new commands, without those that were taken back meanwhile.
    pub(super) fn prepare(&mut self) {
        if std::mem::take(&mut self.some_unsent) {
            let machines = &mut self.machines;
            let unsent = |machines: &BTreeMap<Key, Machine>, queued: &Queued| {
                machines.get(&queued.key).is_some_and(Machine::is_unsent)
            };
            self.queue.retain(|queued| !unsent(machines, queued));
            self.effects
                .fresh
                .retain(|queued| !unsent(machines, queued));
            machines.retain(|_, machine| !machine.is_unsent());
        }
        self.queue.append(&mut self.effects.fresh);
    }

    fn wish(&mut self, intent: Intent) -> Result<()> {
        let Intent { wish, notes } = intent;
        match wish {
            Wish::StartTimer { seq, attributes } => {
                let machine = Machine::Timer(Timer::new(seq, notes.clone()));
                self.begin_op(
                    Op::Timer,
                    seq,
                    machine,
                    Cmd::StartTimerCommandAttributes(attributes),
                    notes,
                );
            }
            Wish::CancelTimer { seq } => self.cancel(Op::Timer, seq, notes)?,
            Wish::ScheduleActivity {
                seq,
                cancellation,
                versioning,
                mut attributes,
            } => {
                attributes.use_workflow_build_id = self.stays_compatible(
                    versioning,
                    attributes
                        .task_queue
                        .as_ref()
                        .map_or("", |queue| queue.name.as_str()),
                );
                attributes.request_eager_execution &= self.eager_activities;
                let kind = attributes.activity_type.clone().unwrap_or_default().name;
                let id = attributes.activity_id.clone();
                let activity = Activity::new(seq, id, kind, cancellation, notes.clone());
                let command = Cmd::ScheduleActivityTaskCommandAttributes(*attributes);
                self.begin_op(
                    Op::Activity,
                    seq,
                    Machine::Activity(Box::new(activity)),
                    command,
                    notes,
                );
            }
            Wish::CancelActivity { seq } => self.cancel(Op::Activity, seq, notes)?,
            Wish::SetPatchMarker {
                patch_id,
                deprecated,
            } => {
                self.set_patch(&patch_id, deprecated, notes);
            }
            Wish::UpsertSearchAttributes(attributes) => self.upsert(attributes, notes),
            Wish::ModifyProperties(attributes) => self.plain(attributes, notes),
            Wish::Close(attributes) => self.close(attributes, notes),
            Wish::ContinueAsNew {
                versioning,
                attributes,
            } => {
                let attributes = self.augment_continue_as_new(versioning, attributes);
                self.close(attributes, notes);
            }
            Wish::ScheduleLocalActivity(schedule) => self.schedule_local(*schedule, notes),
            Wish::CancelLocalActivity { seq } => self.cancel_local(seq)?,
            Wish::StartChild {
                seq,
                cancellation,
                versioning,
                attributes,
            } => {
                self.start_child(seq, cancellation, versioning, attributes, notes);
            }
            Wish::CancelChild { seq, reason } => self.cancel_child(seq, reason, notes)?,
            Wish::SignalExternal { seq, attributes } => {
                self.signal_external(seq, *attributes, notes);
            }
            Wish::CancelSignal { seq } => self.cancel(Op::SignalExternal, seq, notes)?,
            Wish::CancelExternal {
                seq,
                target,
                reason,
            } => {
                self.cancel_external(seq, target, reason, notes);
            }
            Wish::UpdateResponse {
                protocol_instance_id,
                answer,
            } => {
                self.answer_update(&protocol_instance_id, answer)?;
            }
            Wish::Unsupported(what) => {
                return Err(Fault::code(format!("{what} are not supported by this worker")).into());
            }
        }
        Ok(())
    }

    fn close(&mut self, attributes: Cmd, notes: Notes) {
        self.finished = true;
        self.locals.clear();
        self.plain(attributes, notes);
    }

    fn new_key(&mut self) -> Key {
        self.unnumbered += 1;
        Key::new(Op::Unnumbered, self.unnumbered)
    }

    fn begin_op(&mut self, op: Op, seq: u32, machine: Machine, attributes: Cmd, notes: Notes) {
        let key = self.insert(op, seq, machine);
        self.effects.issue(key, attributes, notes);
    }

    pub(super) fn insert(&mut self, op: Op, seq: u32, machine: Machine) -> Key {
        let key = Key::new(op, seq);
        self.machines.insert(key, machine);
        let highest = self.highest_seq.entry(op).or_default();
        *highest = seq.max(*highest);
        key
    }

    /// A command without a machine.
    fn plain(&mut self, attributes: Cmd, notes: Notes) {
        let key = self.new_key();
        self.effects.issue(key, attributes, notes);
    }

    fn cancel(&mut self, op: Op, seq: u32, notes: Notes) -> Result<()> {
        let key = Key::new(op, seq);
        let Some(machine) = self.machines.get_mut(&key) else {
            return self.must_be_over(op, seq);
        };
        match machine {
            Machine::Timer(timer) => timer.cancel(key, notes, &mut self.effects),
            Machine::Activity(activity) => activity.cancel(key, notes, &mut self.effects),
            Machine::Signal(signal) => signal.cancel(&mut self.effects),
            Machine::Local(_) | Machine::Child(_) | Machine::Cancel(_) | Machine::Update(_) => {}
        }
        self.some_unsent |= machine.is_unsent();
        Ok(())
    }

    /// The code may speak of operations that are over, but not of some that it never began.
    pub(super) fn must_be_over(&self, op: Op, seq: u32) -> Result<()> {
        if self
            .highest_seq
            .get(&op)
            .is_some_and(|highest| seq <= *highest)
        {
            return Ok(());
        }
        Err(Mismatch {
            kind: NonDeterminismKind::UnknownOperation,
            event_id: self.last_event_id,
            history: "nothing".to_owned(),
            code: format!("{} {seq}", op.name()),
            message: format!(
                "the code refers to {} {seq}, which it never began",
                op.name()
            ),
        }
        .into())
    }

    fn start_child(
        &mut self,
        seq: u32,
        cancellation: ChildCancellation,
        versioning: Versioning,
        mut attributes: Box<StartChildWorkflowExecutionCommandAttributes>,
        notes: Notes,
    ) {
        let queue = attributes
            .task_queue
            .as_ref()
            .map_or("", |queue| queue.name.as_str());
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        {
            attributes.inherit_build_id = self.stays_compatible(versioning, queue);
        }
        let child = Child::new(seq, &attributes, cancellation, notes.clone());
        let command = Cmd::StartChildWorkflowExecutionCommandAttributes(*attributes);
        self.begin_op(
            Op::Child,
            seq,
            Machine::Child(Box::new(child)),
            command,
            notes,
        );
    }

    fn cancel_child(&mut self, seq: u32, reason: String, notes: Notes) -> Result<()> {
        let Some(Machine::Child(child)) = self.machines.get_mut(&Key::new(Op::Child, seq)) else {
            return self.must_be_over(Op::Child, seq);
        };
        let request = child.cancel(reason, notes, &mut self.effects);
        self.some_unsent |= child.state == child::State::Unsent;
        if let Some((attributes, notes)) = request {
            let key = self.new_key();
            self.machines
                .insert(key, Machine::Cancel(Cancel::new(None)));
            let command = Cmd::RequestCancelExternalWorkflowExecutionCommandAttributes(*attributes);
            self.effects.issue(key, command, notes);
        }
        Ok(())
    }

    #[expect(
        deprecated,
        reason = "the namespace is deprecated for users, not for SDKs"
    )]
    fn signal_external(
        &mut self,
        seq: u32,
        mut attributes: SignalExternalWorkflowExecutionCommandAttributes,
        notes: Notes,
    ) {
        if attributes.child_workflow_only {
            attributes.namespace.clone_from(&self.namespace);
        }
        let command = Cmd::SignalExternalWorkflowExecutionCommandAttributes(attributes);
        self.begin_op(
            Op::SignalExternal,
            seq,
            Machine::Signal(Signal::new(seq)),
            command,
            notes,
        );
    }

    #[expect(
        deprecated,
        reason = "the namespace is deprecated for users, not for SDKs"
    )]
    fn cancel_external(&mut self, seq: u32, target: Target, reason: String, notes: Notes) {
        let run_id = &self.run_id;
        let attributes = RequestCancelExternalWorkflowExecutionCommandAttributes {
            namespace: target.namespace,
            workflow_id: target.workflow_id,
            run_id: target.run_id,
            reason: format!(
                "Cancel requested by workflow with run id {run_id} with reason: {reason}"
            ),
            ..Default::default()
        };
        let command = Cmd::RequestCancelExternalWorkflowExecutionCommandAttributes(attributes);
        let machine = Machine::Cancel(Cancel::new(Some(seq)));
        self.begin_op(Op::CancelExternal, seq, machine, command, notes);
    }

    fn answer_update(&mut self, protocol_instance_id: &str, answer: UpdateAnswer) -> Result<()> {
        let key = self.update_keys.get(protocol_instance_id).copied();
        let machine = key.and_then(|key| Some((key, self.machines.get_mut(&key)?)));
        let Some((key, Machine::Update(update))) = machine else {
            let why = format!("the code answers update {protocol_instance_id}, which is not open");
            return Err(Fault::code(why).into());
        };
        update.answer(key, answer, &mut self.effects)?;
        if update.state == update::State::Done {
            self.machines.remove(&key);
            self.update_keys.remove(protocol_instance_id);
        }
        Ok(())
    }

    // temporal: sdk-core patch_state_machine.rs, one marker per patch, followed by the version attribute.
    fn set_patch(&mut self, patch_id: &str, deprecated: bool, notes: Notes) {
        let seen = self.patches.get(patch_id).copied();
        if seen == Some(true) {
            return;
        }
        let in_history = seen.is_some();
        let upsert_flag = self.flags.try_use(Flag::UpsertOnPatch, !self.replaying);
        let absent = self.replaying && !in_history;
        let key = self.new_key();
        let marker = Cmd::RecordMarkerCommandAttributes(RecordMarkerCommandAttributes {
            marker_name: markers::PATCH.to_owned(),
            details: markers::patch_details(patch_id, deprecated),
            ..Default::default()
        });
        self.effects.fresh.push_back(Queued {
            key,
            command: command(marker, notes.clone()),
            sealed: false,
            phantom: absent,
        });
        if upsert_flag && !absent {
            self.upsert_version(patch_id, notes);
        }
        self.patches.insert(patch_id.to_owned(), true);
    }

    fn upsert_version(&mut self, patch_id: &str, notes: Notes) {
        let mut ids: Vec<&str> = self
            .patches
            .iter()
            .filter(|(_, made)| **made)
            .map(|(id, _)| id.as_str())
            .collect();
        ids.push(patch_id);
        ids.sort_unstable();
        ids.dedup();
        let Some(mut payload) = markers::json_payload(&ids) else {
            return;
        };
        if payload.data.len() >= MAX_SEARCH_ATTRIBUTE {
            return;
        }
        payload
            .metadata
            .insert("type".to_owned(), bytes::Bytes::from_static(b"KeywordList"));
        let fields = BTreeMap::from([(markers::VERSION_KEY.to_owned(), payload)]);
        self.plain(
            upsert_command(SearchAttributes {
                indexed_fields: fields,
            }),
            notes,
        );
    }

    fn upsert(&mut self, attributes: SearchAttributes, notes: Notes) {
        let fields = attributes.indexed_fields.iter();
        self.upserted
            .extend(fields.map(|(key, value)| (key.clone(), value.clone())));
        let protects = self.flags.try_use(Flag::UpsertOnPatch, !self.replaying);
        if protects && attributes.indexed_fields.contains_key(markers::VERSION_KEY) {
            // The key belongs to the patches; the command stays, empty, where histories expect it.
            self.plain(upsert_command(SearchAttributes::default()), notes);
        } else {
            self.plain(upsert_command(attributes), notes);
        }
    }

    fn stays_compatible(&self, versioning: Versioning, task_queue: &str) -> bool {
        match versioning {
            Versioning::Compatible => true,
            Versioning::Default => false,
            Versioning::Unspecified => task_queue.is_empty() || task_queue == self.task_queue,
        }
    }

    /// What the code leaves open, the next run takes over from this one.
    fn augment_continue_as_new(&self, versioning: Versioning, attributes: Cmd) -> Cmd {
        let Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(mut next) = attributes else {
            return attributes;
        };
        let queue = next
            .task_queue
            .as_ref()
            .map_or("", |queue| queue.name.as_str());
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        {
            next.inherit_build_id = self.stays_compatible(versioning, queue);
        }
        let inherited = self
            .start
            .memo
            .as_ref()
            .filter(|memo| !memo.fields.is_empty());
        next.memo = next.memo.or_else(|| inherited.cloned());
        next.retry_policy = next
            .retry_policy
            .or_else(|| self.start.retry_policy.clone());
        if next.search_attributes.is_none() {
            let mut current = self.start.search_attributes.clone().unwrap_or_default();
            current.indexed_fields.extend(self.upserted.clone());
            next.search_attributes = (!current.indexed_fields.is_empty()).then_some(current);
        }
        Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(next)
    }
}

/// Non-terminal commands first, then the first terminal one; before flag 3, everything behind that one was dropped.
fn ordered(intents: Vec<Intent>, move_terminal: bool) -> Vec<Intent> {
    if !intents.iter().any(|intent| intent.wish.is_terminal()) {
        return intents;
    }
    let mut kept = Vec::with_capacity(intents.len());
    let mut terminal = None;
    for intent in intents {
        if intent.wish.is_terminal() {
            terminal.get_or_insert(intent);
        } else if move_terminal || terminal.is_none() {
            kept.push(intent);
        }
    }
    kept.extend(terminal);
    kept
}

fn upsert_command(attributes: SearchAttributes) -> Cmd {
    Cmd::UpsertWorkflowSearchAttributesCommandAttributes(
        UpsertWorkflowSearchAttributesCommandAttributes {
            search_attributes: Some(attributes),
        },
    )
}
