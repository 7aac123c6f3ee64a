//! Time that tests skip.

use std::time::{Duration, Instant};

use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    testservice::v1::{
        LockTimeSkippingRequest, SleepRequest, UnlockTimeSkippingRequest,
        test_service_client::TestServiceClient,
    },
};
use steadfast_server::{Config, TimeMode};

use crate::client::{Client, channel, complete_command, server, timer_command};

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

fn skipping(unlocked: bool) -> Config {
    Config {
        time: TimeMode::Skipping { unlocked },
        ..Config::default()
    }
}

fn seconds(time: Option<prost_types::Timestamp>) -> i64 {
    time.unwrap().seconds
}

#[tokio::test]
async fn a_month_of_timers_takes_no_time_and_is_a_month_in_the_history() {
    let server = server(skipping(true)).await;
    let mut client = Client::to(&server).await;
    let began = Instant::now();
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client
        .complete(&task, vec![timer_command("t", MONTH)])
        .await;
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("out")]).await;
    assert!(began.elapsed() < Duration::from_secs(60));
    let events = client.history("w").await;
    let time = |kind| {
        let event = events.iter().find(|e| e.event_type() == kind).unwrap();
        seconds(event.event_time)
    };
    let lasted = time(EventType::TimerFired) - time(EventType::TimerStarted);
    assert!((lasted - 30 * 24 * 3600).abs() <= 1, "{lasted}");
}

#[tokio::test]
async fn time_stands_while_it_is_locked_and_sleepers_move_it() {
    let server = server(skipping(false)).await;
    let mut client = Client::to(&server).await;
    let mut clock = TestServiceClient::new(channel(&server).await);
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client
        .complete(&task, vec![timer_command("t", MONTH)])
        .await;
    let now = |time: tonic::Response<
        steadfast_proto::temporal::api::testservice::v1::GetCurrentTimeResponse,
    >| { seconds(time.into_inner().time) };
    let before = now(clock.get_current_time(()).await.unwrap());
    let day = SleepRequest {
        duration: Some(prost_types::Duration {
            seconds: 24 * 3600,
            nanos: 0,
        }),
    };
    clock.unlock_time_skipping_with_sleep(day).await.unwrap();
    let after = now(clock.get_current_time(()).await.unwrap());
    let slept = after - before;
    assert!((24 * 3600..24 * 3600 + 60).contains(&slept), "{slept}");
    assert_eq!(
        client.history("w").await.len(),
        5,
        "the timer has not fired"
    );

    clock
        .unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await
        .unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("out")]).await;
    clock
        .lock_time_skipping(LockTimeSkippingRequest {})
        .await
        .unwrap();
    clock
        .unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await
        .unwrap();
    let refused = clock
        .unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await;
    assert!(refused.is_err(), "it is unlocked already");
}
