//! Who can be reached, and how it is said when nobody can.

use std::time::Duration;

use steadfast_client::{ConnectError, Connection, Secret, Settings, TlsSettings, is_unreachable};
use steadfast_proto::temporal::api::workflowservice::v1::GetSystemInfoRequest;
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::server::{Authority, Fake, at, text};

#[tokio::test]
async fn a_call_bears_who_asks_and_what_about() {
    let fake = Fake::default();
    let address = fake.serve(None).await;
    let settings = Settings {
        namespace: "shop".to_owned(),
        api_key: Some(Secret::new("k")),
        headers: [("x-own".to_owned(), "v".to_owned())].into(),
        ..at(address)
    };
    let connection = Connection::open(settings).await.unwrap();
    assert_eq!(connection.info().server_version, "fake");
    assert_eq!(fake.saw("authorization").as_deref(), Some("Bearer k"));
    assert_eq!(fake.saw("temporal-namespace").as_deref(), Some("shop"));
    assert_eq!(fake.saw("x-own").as_deref(), Some("v"));
    assert_eq!(fake.saw("client-name").as_deref(), Some("steadfast"));
    assert!(fake.saw("grpc-timeout").is_some());
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Connection::open(at(address)).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!("no server can be reached at {address}: connection refused")
    );
}

#[tokio::test]
async fn somebody_who_says_nothing_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = Settings {
        connect_timeout: Duration::from_millis(200),
        ..at(listener.local_addr().unwrap())
    };
    let error = Connection::open(settings).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().ends_with("no answer within 200ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_server() {
    let fake = Fake {
        refuses: Some(Status::unauthenticated("who are you?")),
        ..Fake::default()
    };
    let address = fake.serve(None).await;
    let error = Connection::open(at(address)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the server at {address} refuses: who are you?")
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_what_it_can_do_will_do() {
    let fake = Fake {
        refuses: Some(Status::unimplemented("what?")),
        ..Fake::default()
    };
    let address = fake.serve(None).await;
    Connection::open(at(address)).await.unwrap();
}

#[tokio::test]
async fn a_call_to_a_server_that_has_gone_is_unreachable_and_a_refused_one_is_not() {
    let gone = Status::unavailable("shutting down");
    assert!(!is_unreachable(&gone), "the server itself says so");
    let fake = Fake::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let task = fake.clone();
    let address = runtime
        .spawn(async move { task.serve(None).await })
        .await
        .unwrap();
    let connection = Connection::open(at(address)).await.unwrap();
    runtime.shutdown_background();
    let mut last = None;
    for _ in 0..50 {
        let request = connection.short(GetSystemInfoRequest {});
        let status = connection
            .workflows()
            .get_system_info(request)
            .await
            .unwrap_err();
        let done = is_unreachable(&status);
        last = Some(status);
        if done {
            break;
        }
    }
    let last = last.unwrap();
    assert!(is_unreachable(&last), "{last:?}");
    assert_ne!(last.code(), Code::Ok);
}

#[tokio::test]
async fn a_server_is_believed_if_somebody_vouches_for_it() {
    let authority = Authority::new();
    let fake = Fake::default();
    let address = fake.serve(Some(authority.server("localhost", false))).await;
    let with = |tls: TlsSettings| Settings {
        address: format!("localhost:{}", address.port()),
        tls: Some(tls),
        ..Settings::default()
    };
    let knowing = TlsSettings {
        server_ca: text(authority.pem()),
        ..TlsSettings::default()
    };
    Connection::open(with(knowing.clone())).await.unwrap();
    let other = TlsSettings {
        server_ca: text(Authority::new().pem()),
        ..TlsSettings::default()
    };
    let error = Connection::open(with(other.clone())).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    let anybody = TlsSettings {
        trust_anybody: true,
        ..other
    };
    Connection::open(with(anybody)).await.unwrap();
    let misnamed = TlsSettings {
        server_name: Some("elsewhere".to_owned()),
        ..knowing
    };
    Connection::open(with(misnamed)).await.unwrap_err();
    Connection::open(at(address))
        .await
        .expect_err("it speaks TLS only");
}

#[tokio::test]
async fn a_server_may_be_called_otherwise_than_its_address() {
    let authority = Authority::new();
    let fake = Fake::default();
    let address = fake
        .serve(Some(authority.server("temporal.example", false)))
        .await;
    let tls = TlsSettings {
        server_ca: text(authority.pem()),
        server_name: Some("temporal.example".to_owned()),
        ..TlsSettings::default()
    };
    let settings = Settings {
        tls: Some(tls),
        ..at(address)
    };
    Connection::open(settings).await.unwrap();
}

#[tokio::test]
async fn a_strict_server_wants_a_certificate() {
    let authority = Authority::new();
    let fake = Fake::default();
    let address = fake.serve(Some(authority.server("localhost", true))).await;
    let with = |tls: TlsSettings| Settings {
        address: format!("localhost:{}", address.port()),
        tls: Some(tls),
        ..Settings::default()
    };
    let stranger = TlsSettings {
        server_ca: text(authority.pem()),
        ..TlsSettings::default()
    };
    Connection::open(with(stranger.clone())).await.unwrap_err();
    let (certificate, key) = authority.vouch("client");
    let half = TlsSettings {
        client_cert: text(certificate.clone()),
        ..stranger.clone()
    };
    let error = Connection::open(with(half)).await.unwrap_err();
    assert!(error.to_string().contains("its key is missing"), "{error}");
    let friend = TlsSettings {
        client_cert: text(certificate),
        client_key: text(key),
        ..stranger
    };
    Connection::open(with(friend)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_none_is_named() {
    let with = |tls: TlsSettings| Settings {
        tls: Some(tls),
        ..Settings::default()
    };
    let nonsense = TlsSettings {
        server_ca: text("nonsense".to_owned()),
        ..TlsSettings::default()
    };
    let error = Connection::open(with(nonsense)).await.unwrap_err();
    assert!(
        error.to_string().contains("server CA certificate"),
        "{error}"
    );
    let missing = TlsSettings {
        server_ca: Some(steadfast_client::Pem::File("/nowhere/ca.pem".into())),
        ..TlsSettings::default()
    };
    let error = Connection::open(with(missing)).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
