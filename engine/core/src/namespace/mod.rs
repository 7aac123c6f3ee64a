//! The registry of namespaces: an entity of its own among the executions, so that it is loaded, made durable and
//! recovered as they are.
//!
//! | namespace | request | next | answer |
//! |---|---|---|---|
//! | absent | register | registered | the registry |
//! | absent | anything else | absent | `NamespaceNotFound` |
//! | registered, deprecated | register | as it was | `NamespaceExists` |
//! | registered, deprecated | update, search attributes | as it was, changed | the registry |
//! | registered | deprecate | deprecated | the registry |
//! | registered, deprecated | delete | absent | the registry |
//!
//! Every request is answered with the whole registry as it is then: owners keep that as the snapshot by which they
//! know which namespaces there are.
// temporal: service/frontend/namespace_handler.go, service/frontend/operator_handler.go.

pub mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    effect::{Exhausted, Rejection, Reply, ReplyTo},
    ids::{ExecutionKey, Namespace, RunId},
    limits::{MAX_NAMESPACES, MAX_SEARCH_ATTRIBUTES},
    record::{Entry, Record},
    shard::{Loaded, Step},
    time::Timestamp,
    visibility::{AttributeType, SearchAttributeTypes},
};

/// The namespace that entities of the server itself live in; no caller may use it.
pub const SYSTEM_NAMESPACE: &str = "temporal-system";

/// The shortest retention. temporal: `namespace.MinRetentionGlobal`, an hour for local namespaces.
pub const MIN_RETENTION: Duration = Duration::from_secs(3600);

/// The namespaces that there are, by name.
pub type Registry = BTreeMap<Namespace, Arc<NamespaceInfo>>;

/// What is known of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceInfo {
    /// A UUID beside the name.
    pub id: String,
    /// For people.
    pub description: String,
    /// For people.
    pub owner_email: String,
    /// For people's tools.
    pub data: BTreeMap<String, String>,
    /// How long closed runs are kept.
    pub retention: Duration,
    /// Nothing new should be started in it.
    pub deprecated: bool,
    /// The search attributes that users added: Temporal's `IndexedValueType` by name.
    pub search_attributes: BTreeMap<String, i32>,
    /// When it was registered.
    pub created: Timestamp,
}

impl NamespaceInfo {
    /// Its search attributes, beside those that every namespace has.
    #[must_use]
    pub fn attribute_types(&self) -> SearchAttributeTypes {
        let custom = self.search_attributes.iter();
        SearchAttributeTypes::new(
            custom.filter_map(|(name, number)| {
                Some((name.clone(), AttributeType::from_proto(*number)?))
            }),
        )
    }
}

/// What is asked of the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct NamespaceRequest {
    /// Which namespace; empty with [`NamespaceAction::Read`].
    pub name: Namespace,
    /// What to do.
    pub action: NamespaceAction,
}

/// What to do with a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum NamespaceAction {
    /// Tell what there is.
    Read,
    /// Make it. Id and time of creation are made here.
    Register(Box<NamespaceInfo>),
    /// Change what is given.
    Update(Box<NamespaceChanges>),
    /// Mark it as deprecated.
    Deprecate,
    /// Forget it.
    Delete,
    /// Add search attributes; those that are there with the same type stay.
    AddSearchAttributes(BTreeMap<String, i32>),
    /// Remove search attributes.
    RemoveSearchAttributes(Vec<String>),
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceChanges {
    /// See [`NamespaceInfo::description`].
    pub description: Option<String>,
    /// See [`NamespaceInfo::owner_email`].
    pub owner_email: Option<String>,
    /// Merged into [`NamespaceInfo::data`].
    pub data: BTreeMap<String, String>,
    /// See [`NamespaceInfo::retention`].
    pub retention: Option<Duration>,
}

/// Where the registry lives.
#[must_use]
pub fn registry_key() -> ExecutionKey {
    ExecutionKey::new(SYSTEM_NAMESPACE, "temporal-sys-namespaces")
}

