//! Links as Nexus writes them: an address that names an event of a workflow, and the type of what it names.
// temporal: api-go temporalnexus link_converter.go.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use steadfast_proto::temporal::api::{
    common::v1::{Link, link},
    enums::v1::EventType,
    nexus::v1::Link as NexusLink,
};

use crate::ids::{EventId, RunKey};

const WORKFLOW_EVENT: &str = "temporal.api.common.v1.Link.WorkflowEvent";
const SCHEME: &str = "temporal://";
/// What a segment of a path escapes.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A link to one event of a run.
pub(super) fn to_event(run: &RunKey, event: EventId, kind: EventType) -> NexusLink {
    let segment = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
    let namespace = segment(run.execution.namespace.as_str());
    let workflow = segment(run.execution.workflow_id.as_str());
    let run_id = &run.run_id;
    let kind = kind.short_name();
    NexusLink {
        url: format!(
            "{SCHEME}/namespaces/{namespace}/workflows/{workflow}/{run_id}/history?eventID={event}&eventType={kind}&referenceType=EventReference"
        ),
        r#type: WORKFLOW_EVENT.to_owned(),
    }
}

/// The links of a handler that name workflows' events; others have no place in a history.
pub(super) fn from_nexus(links: &[NexusLink]) -> Vec<Link> {
    links.iter().filter_map(event_of).collect()
}

fn event_of(given: &NexusLink) -> Option<Link> {
    let (path, query) = given.url.strip_prefix(SCHEME)?.split_once('?')?;
    let segments: Option<Vec<String>> = path
        .split('/')
        .map(|s| Some(percent_decode_str(s).decode_utf8().ok()?.into_owned()))
        .collect();
    let segments = segments?;
    let [
        _,
        namespaces,
        namespace,
        workflows,
        workflow_id,
        run_id,
        history,
    ] = &segments[..]
    else {
        return None;
    };
    if namespaces != "namespaces" || workflows != "workflows" || history != "history" {
        return None;
    }
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v)
    };
    let kind = value("eventType").and_then(|name| {
        EventType::from_short_name(name).or_else(|| EventType::from_str_name(name))
    });
    let event = link::workflow_event::EventReference {
        event_id: value("eventID").and_then(|id| id.parse().ok()).unwrap_or(0),
        event_type: kind.unwrap_or_default().into(),
    };
    Some(Link {
        variant: Some(link::Variant::WorkflowEvent(link::WorkflowEvent {
            namespace: namespace.clone(),
            workflow_id: workflow_id.clone(),
            run_id: run_id.clone(),
            reference: Some(link::workflow_event::Reference::EventRef(event)),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExecutionKey;

    #[test]
    fn a_link_survives_the_way_there_and_back() {
        let run = RunKey {
            execution: ExecutionKey::new("name space", "w/1?&ü"),
            run_id: "run".into(),
        };
        let there = to_event(&run, EventId(5), EventType::NexusOperationScheduled);
        assert!(there.url.ends_with(
            "/run/history?eventID=5&eventType=NexusOperationScheduled&referenceType=EventReference"
        ));
        let back = from_nexus(&[there]);
        let Some(link::Variant::WorkflowEvent(event)) = &back[0].variant else {
            panic!("an event")
        };
        assert_eq!(
            (&*event.namespace, &*event.workflow_id),
            ("name space", "w/1?&ü")
        );
        let reference = link::workflow_event::EventReference {
            event_id: 5,
            event_type: EventType::NexusOperationScheduled.into(),
        };
        assert_eq!(
            event.reference,
            Some(link::workflow_event::Reference::EventRef(reference))
        );
    }

    #[test]
    fn other_links_are_left_out() {
        for url in [
            "",
            "temporal://",
            "https://a/b?c=d",
            "temporal:///namespaces/n/x?a",
        ] {
            let link = NexusLink {
                url: url.to_owned(),
                r#type: String::new(),
            };
            assert_eq!(from_nexus(&[link]), [], "{url}");
        }
    }
}
