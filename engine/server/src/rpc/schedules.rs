//! Those who look after schedules.

use steadfast_core::{
    Namespace, Reply, Request as CoreRequest, parse,
    schedule::{ListSchedules, SCHEDULE_PREFIX, ScheduleReply, conflict_token},
    visibility::{Place, answer, request as asked},
};
use steadfast_proto::temporal::api::{
    schedule::v1::ScheduleListEntry,
    workflowservice::v1::{
        CountSchedulesRequest, CountSchedulesResponse, CreateScheduleRequest,
        CreateScheduleResponse, DeleteScheduleRequest, DeleteScheduleResponse,
        DescribeScheduleRequest, DescribeScheduleResponse, ListScheduleMatchingTimesRequest,
        ListScheduleMatchingTimesResponse, ListSchedulesRequest, ListSchedulesResponse,
        PatchScheduleRequest, PatchScheduleResponse, UpdateScheduleRequest, UpdateScheduleResponse,
    },
};
use tonic::{Code, Request, Status};

use super::{Called, Frontend, unexpected};
use crate::{engine::Ask, status::status};

/// Schedules in one page. temporal: `frontend.visibilityMaxPageSize`.
const PAGE: usize = 1_000;

impl Frontend {
    pub(super) async fn create_schedule(
        &self,
        request: Request<CreateScheduleRequest>,
    ) -> Called<CreateScheduleResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask_schedule(parse::create_schedule(body)).await? {
            ScheduleReply::Created(token) => Ok(CreateScheduleResponse {
                conflict_token: conflict_token(token),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn describe_schedule(
        &self,
        request: Request<DescribeScheduleRequest>,
    ) -> Called<DescribeScheduleResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask_schedule(parse::describe_schedule(&body)).await? {
            ScheduleReply::Described(described) => Ok(*described),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn update_schedule(
        &self,
        request: Request<UpdateScheduleRequest>,
    ) -> Called<UpdateScheduleResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask_schedule(parse::update_schedule(body)).await?;
        Ok(UpdateScheduleResponse {})
    }

    pub(super) async fn patch_schedule(
        &self,
        request: Request<PatchScheduleRequest>,
    ) -> Called<PatchScheduleResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask_schedule(parse::patch_schedule(body)).await?;
        Ok(PatchScheduleResponse {})
    }

    pub(super) async fn list_schedule_matching_times(
        &self,
        request: Request<ListScheduleMatchingTimesRequest>,
    ) -> Called<ListScheduleMatchingTimesResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask_schedule(parse::matching_times(&body)).await? {
            ScheduleReply::Times(times) => Ok(ListScheduleMatchingTimesResponse {
                start_time: times.iter().map(|next| next.actual.to_proto()).collect(),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn delete_schedule(
        &self,
        request: Request<DeleteScheduleRequest>,
    ) -> Called<DeleteScheduleResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask_schedule(parse::delete_schedule(&body)).await?;
        Ok(DeleteScheduleResponse {})
    }

    /// Schedules by id, or those that pass a filter, the newest first.
    pub(super) async fn list_schedules(
        &self,
        request: Request<ListSchedulesRequest>,
    ) -> Called<ListSchedulesResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        if body.query.trim().is_empty() {
            self.all_schedules(body).await
        } else {
            self.some_schedules(body).await
        }
    }

    async fn some_schedules(&self, body: ListSchedulesRequest) -> Called<ListSchedulesResponse> {
        let types = self.types(&body.namespace)?;
        let list = asked::list_schedules(&body, &types).map_err(status)?;
        let (rows, next) = self.rows(list).await?;
        let mut schedules = Vec::new();
        for row in &rows {
            let id = row.workflow_id.as_str();
            let id = id.strip_prefix(SCHEDULE_PREFIX).unwrap_or(id);
            schedules.extend(self.schedule_entry(&body.namespace, id).await?);
        }
        let next_page_token = next.as_ref().map(Place::encode).unwrap_or_default();
        Ok(ListSchedulesResponse {
            schedules,
            next_page_token: next_page_token.into(),
        })
    }

    /// The page token is the last id of the page before.
    async fn all_schedules(&self, body: ListSchedulesRequest) -> Called<ListSchedulesResponse> {
        let size = match usize::try_from(body.maximum_page_size) {
            Ok(size) if (1..PAGE).contains(&size) => size,
            Ok(_) | Err(_) => PAGE,
        };
        let after = String::from_utf8(body.next_page_token.to_vec())
            .map_err(|_| Status::invalid_argument("Invalid NextPageToken."))?;
        let ids = self.schedule_ids(&body.namespace, after, size).await?;
        let more = ids.len() == size;
        let next_page_token = ids.last().filter(|_| more).cloned().unwrap_or_default();
        let mut schedules = Vec::new();
        for id in &ids {
            schedules.extend(self.schedule_entry(&body.namespace, id).await?);
        }
        Ok(ListSchedulesResponse {
            schedules,
            next_page_token: next_page_token.into(),
        })
    }

    pub(super) async fn count_schedules(
        &self,
        request: Request<CountSchedulesRequest>,
    ) -> Called<CountSchedulesResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        if !body.query.trim().is_empty() {
            let types = self.types(&body.namespace)?;
            let count = asked::count_schedules(&body, &types).map_err(status)?;
            let (counts, by) = self.counts(count).await?;
            return Ok(answer::schedules_counted(&counts, by));
        }
        let ids = self.schedule_ids(&body.namespace, String::new(), usize::MAX);
        Ok(CountSchedulesResponse {
            count: i64::try_from(ids.await?.len()).unwrap_or(i64::MAX),
            ..CountSchedulesResponse::default()
        })
    }

    /// What a list shows; nothing of a schedule that has gone meanwhile.
    async fn schedule_entry(&self, namespace: &str, id: &str) -> Called<Option<ScheduleListEntry>> {
        match self
            .ask_schedule(parse::schedule_entry(namespace, id))
            .await
        {
            Ok(ScheduleReply::Entry(entry)) => Ok(Some(*entry)),
            Ok(_) => Err(unexpected()),
            Err(gone) if gone.code() == Code::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The first ids after one, over all shards.
    async fn schedule_ids(
        &self,
        namespace: &str,
        after: String,
        limit: usize,
    ) -> Called<Vec<String>> {
        let list = ListSchedules {
            namespace: Namespace::new(namespace),
            after,
            limit,
        };
        let mut ids = Vec::new();
        for shard in 0..self.shards {
            let ask = Ask::Schedules(shard, list.clone());
            let answer = self.engine.ask(self.engine.reply_to(), ask).await;
            match answer.map_err(status)?.reply {
                Reply::Schedule(reply) => match *reply {
                    ScheduleReply::Ids(more) => ids.extend(more),
                    _ => return Err(unexpected()),
                },
                _ => return Err(unexpected()),
            }
        }
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    async fn ask_schedule(
        &self,
        request: Result<CoreRequest, steadfast_core::Rejection>,
    ) -> Called<ScheduleReply> {
        match self.ask(request).await?.reply {
            Reply::Schedule(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }
}