impl Step<'_> {
    pub(crate) fn namespace_request(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        request: NamespaceRequest,
    ) {
        let answer = self
            .change_registry(loaded, request)
            .map(|()| Reply::Namespaces(loaded.execution.namespaces.clone()));
        self.reply(reply_to, answer);
    }

    fn change_registry(
        &mut self,
        loaded: &mut Loaded,
        request: NamespaceRequest,
    ) -> Result<(), Rejection> {
        let NamespaceRequest { name, action } = request;
        let known = loaded.execution.namespaces.get(&name).cloned();
        let next = match (action, known) {
            (NamespaceAction::Read, _) => return Ok(()),
            (NamespaceAction::Register(_), Some(_)) => {
                return Err(Rejection::NamespaceExists(
                    "Namespace already exists.".to_owned(),
                ));
            }
            (NamespaceAction::Register(info), None) => {
                Some(self.register(loaded.execution.namespaces.len(), *info)?)
            }
            (_, None) => return Err(Rejection::NamespaceNotFound(name)),
            (NamespaceAction::Delete, Some(_)) => None,
            (NamespaceAction::Update(changes), Some(known)) => {
                Some(update(Arc::unwrap_or_clone(known), *changes))
            }
            (NamespaceAction::Deprecate, Some(known)) => Some(NamespaceInfo {
                deprecated: true,
                ..Arc::unwrap_or_clone(known)
            }),
            (NamespaceAction::AddSearchAttributes(added), Some(known)) => {
                Some(add(Arc::unwrap_or_clone(known), added)?)
            }
            (NamespaceAction::RemoveSearchAttributes(removed), Some(known)) => {
                Some(remove(Arc::unwrap_or_clone(known), &removed)?)
            }
        };
        let record = Record::Namespace(name, next.map(Box::new));
        self.record_entity(loaded, record);
        Ok(())
    }

    fn register(&mut self, count: usize, info: NamespaceInfo) -> Result<NamespaceInfo, Rejection> {
        if count >= MAX_NAMESPACES {
            return Err(Rejection::ResourceExhausted(
                Exhausted::Entries,
                format!("there are {MAX_NAMESPACES} namespaces already"),
            ));
        }
        Ok(NamespaceInfo {
            id: self.ids.uuid(),
            created: self.now,
            ..info
        })
    }

    /// Changes an entity that is no workflow.
    pub(crate) fn record_entity(&mut self, loaded: &mut Loaded, record: Record) {
        let entry = Entry {
            key: self.key.clone(),
            run_id: RunId::new(""),
            record,
        };
        loaded.execution.apply(&entry);
        self.effects.batch.entries.push(entry);
    }
}

fn update(mut info: NamespaceInfo, changes: NamespaceChanges) -> NamespaceInfo {
    info.description = changes.description.unwrap_or(info.description);
    info.owner_email = changes.owner_email.unwrap_or(info.owner_email);
    info.retention = changes.retention.unwrap_or(info.retention);
    info.data.extend(changes.data);
    info
}

// temporal: service/frontend/operator_handler.go AddSearchAttributes; one that is there already is skipped.
fn add(mut info: NamespaceInfo, added: BTreeMap<String, i32>) -> Result<NamespaceInfo, Rejection> {
    for (name, kind) in added {
        match info.search_attributes.get(&name) {
            Some(known) if *known != kind => {
                return Err(Rejection::InvalidArgument(format!(
                    "Search attribute {name} already exists with another type."
                )));
            }
            Some(_) => {}
            None if info.search_attributes.len() >= MAX_SEARCH_ATTRIBUTES => {
                return Err(Rejection::ResourceExhausted(
                    Exhausted::Entries,
                    format!("a namespace has at most {MAX_SEARCH_ATTRIBUTES} search attributes"),
                ));
            }
            None => {
                info.search_attributes.insert(name, kind);
            }
        }
    }
    Ok(info)
}

fn remove(mut info: NamespaceInfo, removed: &[String]) -> Result<NamespaceInfo, Rejection> {
    for name in removed {
        if info.search_attributes.remove(name).is_none() {
            return Err(Rejection::NotFound(format!(
                "Search attribute {name} doesn't exist."
            )));
        }
    }
    Ok(info)
}
