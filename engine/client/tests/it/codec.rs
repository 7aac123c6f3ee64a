//! A codec server that turns letters around.

use std::net::SocketAddr;

use steadfast_client::{CodecSettings, Connection, Secret, Settings};
use steadfast_proto::{
    json,
    temporal::api::{
        common::v1::{Payload, Payloads},
        workflowservice::v1::QueryWorkflowResponse,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::server::{Fake, at};

/// Answers each request with what `answer` makes of its head and body.
async fn codec_server(answer: fn(&str, &str) -> (u16, String)) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one(stream, answer));
        }
    });
    address
}

async fn one(mut stream: TcpStream, answer: fn(&str, &str) -> (u16, String)) {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.and_then(|length| length.parse().ok()) != Some(body.len()) && count > 0 {
            continue;
        }
        let (status, body) = answer(head, body);
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        return;
    }
}

fn reversed(head: &str, body: &str) -> (u16, String) {
    let known = head.contains("authorization: Bearer c") && head.contains("x-namespace: shop");
    if !known || !head.starts_with("POST /shop/") {
        return (403, "who are you?".to_owned());
    }
    let mut payloads: Payloads = json::from_json(body).unwrap();
    for payload in &mut payloads.payloads {
        payload.data = payload
            .data
            .iter()
            .rev()
            .copied()
            .collect::<Vec<_>>()
            .into();
    }
    (200, json::to_json(&payloads))
}

async fn connected(codec: SocketAddr, auth: &str) -> Connection {
    let address = Fake::default().serve(None).await;
    let settings = Settings {
        namespace: "shop".to_owned(),
        codec: Some(CodecSettings {
            endpoint: format!("http://{codec}/{{namespace}}/"),
            auth: Some(Secret::new(auth)),
            headers: [("x-other".to_owned(), "1".to_owned())].into(),
        }),
        ..at(address)
    };
    Connection::open(settings).await.unwrap()
}

fn answer(text: &str) -> QueryWorkflowResponse {
    QueryWorkflowResponse {
        query_result: Some(Payload::binary(text.to_owned()).into()),
        ..QueryWorkflowResponse::default()
    }
}

#[tokio::test]
async fn payloads_go_through_the_codec_server_both_ways() {
    let connection = connected(codec_server(reversed).await, "Bearer c").await;
    let decoded = connection.decoded(answer("terces")).await.unwrap();
    assert_eq!(decoded, answer("secret"));
    assert_eq!(connection.encoded(decoded).await.unwrap(), answer("terces"));
    let empty = QueryWorkflowResponse::default();
    assert_eq!(connection.decoded(empty.clone()).await.unwrap(), empty);
}

#[tokio::test]
async fn a_codec_server_that_refuses_is_quoted() {
    let connection = connected(codec_server(reversed).await, "Bearer other").await;
    let error = connection
        .decoded(answer("x"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("answers 403") && error.ends_with("who are you?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_codec_server_that_loses_payloads_is_not_believed() {
    let server = codec_server(|_, _| (200, r#"{"payloads": []}"#.to_owned())).await;
    let error = connected(server, "")
        .await
        .decoded(answer("x"))
        .await
        .unwrap_err();
    assert!(error.to_string().ends_with("0 payloads for 1"), "{error}");
    let server = codec_server(|_, _| (200, "nonsense".to_owned())).await;
    let error = connected(server, "")
        .await
        .decoded(answer("x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is not understood"), "{error}");
}

#[tokio::test]
async fn a_codec_server_that_is_not_there_is_named() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let error = connected(gone, "")
        .await
        .decoded(answer("x"))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be reached: connection refused"),
        "{error}"
    );
}
