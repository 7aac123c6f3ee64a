//! The connection, and the calls over it.

use std::{sync::Arc, time::Duration};

use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use steadfast_proto::{
    grpc::health::v1::health_client::HealthClient,
    temporal::api::{
        operatorservice::v1::operator_service_client::OperatorServiceClient,
        workflowservice::v1::{
            GetSystemInfoRequest, GetSystemInfoResponse,
            workflow_service_client::WorkflowServiceClient,
        },
    },
};
use tonic::{
    Code, Request, Status,
    codec::CompressionEncoding,
    metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tower::Service as _;

use crate::{
    codec::Codec,
    error::{ConnectError, SettingsError, is_unreachable},
    settings::{Settings, TlsSettings},
    tls,
};

/// How long a call that waits for something may take: a server ends its own long polls before.
const LONG: Duration = Duration::from_secs(70);
/// How often a connection that says nothing is asked whether it lives, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// The longest answer. temporal: sdk-go, 128 MiB.
const MAX_ANSWER: usize = 128 << 20;

/// What calls go through.
pub type Calls = InterceptedService<Channel, Headers>;

/// A connection to a server. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    settings: Arc<Settings>,
    calls: Calls,
    info: Arc<GetSystemInfoResponse>,
    pub(crate) codec: Option<Arc<Codec>>,
}

impl Connection {
    /// Connects, and asks the server what it is.
    ///
    /// # Errors
    /// If the settings are not usable, nobody can be reached, or the server will not talk to us.
    pub async fn open(settings: Settings) -> Result<Self, ConnectError> {
        let headers = Headers::of(&settings)?;
        let codec = settings.codec.as_ref();
        let codec = codec
            .map(|codec| Codec::new(codec, &settings.namespace))
            .transpose()?;
        let address = settings.address.clone();
        let channel = within(&settings, dial(&settings)).await?;
        let mut this = Self {
            calls: InterceptedService::new(channel, headers),
            info: Arc::default(),
            codec: codec.map(Arc::new),
            settings: Arc::new(settings),
        };
        let asked = within(&this.settings, async {
            let request = this.short(GetSystemInfoRequest {});
            Ok(this.workflows().get_system_info(request).await)
        });
        match asked.await? {
            Ok(info) => this.info = Arc::new(info.into_inner()),
            // Servers that do not know the call have none of the capabilities that it tells of.
            Err(status) if status.code() == Code::Unimplemented => {}
            Err(status) if is_unreachable(&status) => {
                return Err(ConnectError::unreachable(&address, &status));
            }
            Err(status) => {
                let status = Box::new(status);
                return Err(ConnectError::Refused { address, status });
            }
        }
        Ok(this)
    }

    /// Calls of `WorkflowService`.
    pub fn workflows(&self) -> WorkflowServiceClient<Calls> {
        WorkflowServiceClient::new(self.calls.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_ANSWER)
            .max_encoding_message_size(MAX_ANSWER)
    }

    /// Calls of `OperatorService`.
    pub fn operators(&self) -> OperatorServiceClient<Calls> {
        OperatorServiceClient::new(self.calls.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_ANSWER)
    }

    /// Calls of gRPC's own health service.
    pub fn health(&self) -> HealthClient<Calls> {
        HealthClient::new(self.calls.clone())
    }

    /// A call that waits for nothing, with its deadline.
    pub fn short<T>(&self, message: T) -> Request<T> {
        with_deadline(message, self.settings.call_timeout)
    }

    /// A call that may wait, with its deadline. When the deadline passes, or the answer is empty, ask again.
    #[expect(
        clippy::unused_self,
        reason = "beside `short`, which needs the settings"
    )]
    pub fn long<T>(&self, message: T) -> Request<T> {
        with_deadline(message, LONG)
    }

    /// What the connection was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The namespace that calls are about.
    pub fn namespace(&self) -> &str {
        &self.settings.namespace
    }

    /// By whom histories say that something was asked.
    pub fn identity(&self) -> &str {
        &self.settings.identity
    }

    /// What the server is, and can.
    pub fn info(&self) -> &GetSystemInfoResponse {
        &self.info
    }
}

fn with_deadline<T>(message: T, after: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(after);
    request
}

/// Gives up when the connection takes too long.
async fn within<T>(
    settings: &Settings,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let after = settings.connect_timeout;
    let late = |_| Err(ConnectError::late(&settings.address, after));
    tokio::time::timeout(after, work).await.unwrap_or_else(late)
}

