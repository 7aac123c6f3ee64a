//! Tests that skip time.
// temporal: sdk-java temporal-test-server TestService.

use std::time::Duration;

use prost_types::Duration as WireDuration;
use steadfast_core::{Rejection, Reply, Timestamp, time::duration_from_proto};
use steadfast_proto::temporal::api::testservice::v1::{
    GetCurrentTimeResponse, LockTimeSkippingRequest, LockTimeSkippingResponse, SleepRequest,
    SleepResponse, SleepUntilRequest, UnlockTimeSkippingRequest, UnlockTimeSkippingResponse,
};
use tonic::Request;

use super::{Called, Frontend, unexpected};
use crate::{
    engine::{Ask, ClockAsk},
    status::status,
};

impl Frontend {
    async fn clock(&self, ask: ClockAsk) -> Called<Timestamp> {
        let to = self.engine.reply_to();
        let answer = self.engine.ask(to, Ask::Clock(ask)).await.map_err(status)?;
        match answer.reply {
            Reply::Time(time) => Ok(time),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn lock_time_skipping(
        &self,
        _: Request<LockTimeSkippingRequest>,
    ) -> Called<LockTimeSkippingResponse> {
        self.clock(ClockAsk::Lock).await?;
        Ok(LockTimeSkippingResponse {})
    }

    pub(super) async fn unlock_time_skipping(
        &self,
        _: Request<UnlockTimeSkippingRequest>,
    ) -> Called<UnlockTimeSkippingResponse> {
        self.clock(ClockAsk::Unlock).await?;
        Ok(UnlockTimeSkippingResponse {})
    }

    pub(super) async fn sleep(&self, request: Request<SleepRequest>) -> Called<SleepResponse> {
        let length = length(request.into_inner().duration.as_ref())?;
        self.clock(ClockAsk::Sleep(length)).await?;
        Ok(SleepResponse {})
    }

    pub(super) async fn sleep_until(
        &self,
        request: Request<SleepUntilRequest>,
    ) -> Called<SleepResponse> {
        let until = request.into_inner().timestamp.unwrap_or_default();
        let until = Timestamp::from_proto(&until);
        self.clock(ClockAsk::SleepUntil(until)).await?;
        Ok(SleepResponse {})
    }

    pub(super) async fn unlock_time_skipping_with_sleep(
        &self,
        request: Request<SleepRequest>,
    ) -> Called<SleepResponse> {
        let length = length(request.into_inner().duration.as_ref())?;
        self.clock(ClockAsk::UnlockFor(length)).await?;
        Ok(SleepResponse {})
    }

    pub(super) async fn get_current_time(&self, _: Request<()>) -> Called<GetCurrentTimeResponse> {
        let time = self.clock(ClockAsk::Read).await?;
        Ok(GetCurrentTimeResponse {
            time: Some(time.to_proto()),
        })
    }
}

fn length(given: Option<&WireDuration>) -> Called<Duration> {
    duration_from_proto(given).ok_or_else(|| {
        status(Rejection::InvalidArgument(
            "a sleep cannot be negative".to_owned(),
        ))
    })
}
