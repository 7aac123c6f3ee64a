//! The workflows a worker knows, by type name.

use std::collections::BTreeMap;

use crate::host::{self, Factory, Workflow};

/// Workflows by type name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    workflows: BTreeMap<String, Factory>,
}

impl Registry {
    /// Registers `W` under the name its macros gave it; a second registration of a name replaces the first.
    pub fn register<W: Workflow>(&mut self) -> &mut Self {
        self.register_as::<W>(host::workflow_name::<W>())
    }

    /// Registers `W` under another name, so that two builds of one workflow can exist side by side in one process.
    pub fn register_as<W: Workflow>(&mut self, name: impl Into<String>) -> &mut Self {
        self.workflows.insert(name.into(), host::instantiate::<W>);
        self
    }

    /// Takes over all of `other`'s workflows; on equal names `other` wins.
    pub fn extend(&mut self, other: &Self) -> &mut Self {
        self.workflows.extend(
            other
                .workflows
                .iter()
                .map(|(name, make)| (name.clone(), *make)),
        );
        self
    }

    /// The registered names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.workflows.keys().map(String::as_str)
    }

    /// Whether `name` is registered.
    pub fn contains(&self, name: &str) -> bool {
        self.workflows.contains_key(name)
    }

    pub(crate) fn factory(&self, name: &str) -> Option<Factory> {
        self.workflows.get(name).copied()
    }
}