async fn dial(settings: &Settings) -> Result<Channel, ConnectError> {
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let target = uri(&settings.address, scheme)?;
    let authority = settings.authority.as_deref();
    let origin = uri(authority.unwrap_or(&settings.address), scheme)?;
    // TLS is spoken by our connector, which tonic need not know.
    let endpoint = Endpoint::from(uri(&settings.address, "http")?)
        .origin(origin)
        .http2_keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .keep_alive_while_idle(true)
        .user_agent(concat!("steadfast/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| unusable(&settings.address, &error))?;
    let connector = connector(settings.tls.as_ref())?;
    let connect = tower::service_fn(move |_| connector.clone().call(target.clone()));
    let connecting = endpoint.connect_with_connector(connect);
    let failed = |error| ConnectError::unreachable(&settings.address, &error);
    connecting.await.map_err(failed)
}

fn connector(tls: Option<&TlsSettings>) -> Result<HttpsConnector<HttpConnector>, SettingsError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let settings = tls.cloned().unwrap_or_else(|| TlsSettings {
        // Nobody is asked, so that no certificates need to be found.
        trust_anybody: true,
        ..TlsSettings::default()
    });
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client(&settings)?)
        .https_or_http();
    if let Some(name) = settings.server_name {
        let name = ServerName::try_from(name.clone()).map_err(|error| unusable(&name, &error))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_http2().wrap_connector(tcp))
}

/// The address as a URL.
fn uri(address: &str, scheme: &str) -> Result<Uri, SettingsError> {
    if address.contains("://") {
        return Err(unusable(
            address,
            &"write HOST:PORT, and --tls to speak TLS",
        ));
    }
    let uri: Uri = format!("{scheme}://{address}")
        .parse()
        .map_err(|error| unusable(address, &error))?;
    let authority = uri
        .authority()
        .is_some_and(|authority| authority.as_str() == address);
    if !authority || uri.host().is_none_or(str::is_empty) {
        return Err(unusable(address, &"write HOST:PORT"));
    }
    if uri.port_u16().is_none() {
        return Err(unusable(address, &"its port is missing; write HOST:PORT"));
    }
    Ok(uri)
}

fn unusable(address: &str, why: &impl ToString) -> SettingsError {
    SettingsError::Address {
        address: address.to_owned(),
        why: why.to_string(),
    }
}

/// The headers that each call bears.
#[derive(Clone, Debug)]
pub struct Headers(Arc<Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>>);

impl Headers {
    fn of(settings: &Settings) -> Result<Self, SettingsError> {
        let mut all = vec![
            ("client-name", "steadfast"),
            ("client-version", env!("CARGO_PKG_VERSION")),
            // We follow workflows into their next runs ourselves.
            ("supported-features", "follows-next-run-id"),
            ("temporal-namespace", settings.namespace.as_str()),
        ];
        let bearer = settings
            .api_key
            .as_ref()
            .map(|key| format!("Bearer {}", key.reveal()));
        all.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        // What the user asks for comes last: it replaces what we would say.
        all.extend(
            settings
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let headers = all.into_iter().map(|(name, value)| header(name, value));
        Ok(Self(Arc::new(headers.collect::<Result<_, _>>()?)))
    }
}

fn header(
    name: &str,
    value: &str,
) -> Result<(MetadataKey<Ascii>, MetadataValue<Ascii>), SettingsError> {
    let wrong = |why: &str| SettingsError::Header {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes())
        .map_err(|_| wrong("that is no name of a header"))?;
    let mut value: MetadataValue<Ascii> = value
        .parse()
        .map_err(|_| wrong("its value has other characters than visible ASCII"))?;
    value.set_sensitive(key.as_str() == "authorization");
    Ok((key, value))
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata: &mut MetadataMap = request.metadata_mut();
        for (name, value) in self.0.iter() {
            metadata.insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port_and_nothing_else() {
        for good in [
            "localhost:7233",
            "127.0.0.1:1",
            "[::1]:7233",
            "a.b.example:443",
        ] {
            assert!(uri(good, "http").is_ok(), "{good}");
        }
        for (bad, why) in [
            ("localhost", "its port is missing"),
            ("http://localhost:7233", "--tls"),
            ("localhost:7233/path", "write HOST:PORT"),
            ("user@localhost:7233 ", "invalid"),
            (":7233", ""),
            ("", ""),
            ("host:99999", ""),
        ] {
            let error = uri(bad, "http").unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn headers_that_cannot_be_sent_are_named() {
        for (name, value) in [
            ("sp ace", "x"),
            ("", "x"),
            ("ok", "line\nbreak"),
            ("key-bin", "x"),
        ] {
            let settings = Settings {
                headers: [(name.to_owned(), value.to_owned())].into(),
                ..Settings::default()
            };
            let error = Headers::of(&settings).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }
}
