//! `steadfast list`: what is registered.

use serde_json::{Value, json};
use steadfast_sim::kernel::FaultClass;
use steadfast_sim::scenario::ClusterFault;

use super::Context;
use crate::Exit;
use crate::problem::Problem;
use crate::report::{BOLD, DIM};
use crate::select::registered;

/// One thing that is registered.
struct Item {
    kind: &'static str,
    name: String,
    about: String,
    more: Value,
}

impl Item {
    fn new(kind: &'static str, name: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            about: about.into(),
            more: json!({}),
        }
    }
}

pub(super) fn run(context: &Context<'_>, json: bool) -> Result<Exit, Problem> {
    let items = items(context)?;
    let mut kind = "";
    for item in &items {
        if json {
            let mut line = json!({ "kind": item.kind, "name": item.name });
            if let (Value::Object(line), Value::Object(more)) = (&mut line, &item.more) {
                if !item.about.is_empty() {
                    line.insert("about".to_owned(), json!(item.about));
                }
                line.extend(more.clone());
            }
            context.console.json(&line)?;
            continue;
        }
        if item.kind != kind {
            let gap = if kind.is_empty() { "" } else { "\n" };
            kind = item.kind;
            context
                .console
                .line(&format!("{gap}{BOLD}{}{BOLD:#}", plural(kind)))?;
        }
        let line = match item.about.as_str() {
            "" => format!("  {}", item.name),
            about => format!("  {:32} {DIM}{about}{DIM:#}", item.name),
        };
        context.console.line(&line)?;
    }
    Ok(Exit::Passed)
}

fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

fn items(context: &Context<'_>) -> Result<Vec<Item>, Problem> {
    let suite = context.suite;
    let mut items = Vec::new();
    for target in registered(suite)? {
        let words: Vec<_> = target.scenario.description.split_whitespace().collect();
        let more = json!({ "file": target.scenario.file });
        items.push(Item {
            more,
            ..Item::new("scenario", target.handle, words.join(" "))
        });
    }
    for (build, registry) in suite.builds() {
        for name in registry.names() {
            let more = json!({ "build": build });
            items.push(Item {
                more,
                ..Item::new("workflow", name, format!("build {build}"))
            });
        }
    }
    items.extend(
        suite
            .activities()
            .keys()
            .map(|name| Item::new("activity", name, "")),
    );
    items.extend(
        suite
            .services()
            .keys()
            .map(|name| Item::new("service", name, "")),
    );
    for (name, invariant) in suite.invariants() {
        items.push(Item::new("invariant", name, &invariant.description));
    }
    for sabotage in suite.sabotages() {
        let more = json!({ "scenario": sabotage.scenario, "checker": sabotage.caught_by });
        let item = Item::new("sabotage", &sabotage.name, &sabotage.description);
        items.push(Item { more, ..item });
    }
    let faults = FaultClass::ALL.iter().map(|class| class.name());
    let faults = faults.chain(ClusterFault::ALL.iter().map(|fault| fault.name()));
    items.extend(faults.map(|name| Item::new("fault", name, "")));
    Ok(items)
}
