//! Internal flags: behaviour that older histories do not have, recorded in `sdk_metadata`.

use std::collections::BTreeSet;

use steadfast_proto::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;

/// Flags of sdk-core; the numbers are part of histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Flag {
    /// Ids and types of activities, local activities and children are compared during replay.
    IdAndTypeChecks = 1,
    /// Each new patch upserts `TemporalChangeVersion`.
    UpsertOnPatch = 2,
    /// Commands after a terminal one are kept, and the terminal one goes last.
    MoveTerminalCommands = 3,
}

const ALL: [Flag; 3] = [
    Flag::IdAndTypeChecks,
    Flag::UpsertOnPatch,
    Flag::MoveTerminalCommands,
];

/// The flags a run may use, and those to record with its next completion.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    core: BTreeSet<u32>,
    lang: BTreeSet<u32>,
    new: BTreeSet<u32>,
    recorded_name: String,
    recorded_version: String,
}

impl Flags {
    /// Takes over what an earlier completion recorded.
    pub(crate) fn learn(&mut self, metadata: &WorkflowTaskCompletedMetadata) {
        self.core.extend(&metadata.core_used_flags);
        self.lang.extend(&metadata.lang_used_flags);
        if !metadata.sdk_name.is_empty() {
            self.recorded_name.clone_from(&metadata.sdk_name);
        }
        if !metadata.sdk_version.is_empty() {
            self.recorded_version.clone_from(&metadata.sdk_version);
        }
    }

    /// Whether behaviour `flag` applies now; `record` when this is a first execution.
    pub(crate) fn try_use(&mut self, flag: Flag, record: bool) -> bool {
        if record {
            self.new.insert(flag as u32);
            return true;
        }
        self.core.contains(&(flag as u32))
    }

    pub(crate) fn last_sdk_version(&self) -> &str {
        &self.recorded_version
    }

    /// What the completion says: only what is new or changed.
    pub(crate) fn gather(&mut self, name: &str, version: &str) -> WorkflowTaskCompletedMetadata {
        self.new.extend(ALL.map(|flag| flag as u32));
        let core_used_flags = self.new.difference(&self.core).copied().collect();
        self.core.append(&mut self.new);
        let changed = |new: &str, old: &str| {
            if new == old {
                String::new()
            } else {
                new.to_owned()
            }
        };
        WorkflowTaskCompletedMetadata {
            core_used_flags,
            lang_used_flags: Vec::new(),
            sdk_name: changed(name, &self.recorded_name),
            sdk_version: changed(version, &self.recorded_version),
        }
    }
}
