//! The page that Prometheus reads.

use std::net::{Ipv4Addr, SocketAddr};

use steadfast_proto::temporal::api::workflowservice::v1::GetSystemInfoRequest;
use steadfast_server::{Config, Persistence};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Request, client::Grpc};

use crate::client::{Client, channel, complete_command, server};

async fn page(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

/// The value of a metric, by its name and labels.
fn value(page: &str, metric: &str) -> f64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn what_happens_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(Config {
        metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        persistence: Persistence::Directory(folder.path().to_owned()),
        ..Config::default()
    })
    .await;
    let metrics = server.metrics().unwrap();
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    client.start("other").await.unwrap();
    let seen = page(metrics).await;
    assert_eq!(value(&seen, "steadfast_open_executions"), 2.0);
    let started = r#"steadfast_requests_total{code="Ok",method="StartWorkflowExecution"}"#;
    assert_eq!(value(&seen, started), 2.0);
    assert!(value(&seen, "steadfast_syncs_total") >= 1.0, "{seen}");
    assert!(
        value(&seen, "steadfast_sync_seconds_count") >= 1.0,
        "{seen}"
    );
    assert!(value(&seen, "steadfast_batches_total") >= 2.0, "{seen}");
    assert!(value(&seen, "steadfast_records_total") >= 6.0, "{seen}");

    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("done")]).await;
    let polling = tokio::spawn({
        let mut client = client.clone();
        async move {
            // The other workflow's task, and then none.
            client.workflow_task().await;
            client.workflow_task().await
        }
    });
    let seen = loop {
        let seen = page(metrics).await;
        if value(&seen, r#"steadfast_pollers{kind="workflow"}"#) == 1.0
            && value(
                &seen,
                r#"steadfast_task_wait_seconds_count{kind="workflow"}"#,
            ) == 2.0
        {
            break seen;
        }
        tokio::task::yield_now().await;
    };
    polling.abort();
    assert_eq!(value(&seen, "steadfast_open_executions"), 1.0);
    while value(
        &page(metrics).await,
        r#"steadfast_pollers{kind="workflow"}"#,
    ) != 0.0
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn made_up_names_are_counted_as_one() {
    let server = server(Config {
        metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        ..Config::default()
    })
    .await;
    let mut grpc = Grpc::new(channel(&server).await);
    for name in ["Lottery", "Lotteries"] {
        grpc.ready().await.unwrap();
        let path = format!("/temporal.api.workflowservice.v1.WorkflowService/{name}");
        let codec =
            tonic_prost::ProstCodec::<GetSystemInfoRequest, GetSystemInfoRequest>::default();
        let asked = grpc.unary(
            Request::new(GetSystemInfoRequest {}),
            path.parse().unwrap(),
            codec,
        );
        asked.await.unwrap_err();
    }
    let seen = page(server.metrics().unwrap()).await;
    assert!(!seen.contains("Lotter"), "{seen}");
    let unknown = r#"steadfast_requests_total{code="Unimplemented",method="unknown"}"#;
    assert_eq!(value(&seen, unknown), 2.0);
}
