//! Adding, removing and listing the search attributes of a namespace: what may be asked. The registry itself is kept
//! with the namespace.
// temporal: service/frontend/operator_handler.go, AddSearchAttributes and its siblings.

use steadfast_proto::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesResponse, RemoveSearchAttributesRequest,
};

use super::attribute::{AttributeType, SearchAttributeTypes, is_reserved};
use crate::{effect::Rejection, limits::MAX_ID_LENGTH};

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::InvalidArgument(why.into()))
}

/// Whether such attributes may be added.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn check_added(request: &AddSearchAttributesRequest) -> Result<(), Rejection> {
    if request.search_attributes.is_empty() {
        return invalid("SearchAttributes are not set on request.");
    }
    for (name, number) in &request.search_attributes {
        if is_reserved(name) {
            return invalid(format!("Search attribute {name} is reserved by system."));
        }
        if name.is_empty() || name.len() > MAX_ID_LENGTH || name.contains('`') {
            return invalid(format!(
                "Search attribute name {name:?} is empty, too long, or has a backquote."
            ));
        }
        if AttributeType::from_proto(*number).is_none() {
            return invalid(format!("Unknown search attribute type: {number}."));
        }
    }
    Ok(())
}

/// Whether attributes of these names may be removed.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn check_removed(request: &RemoveSearchAttributesRequest) -> Result<(), Rejection> {
    if request.search_attributes.is_empty() {
        return invalid("SearchAttributes are not set on request.");
    }
    let system = SearchAttributeTypes::system();
    let mut names = request.search_attributes.iter();
    match names.find(|name| system.contains_key(*name)) {
        Some(name) => invalid(format!(
            "Unable to remove non-custom search attributes: {name}."
        )),
        None => Ok(()),
    }
}

/// All attributes of a namespace.
#[must_use]
pub fn attributes(types: &SearchAttributeTypes) -> ListSearchAttributesResponse {
    let numbered = |(name, it): (&String, &AttributeType)| (name.clone(), it.to_proto().into());
    ListSearchAttributesResponse {
        custom_attributes: types.custom().iter().map(numbered).collect(),
        system_attributes: SearchAttributeTypes::system()
            .iter()
            .map(numbered)
            .collect(),
        ..ListSearchAttributesResponse::default()
    }
}
