//! The verbs about namespaces.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use steadfast_proto::temporal::api::enums::v1::{ArchivalState, NamespaceState};
use steadfast_proto::temporal::api::namespace::v1::{NamespaceConfig, UpdateNamespaceInfo};
use steadfast_proto::temporal::api::operatorservice::v1::DeleteNamespaceRequest;
use steadfast_proto::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeNamespaceResponse, ListNamespacesRequest,
    RegisterNamespaceRequest, UpdateNamespaceRequest,
};

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::{choices, pair, span};
use crate::remote::session::Session;
use crate::remote::text::{Card, short, span_text};
use crate::remote::workflow::proto_span;

const ARCHIVAL: &[(&str, ArchivalState)] = &[
    ("disabled", ArchivalState::Disabled),
    ("enabled", ArchivalState::Enabled),
];

/// The verbs about namespaces.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a namespace
    Create(Create),
    /// Describe a namespace
    Describe(Describe),
    /// List namespaces
    List,
    /// Change a namespace
    Update(Update),
    /// Delete a namespace, with everything in it
    Delete(Delete),
}

/// Which namespace: what `--namespace` says, or, as of old, the argument.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The namespace; better said with --namespace
    #[arg(value_name = "NAMESPACE")]
    name: Option<String>,
}

impl NameArgs {
    fn name(&self, session: &Session<'_>) -> Result<String, Problem> {
        match &self.name {
            Some(name) if session.connection.namespace() != "default" => {
                Err(Problem::user(format!(
                    "the namespace is given twice: {name} and {}",
                    session.connection.namespace()
                )))
            }
            Some(name) => Ok(name.clone()),
            None => Ok(session.namespace()),
        }
    }
}

/// What can be said of a namespace when it is registered, and changed later.
#[derive(Debug, Args)]
pub(crate) struct AboutArgs {
    #[command(flatten)]
    name: NameArgs,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who owns it
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Anything else; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    data: Vec<(String, String)>,
    /// Whether histories are archived
    #[arg(long, value_name = "STATE", value_parser = choices(ARCHIVAL))]
    history_archival_state: Option<ArchivalState>,
    /// Where to
    #[arg(
        long,
        value_name = "URI",
        default_value = "",
        hide_default_value = true
    )]
    history_uri: String,
    /// Whether visibility is archived
    #[arg(long, value_name = "STATE", value_parser = choices(ARCHIVAL))]
    visibility_archival_state: Option<ArchivalState>,
    /// Where to
    #[arg(
        long,
        value_name = "URI",
        default_value = "",
        hide_default_value = true
    )]
    visibility_uri: String,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    about: AboutArgs,
    /// How long workflows are kept after they have ended
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "72h")]
    retention: Duration,
    /// Whether it is in all clusters
    #[arg(long)]
    global: bool,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    about: AboutArgs,
    /// How long workflows are kept after they have ended
    #[arg(long, value_name = "TIME", value_parser = span)]
    retention: Option<Duration>,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    name: NameArgs,
    /// The namespace by its id
    #[arg(long, value_name = "ID")]
    namespace_id: Option<String>,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    name: NameArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::Describe(describe) => describe.run(session).await,
            Self::List => list(session).await,
            Self::Update(update) => update.run(session).await,
            Self::Delete(delete) => delete.run(session).await,
        }
    }
}

impl Run for Create {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let about = self.about;
        let name = about.name.name(session)?;
        let archival =
            |state: Option<ArchivalState>| state.unwrap_or(ArchivalState::Disabled).into();
        let request = RegisterNamespaceRequest {
            namespace: name.clone(),
            description: about.description.unwrap_or_default(),
            owner_email: about.email.unwrap_or_default(),
            workflow_execution_retention_period: proto_span(Some(self.retention)),
            data: about.data.into_iter().collect(),
            is_global_namespace: self.global,
            history_archival_state: archival(about.history_archival_state),
            history_archival_uri: about.history_uri,
            visibility_archival_state: archival(about.visibility_archival_state),
            visibility_archival_uri: about.visibility_uri,
            ..RegisterNamespaceRequest::default()
        };
        session
            .ask(request, async |mut c, r| c.register_namespace(r).await)
            .await?;
        session
            .out
            .line(&format!("Namespace {name} successfully registered."))
    }
}

async fn described(
    session: &Session<'_>,
    name: &str,
    id: &str,
) -> Result<DescribeNamespaceResponse, Problem> {
    let request = DescribeNamespaceRequest {
        namespace: name.to_owned(),
        id: id.to_owned(),
        ..DescribeNamespaceRequest::default()
    };
    let described = session.ask(request, async |mut c, r| c.describe_namespace(r).await);
    Ok(described.await?)
}

