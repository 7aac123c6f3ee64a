//! Those who look after schedules.

use steadfast_core::{
    Namespace, Reply, Request as CoreRequest, parse,
    schedule::{ListSchedules, ScheduleReply, conflict_token},
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

    /// Schedules by id. The page token is the last id of the page before.
    pub(super) async fn list_schedules(
        &self,
        request: Request<ListSchedulesRequest>,
    ) -> Called<ListSchedulesResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        no_filter(&body.query)?;
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
        no_filter(&body.query)?;
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

fn no_filter(query: &str) -> Called<()> {
    if query.trim().is_empty() {
        return Ok(());
    }
    Err(Status::unimplemented("schedules cannot be filtered yet"))
}
