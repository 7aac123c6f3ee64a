//! Every method of every service, with requests made at random: each gets an answer that makes sense, and the server goes
//! on.

#[path = "../../../proto/tests/arbitrary/mod.rs"]
mod choices;

use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use choices::{Choices, POOL};
use prost::Message as _;
use prost_reflect::{Kind, MethodDescriptor, ReflectMessage as _, Value};
use steadfast_proto::temporal::api::workflowservice::v1::{
    GetSystemInfoRequest, ListNamespacesRequest,
};
use steadfast_server::Config;
use tokio::task::JoinSet;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

use crate::client::{Client, channel, server};

/// Names that exist, ids that may come to exist, and texts with a meaning somewhere.
const WORDS: &[&str] = &[
    "",
    "x",
    "w",
    "queue",
    "default",
    "Workflow",
    "\"\\\n\u{0}",
    "\u{1f600}é",
    "WorkflowId = 'w'",
    "ORDER BY (",
    "* * * * *",
    "CRON_TZ=Nowhere 61 * * * *",
    "@every 1s",
    "temporal-sys-scheduler:x",
    "00000000-0000-0000-0000-000000000000",
];

/// Enough for every method that does not wait.
const DEADLINE: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn every_method_bears_any_request() {
    let server = server(Config::default()).await;
    let channel = channel(&server).await;
    let methods: Vec<MethodDescriptor> = POOL
        .services()
        .filter(|service| service.full_name().starts_with("temporal.api."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    assert!(methods.len() > 100);
    for seed in 0..30 {
        let mut calls = JoinSet::new();
        for (number, method) in methods.iter().enumerate() {
            let number = u64::try_from(number).unwrap();
            calls.spawn(call(channel.clone(), method.clone(), seed * 1_000 + number));
        }
        for (what, answer) in calls.join_all().await {
            if let Err(refused) = answer {
                let nonsense = [Code::Internal, Code::Unknown, Code::DataLoss];
                assert!(!nonsense.contains(&refused.code()), "{what}: {refused:?}");
            }
        }
    }
    let mut client = Client::to(&server).await;
    client
        .0
        .get_system_info(GetSystemInfoRequest::default())
        .await
        .unwrap();
    // Asks the engine, as that does not.
    client
        .0
        .list_namespaces(ListNamespacesRequest::default())
        .await
        .unwrap();
}

async fn call(
    channel: Channel,
    method: MethodDescriptor,
    seed: u64,
) -> (String, Result<(), Status>) {
    let mut request = Choices::new(seed, WORDS).message(&method.input(), 5);
    let namespace = method.input().get_field_by_name("namespace");
    if let Some(field) = namespace.filter(|field| field.kind() == Kind::String)
        && !seed.is_multiple_of(4)
    {
        request.set_field(&field, Value::String("default".to_owned()));
    }
    let service = method.parent_service().full_name().to_owned();
    let path = format!("/{service}/{}", method.name());
    let what = format!("{path} of seed {seed}");
    let path = PathAndQuery::try_from(path).unwrap();
    let mut body = Request::new(request.encode_to_vec());
    body.set_timeout(DEADLINE);
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let answer = client.unary(body, path, Raw).await;
    let decoded = answer.map(|answer| {
        let output = method.output();
        let answer = prost_reflect::DynamicMessage::decode(output.clone(), &*answer.into_inner());
        assert_eq!(answer.unwrap().descriptor(), output);
    });
    (what, decoded)
}

/// Messages as bytes.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