impl Run for Describe {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let described = match &self.namespace_id {
            Some(id) => described(session, "", id).await?,
            None => described(session, &self.name.name(session)?, "").await?,
        };
        if session.out.is_json() {
            return session.out.message(&described);
        }
        session.out.card(&card(&described))
    }
}

fn card(described: &DescribeNamespaceResponse) -> Card {
    let info = described.namespace_info.clone().unwrap_or_default();
    let config = described.config.clone().unwrap_or_default();
    let replication = described.replication_config.clone().unwrap_or_default();
    let archival = |state: ArchivalState| short(state.as_str_name(), "ARCHIVAL_STATE_");
    let pairs = |map: &BTreeMap<String, String>| {
        let pairs = map.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let state: NamespaceState = info.state();
    Card::default()
        .text("NamespaceInfo.Name", &info.name)
        .text("NamespaceInfo.Id", &info.id)
        .text("NamespaceInfo.Description", &info.description)
        .text("NamespaceInfo.OwnerEmail", &info.owner_email)
        .text(
            "NamespaceInfo.State",
            &short(state.as_str_name(), "NAMESPACE_STATE_"),
        )
        .text("NamespaceInfo.Data", &pairs(&info.data))
        .text(
            "Config.WorkflowExecutionRetentionTtl",
            &span_text(config.workflow_execution_retention_ttl.as_ref()),
        )
        .text(
            "ReplicationConfig.ActiveClusterName",
            &replication.active_cluster_name,
        )
        .text(
            "Config.HistoryArchivalState",
            &archival(config.history_archival_state()),
        )
        .text(
            "Config.VisibilityArchivalState",
            &archival(config.visibility_archival_state()),
        )
        .text(
            "IsGlobalNamespace",
            &described.is_global_namespace.to_string(),
        )
        .text("FailoverVersion", &described.failover_version.to_string())
        .some(
            "Config.CustomSearchAttributeAliases",
            &pairs(&config.custom_search_attribute_aliases),
        )
}

async fn list(session: &Session<'_>) -> Result<(), Problem> {
    session.out.begin_list();
    let mut next_page_token = bytes::Bytes::new();
    loop {
        let request = ListNamespacesRequest {
            next_page_token,
            page_size: 100,
            ..ListNamespacesRequest::default()
        };
        let page = session
            .ask(request, async |mut c, r| c.list_namespaces(r).await)
            .await?;
        for namespace in &page.namespaces {
            if session.out.is_json() {
                session.out.message(namespace)?;
            } else {
                session.out.card(&card(namespace))?;
                session.out.line("")?;
            }
        }
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            return session.out.end_list();
        }
    }
}

impl Run for Update {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let about = self.about;
        let name = about.name.name(session)?;
        // What is not given stays as it is.
        let before = described(session, &name, "").await?;
        let info = before.namespace_info.unwrap_or_default();
        let config = before.config.unwrap_or_default();
        let archival = |state: Option<ArchivalState>| state.map_or(0, i32::from);
        let request = UpdateNamespaceRequest {
            namespace: name.clone(),
            update_info: Some(UpdateNamespaceInfo {
                description: about.description.unwrap_or(info.description),
                owner_email: about.email.unwrap_or(info.owner_email),
                data: about.data.into_iter().collect(),
                ..UpdateNamespaceInfo::default()
            }),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: proto_span(self.retention)
                    .or(config.workflow_execution_retention_ttl),
                history_archival_state: archival(about.history_archival_state),
                history_archival_uri: about.history_uri,
                visibility_archival_state: archival(about.visibility_archival_state),
                visibility_archival_uri: about.visibility_uri,
                ..NamespaceConfig::default()
            }),
            ..UpdateNamespaceRequest::default()
        };
        let updated = session
            .ask(request, async |mut c, r| c.update_namespace(r).await)
            .await?;
        session.out.message(&updated)?;
        session
            .out
            .line(&format!("Namespace {name} update succeeded."))
    }
}

impl Run for Delete {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let name = self.name.name(session)?;
        let question = format!(
            "Are you sure you want to delete namespace {name}? Type namespace name to confirm:"
        );
        let answered = session.prompt(&question, self.yes.then_some(name.as_str()))?;
        if answered != name {
            return Err(Problem::refused(
                "you have not typed the name of the namespace",
            ));
        }
        let request = DeleteNamespaceRequest {
            namespace: name.clone(),
            ..DeleteNamespaceRequest::default()
        };
        let deleted = session
            .ask_operator(request, async |mut c, r| c.delete_namespace(r).await)
            .await?;
        session.out.message(&deleted)?;
        session
            .out
            .line(&format!("Namespace {name} has been deleted."))
    }
}
