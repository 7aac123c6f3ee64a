//! The verbs about search attributes.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use steadfast_proto::temporal::api::enums::v1::IndexedValueType as Type;
use steadfast_proto::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest, ListSearchAttributesResponse,
    RemoveSearchAttributesRequest,
};

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::choices;
use crate::remote::session::Session;
use crate::remote::text::{Table, short};

const TYPES: &[(&str, Type)] = &[
    ("Text", Type::Text),
    ("Keyword", Type::Keyword),
    ("Int", Type::Int),
    ("Double", Type::Double),
    ("Bool", Type::Bool),
    ("Datetime", Type::Datetime),
    ("KeywordList", Type::KeywordList),
];

/// The verbs about search attributes.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add search attributes
    Create(Create),
    /// List search attributes
    List,
    /// Remove search attributes
    Remove(Remove),
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// A name; may be repeated
    #[arg(long, value_name = "NAME", required = true)]
    name: Vec<String>,
    /// The type of each
    #[arg(long = "type", value_name = "TYPE", required = true, value_parser = choices(TYPES), ignore_case = true)]
    kind: Vec<Type>,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// A name; may be repeated
    #[arg(long, value_name = "NAME", required = true)]
    name: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List => print(session, &listed(session).await?),
            Self::Remove(remove) => remove.run(session).await,
        }
    }
}

async fn listed(session: &Session<'_>) -> Result<ListSearchAttributesResponse, Problem> {
    let request = ListSearchAttributesRequest {
        namespace: session.namespace(),
    };
    let listed = session.ask_operator(request, async |mut c, r| c.list_search_attributes(r).await);
    Ok(listed.await?)
}

fn print(session: &Session<'_>, listed: &ListSearchAttributesResponse) -> Result<(), Problem> {
    if session.out.is_json() {
        return session.out.message(listed);
    }
    let mut table = Table::new(["Name", "Type"]);
    for (name, kind) in listed
        .system_attributes
        .iter()
        .chain(&listed.custom_attributes)
    {
        let kind = Type::try_from(*kind).unwrap_or_default();
        table.row([
            name.clone(),
            short(kind.as_str_name(), "INDEXED_VALUE_TYPE_"),
        ]);
    }
    session.out.table(&table)
}

impl Run for Create {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        if self.name.len() != self.kind.len() {
            return Err(Problem::user("each --name needs its --type"));
        }
        let existing = listed(session).await?.custom_attributes;
        let wanted: BTreeMap<_, _> = self
            .name
            .into_iter()
            .zip(self.kind.into_iter().map(i32::from))
            .collect();
        let other = wanted
            .iter()
            .find(|(name, kind)| existing.get(*name).is_some_and(|has| has != *kind));
        if let Some((name, _)) = other {
            let has = Type::try_from(existing[name]).unwrap_or_default();
            let has = short(has.as_str_name(), "INDEXED_VALUE_TYPE_");
            return Err(Problem::refused(format!(
                "search attribute {name} already exists and has different type {has}"
            )));
        }
        let request = AddSearchAttributesRequest {
            search_attributes: wanted,
            namespace: session.namespace(),
        };
        session
            .ask_operator(request, async |mut c, r| c.add_search_attributes(r).await)
            .await?;
        session.out.line("Search attributes have been added")
    }
}

impl Run for Remove {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let question = format!("You are about to remove search attribute {:?}?", self.name);
        session.confirm(&question, self.yes)?;
        let request = RemoveSearchAttributesRequest {
            search_attributes: self.name,
            namespace: session.namespace(),
        };
        session
            .ask_operator(request, async |mut c, r| {
                c.remove_search_attributes(r).await
            })
            .await?;
        session.out.line("Search attributes have been removed")
    }
}
