//! Payloads that only a codec server can read: it is sent them, and answers what they say.
//!
//! The protocol is that of Temporal's Web UI: `POST ENDPOINT/decode` and `/encode`, with payloads as JSON both ways.
// temporal: sdk-go converter/grpc_interceptor.go, every payload but those of search attributes goes through the codec.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use prost::{Message, Name};
use steadfast_proto::{json, payload, temporal::api::common::v1::Payloads};

use crate::{
    connection::Connection,
    error::{SettingsError, innermost},
    settings::{CodecSettings, TlsSettings},
    tls,
};

/// The longest answer.
const MAX_ANSWER: usize = 128 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why payloads stay unread.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Nobody answers.
    #[error("the codec server {endpoint} cannot be reached: {why}")]
    Unreachable {
        /// What was called.
        endpoint: Uri,
        /// Why, as far as we learn.
        why: String,
    },
    /// It refuses.
    #[error("the codec server {endpoint} answers {status}: {text}")]
    Refused {
        /// What was called.
        endpoint: Uri,
        /// Its status.
        status: StatusCode,
        /// The beginning of what it says.
        text: String,
    },
    /// What it says is not what was asked for.
    #[error("the codec server {endpoint} answers what is not understood: {why}")]
    Misunderstood {
        /// What was called.
        endpoint: Uri,
        /// What is wrong.
        why: String,
    },
}

impl Connection {
    /// A message with its payloads as they were before they were encoded, as far as the codec server knows.
    ///
    /// # Errors
    /// If the codec server does not answer, or not what it should.
    pub async fn decoded<M: Message + Name + Default>(&self, message: M) -> Result<M, CodecError> {
        match &self.codec {
            Some(codec) => codec.through(&codec.decode, message).await,
            None => Ok(message),
        }
    }

    /// A message with its payloads encoded, as workers expect them.
    ///
    /// # Errors
    /// If the codec server does not answer, or not what it should.
    pub async fn encoded<M: Message + Name + Default>(&self, message: M) -> Result<M, CodecError> {
        match &self.codec {
            Some(codec) => codec.through(&codec.encode, message).await,
            None => Ok(message),
        }
    }
}

/// A codec server.
#[derive(Debug)]
pub(crate) struct Codec {
    decode: Uri,
    encode: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Codec {
    pub(crate) fn new(settings: &CodecSettings, namespace: &str) -> Result<Self, SettingsError> {
        let endpoint = settings.endpoint.replace("{namespace}", namespace);
        let wrong = |why: String| SettingsError::Codec {
            endpoint: endpoint.clone(),
            why,
        };
        let below = |name: &str| {
            let url = format!("{}/{name}", endpoint.trim_end_matches('/'));
            let uri: Uri = url.parse().map_err(|error| wrong(format!("{error}")))?;
            match uri.scheme_str() {
                Some("http" | "https") => Ok(uri),
                _ => Err(wrong(
                    "it begins with neither http:// nor https://".to_owned(),
                )),
            }
        };
        let auth = settings
            .auth
            .as_ref()
            .map(|auth| ("authorization", auth.reveal()));
        let others = settings
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = [("x-namespace", namespace)]
            .into_iter()
            .chain(others)
            .chain(auth);
        let (decode, encode) = (below("decode")?, below("encode")?);
        // Without TLS no authorities need to be found.
        let trust_anybody = decode.scheme_str() == Some("http");
        let tls = TlsSettings {
            trust_anybody,
            ..TlsSettings::default()
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(&tls)?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            decode,
            encode,
            headers: headers
                .map(|(name, value)| header(name, value))
                .collect::<Result<_, _>>()?,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn through<M>(self: &Arc<Self>, endpoint: &Uri, message: M) -> Result<M, CodecError>
    where
        M: Message + Name + Default,
    {
        let payloads = payload::collect(&message);
        if payloads.is_empty() {
            return Ok(message);
        }
        let count = payloads.len();
        let misunderstood = |why: String| CodecError::Misunderstood {
            endpoint: endpoint.clone(),
            why,
        };
        let body = self
            .post(endpoint, json::to_json(&Payloads { payloads }))
            .await?;
        let text = str::from_utf8(&body).map_err(|_| misunderstood("it is no text".to_owned()))?;
        let answer: Payloads = json::from_json_with(text, &json::Options::TOLERANT)
            .map_err(|error| misunderstood(error.to_string()))?;
        let found = answer.payloads.len();
        payload::replaced(&message, answer.payloads)
            .ok_or_else(|| misunderstood(format!("{found} payloads for {count}")))
    }

    async fn post(&self, endpoint: &Uri, body: String) -> Result<Bytes, CodecError> {
        let mut request =
            Request::post(endpoint.clone()).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::from(body))
            .expect("its parts have been looked at");
        let unreachable = |why: String| CodecError::Unreachable {
            endpoint: endpoint.clone(),
            why,
        };
        let asking = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| unreachable(innermost(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body
                .map_err(|error| unreachable(error.to_string()))?
                .to_bytes();
            Ok((status, body))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| Err(unreachable(format!("no answer within {PATIENCE:?}"))))?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        Err(CodecError::Refused {
            endpoint: endpoint.clone(),
            status,
            text: text.trim().chars().take(200).collect(),
        })
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SettingsError> {
    let wrong = |why: &str| SettingsError::Header {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    let key = HeaderName::from_str(name).map_err(|_| wrong("that is no name of a header"))?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| wrong("its value has other characters than visible ASCII"))?;
    Ok((key, value))
}
