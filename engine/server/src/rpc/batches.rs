//! Those who do one thing to many workflows.

use steadfast_core::{
    Namespace, Rejection, Reply, Request as CoreRequest, RunId, WorkflowId,
    batch::{BatchReply, ListBatches},
    limits::MAX_BATCH_TARGETS,
    parse,
    visibility::request as asked,
};
use steadfast_proto::temporal::api::{
    batch::v1::BatchOperationInfo,
    workflowservice::v1::{
        DescribeBatchOperationRequest, DescribeBatchOperationResponse, ListBatchOperationsRequest,
        ListBatchOperationsResponse, ListWorkflowExecutionsRequest, StartBatchOperationRequest,
        StartBatchOperationResponse, StopBatchOperationRequest, StopBatchOperationResponse,
    },
};
use tonic::{Code, Request};

use super::{Called, Frontend, unexpected};
use crate::{engine::Ask, status::status};

/// Jobs in one page.
const PAGE: usize = 1_000;

impl Frontend {
    pub(super) async fn start_batch_operation(
        &self,
        request: Request<StartBatchOperationRequest>,
    ) -> Called<StartBatchOperationResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let namespace = body.namespace.clone();
        let mut request = parse::start_batch(body).map_err(status)?;
        if let Some(filter) = parse::batch_filter(&request) {
            let targets = self.all_matching(&namespace, filter).await?;
            parse::give_targets(&mut request, targets);
        }
        self.ask_batch(Ok(request)).await?;
        Ok(StartBatchOperationResponse {})
    }

    pub(super) async fn stop_batch_operation(
        &self,
        request: Request<StopBatchOperationRequest>,
    ) -> Called<StopBatchOperationResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask_batch(parse::stop_batch(&body)).await?;
        Ok(StopBatchOperationResponse {})
    }

    pub(super) async fn describe_batch_operation(
        &self,
        request: Request<DescribeBatchOperationRequest>,
    ) -> Called<DescribeBatchOperationResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask_batch(parse::describe_batch(&body)).await? {
            BatchReply::Described(described) => Ok(*described),
            _ => Err(unexpected()),
        }
    }

    /// Jobs by id. The page token is the last id of the page before.
    pub(super) async fn list_batch_operations(
        &self,
        request: Request<ListBatchOperationsRequest>,
    ) -> Called<ListBatchOperationsResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let size = match usize::try_from(body.page_size) {
            Ok(size) if (1..PAGE).contains(&size) => size,
            Ok(_) | Err(_) => PAGE,
        };
        let after = parse::batch_page_token(&body.next_page_token).map_err(status)?;
        let ids = self.batch_ids(&body.namespace, after, size).await?;
        let more = ids.len() == size;
        let next_page_token = ids.last().filter(|_| more).cloned().unwrap_or_default();
        let mut operation_info = Vec::new();
        for id in &ids {
            operation_info.extend(self.batch_entry(&body.namespace, id).await?);
        }
        Ok(ListBatchOperationsResponse {
            operation_info,
            next_page_token: next_page_token.into(),
        })
    }

    /// All runs that a list filter finds now.
    async fn all_matching(
        &self,
        namespace: &str,
        filter: &str,
    ) -> Called<Vec<(WorkflowId, Option<RunId>)>> {
        let types = self.types(namespace)?;
        let body = ListWorkflowExecutionsRequest {
            namespace: namespace.to_owned(),
            query: filter.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        let mut list = asked::list(&body, &types).map_err(status)?;
        let mut targets = Vec::new();
        loop {
            let (rows, next) = self.rows(list.clone()).await?;
            targets.extend(
                rows.into_iter()
                    .map(|row| (row.workflow_id, Some(row.run_id))),
            );
            if targets.len() > MAX_BATCH_TARGETS {
                return Err(status(Rejection::InvalidArgument(format!(
                    "the filter finds more than {MAX_BATCH_TARGETS} workflows: use a narrower one"
                ))));
            }
            list.after = next;
            if list.after.is_none() {
                return Ok(targets);
            }
        }
    }

    /// What a list shows; nothing of a job that has gone meanwhile.
    async fn batch_entry(&self, namespace: &str, id: &str) -> Called<Option<BatchOperationInfo>> {
        match self.ask_batch(parse::batch_entry(namespace, id)).await {
            Ok(BatchReply::Entry(entry)) => Ok(Some(*entry)),
            Ok(_) => Err(unexpected()),
            Err(gone) if gone.code() == Code::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The first ids after one, over all shards.
    async fn batch_ids(&self, namespace: &str, after: String, limit: usize) -> Called<Vec<String>> {
        let list = ListBatches {
            namespace: Namespace::new(namespace),
            after,
            limit,
        };
        let mut ids = Vec::new();
        for shard in 0..self.shards {
            let ask = Ask::Batches(shard, list.clone());
            let answer = self.engine.ask(self.engine.reply_to(), ask).await;
            match answer.map_err(status)?.reply {
                Reply::Batch(reply) => match *reply {
                    BatchReply::Ids(more) => ids.extend(more),
                    _ => return Err(unexpected()),
                },
                _ => return Err(unexpected()),
            }
        }
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    async fn ask_batch(&self, request: Result<CoreRequest, Rejection>) -> Called<BatchReply> {
        match self.ask(request).await?.reply {
            Reply::Batch(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }
}
