//! Those who look for workflows.
//!
//! A page is put together from pieces: for each the store looks at no more rows than it can in a short time, so that
//! others have their turn in between.

use steadfast_core::visibility::{
    CountRequest, GroupBy, ListRequest, Listed, Place, SearchAttributeTypes,
    answer::{self, Counts},
    request as asked,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse, GetSearchAttributesRequest,
    GetSearchAttributesResponse, ListArchivedWorkflowExecutionsRequest,
    ListArchivedWorkflowExecutionsResponse, ListClosedWorkflowExecutionsRequest,
    ListClosedWorkflowExecutionsResponse, ListOpenWorkflowExecutionsRequest,
    ListOpenWorkflowExecutionsResponse, ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse, ScanWorkflowExecutionsRequest, ScanWorkflowExecutionsResponse,
};
use steadfast_store::Query;
use tonic::Request;

use super::{Called, Frontend};
use crate::status::status;

/// Rows that the store looks at in one go: some milliseconds.
const BUDGET: usize = 10_000;

impl Frontend {
    pub(super) async fn list_workflow_executions(
        &self,
        request: Request<ListWorkflowExecutionsRequest>,
    ) -> Called<ListWorkflowExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let list = asked::list(&body, &types).map_err(status)?;
        let (rows, next) = self.rows(list).await?;
        Ok(answer::listed(rows, next.as_ref(), &types))
    }

    pub(super) async fn scan_workflow_executions(
        &self,
        request: Request<ScanWorkflowExecutionsRequest>,
    ) -> Called<ScanWorkflowExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let list = asked::scan(&body, &types).map_err(status)?;
        let (rows, next) = self.rows(list).await?;
        Ok(answer::scanned(rows, next.as_ref(), &types))
    }

    pub(super) async fn list_open_workflow_executions(
        &self,
        request: Request<ListOpenWorkflowExecutionsRequest>,
    ) -> Called<ListOpenWorkflowExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let (rows, next) = self.rows(asked::list_open(&body).map_err(status)?).await?;
        Ok(answer::open(rows, next.as_ref(), &types))
    }

    pub(super) async fn list_closed_workflow_executions(
        &self,
        request: Request<ListClosedWorkflowExecutionsRequest>,
    ) -> Called<ListClosedWorkflowExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let (rows, next) = self
            .rows(asked::list_closed(&body).map_err(status)?)
            .await?;
        Ok(answer::closed(rows, next.as_ref(), &types))
    }

    pub(super) async fn list_archived_workflow_executions(
        &self,
        request: Request<ListArchivedWorkflowExecutionsRequest>,
    ) -> Called<ListArchivedWorkflowExecutionsResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        asked::list_archived(&body).map_err(status)?;
        Ok(ListArchivedWorkflowExecutionsResponse::default())
    }

    pub(super) async fn count_workflow_executions(
        &self,
        request: Request<CountWorkflowExecutionsRequest>,
    ) -> Called<CountWorkflowExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let count = asked::count(&body, &types).map_err(status)?;
        let (counts, by) = self.counts(count).await?;
        Ok(answer::count(&counts, by))
    }

    /// How many rows there are, by group.
    pub(super) async fn counts(&self, count: CountRequest) -> Called<(Counts, Option<GroupBy>)> {
        let CountRequest {
            namespace,
            filter,
            group_by,
        } = count;
        let mut query = Query {
            namespace,
            filter,
            after: None,
            limit: 0,
            budget: BUDGET,
        };
        let mut counts = Counts::new();
        loop {
            let piece = self.engine.count(query.clone(), group_by).await;
            let piece = piece.map_err(status)?;
            for (group, count) in piece.counts {
                *counts.entry(group).or_default() += count;
            }
            query.after = piece.next;
            if query.after.is_none() {
                return Ok((counts, group_by));
            }
        }
    }

    pub(super) async fn get_search_attributes(
        &self,
        _request: Request<GetSearchAttributesRequest>,
    ) -> Called<GetSearchAttributesResponse> {
        // The request names no namespace: these are the attributes of all.
        let registry = self.engine.registry();
        let custom = registry.values().flat_map(|info| {
            let types = info.attribute_types();
            types.custom().clone()
        });
        Ok(answer::get_search_attributes(&SearchAttributeTypes::new(
            custom,
        )))
    }

    pub(super) fn types(&self, namespace: &str) -> Called<SearchAttributeTypes> {
        self.namespace(namespace)?;
        Ok(self.engine.attribute_types(namespace).unwrap_or_default())
    }

    /// A page of rows, and where the next one begins if there may be one.
    pub(super) async fn rows(&self, list: ListRequest) -> Called<(Vec<Listed>, Option<Place>)> {
        let mut query = Query {
            namespace: list.namespace,
            filter: list.filter,
            after: list.after,
            limit: list.page_size,
            budget: BUDGET,
        };
        let mut rows = Vec::new();
        loop {
            let piece = self.engine.list(query.clone()).await.map_err(status)?;
            rows.extend(piece.rows);
            query.limit = list.page_size.saturating_sub(rows.len());
            query.after = piece.next;
            if query.limit == 0 || query.after.is_none() {
                return Ok((rows, query.after));
            }
        }
    }
}
