//! Adding, removing and listing the search attributes of a namespace.
//!
//! The registry of a namespace is kept with the namespace: these functions say what is asked, and
//! [`SearchAttributeTypes::add`] and [`SearchAttributeTypes::remove`] do it.
// temporal: service/frontend/operator_handler.go, AddSearchAttributes and its siblings.

use steadfast_proto::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesResponse, RemoveSearchAttributesRequest,
};

use super::attribute::{AttributeType, SearchAttributeTypes, is_reserved};
use crate::{effect::Rejection, ids::Namespace, limits::MAX_ID_LENGTH};

/// Attributes that a namespace is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddAttributes {
    /// Which namespace.
    pub namespace: Namespace,
    /// Name and type of each.
    pub attributes: Vec<(String, AttributeType)>,
}

/// Attributes that a namespace is to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveAttributes {
    /// Which namespace.
    pub namespace: Namespace,
    /// Their names.
    pub names: Vec<String>,
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::InvalidArgument(why.into()))
}

fn namespace(name: &str) -> Result<Namespace, Rejection> {
    if name.is_empty() {
        return invalid("Namespace not set on request.");
    }
    Ok(name.into())
}

/// What is to be added.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn add_attributes(request: &AddSearchAttributesRequest) -> Result<AddAttributes, Rejection> {
    if request.search_attributes.is_empty() {
        return invalid("SearchAttributes are not set on request.");
    }
    let mut attributes = Vec::new();
    for (name, number) in &request.search_attributes {
        if is_reserved(name) {
            return invalid(format!("Search attribute {name} is reserved by system."));
        }
        if name.is_empty() || name.len() > MAX_ID_LENGTH || name.contains('`') {
            return invalid(format!(
                "Search attribute name {name:?} is empty, too long, or has a backquote."
            ));
        }
        let Some(attribute_type) = AttributeType::from_proto(*number) else {
            return invalid(format!("Unknown search attribute type: {number}."));
        };
        attributes.push((name.clone(), attribute_type));
    }
    Ok(AddAttributes {
        namespace: namespace(&request.namespace)?,
        attributes,
    })
}

/// What is to be removed; names that the namespace does not have are passed over later.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn remove_attributes(
    request: &RemoveSearchAttributesRequest,
) -> Result<RemoveAttributes, Rejection> {
    if request.search_attributes.is_empty() {
        return invalid("SearchAttributes are not set on request.");
    }
    let system = SearchAttributeTypes::system();
    if let Some(name) = request
        .search_attributes
        .iter()
        .find(|name| system.contains_key(*name))
    {
        return invalid(format!(
            "Unable to remove non-custom search attributes: {name}."
        ));
    }
    Ok(RemoveAttributes {
        namespace: namespace(&request.namespace)?,
        names: request.search_attributes.clone(),
    })
}

/// All attributes of a namespace.
#[must_use]
pub fn attributes(types: &SearchAttributeTypes) -> ListSearchAttributesResponse {
    let numbered = |(name, it): (&String, &AttributeType)| (name.clone(), it.to_proto().into());
    ListSearchAttributesResponse {
        custom_attributes: types.custom().iter().map(numbered).collect(),
        system_attributes: SearchAttributeTypes::system().iter().map(numbered).collect(),
        ..ListSearchAttributesResponse::default()
    }
}
