//! What the server is told on the command line: in our own words (`serve`), and in those of Temporal's (`server
//! start-dev`, and the test server's `PORT`), so that what starts those starts this.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use steadfast_proto::temporal::api::enums::v1::IndexedValueType;
use steadfast_server::{Config, Persistence, TimeMode};

use super::duration;

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    #[value(alias = "pretty")]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Every call.
    Debug,
    /// What happens once in a while.
    Info,
    /// What somebody should look at.
    #[default]
    Warn,
    /// What is broken.
    Error,
    /// Nothing.
    #[value(alias = "off")]
    Never,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// How much is logged
    #[arg(long, value_name = "LEVEL", default_value = "warn", ignore_case = true)]
    pub(crate) log_level: LogLevel,
    /// How the log looks
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        ignore_case = true
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7233")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Keep everything in this directory, durably [default: in memory, until the process ends]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A namespace to register, unless it is there; may be given several times
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) namespace: Vec<String>,
    /// A search attribute of those namespaces, as in Customer=Keyword; may be given several times
    #[arg(long, value_name = "NAME=TYPE", value_parser = search_attribute)]
    pub(crate) search_attribute: Vec<(String, i32)>,
    /// How long closed workflows of those namespaces are kept
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) retention: Duration,
    /// Into how many shards a new directory divides workflows; fixed for its life
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) shards: u32,
    /// The server's certificate, as PEM; connections are then encrypted
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Who vouches for clients, as PEM; clients then need a certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// A file of API keys; callers then need one of them
    #[arg(long, value_name = "FILE")]
    pub(crate) api_keys: Option<PathBuf>,
    /// Where Prometheus reads /metrics, without being asked who it is [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Let others than this machine connect, although nothing asks them who they are
    #[arg(long)]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Start a server with the flags of `temporal server start-dev`
    StartDev(StartDevArgs),
}

/// The flags of Temporal's development server. Those of its Web UI are taken and mean nothing here.
#[derive(Debug, Args)]
pub(crate) struct StartDevArgs {
    /// Keep everything in this directory, durably [default: in memory]
    #[arg(long, short = 'f', value_name = "DIR")]
    pub(crate) db_filename: Option<PathBuf>,
    /// A namespace to register beside `default`; may be given several times
    #[arg(long, short = 'n', value_name = "NAME")]
    pub(crate) namespace: Vec<String>,
    /// The port of the gRPC API
    #[arg(long, short = 'p', value_name = "PORT", default_value_t = 7233)]
    pub(crate) port: u16,
    /// The address to listen on
    #[arg(long, value_name = "IP", default_value = "localhost", value_parser = ip)]
    pub(crate) ip: Vec<Vec<IpAddr>>,
    /// A search attribute, as in Customer=Keyword; may be given several times
    #[arg(long, value_name = "NAME=TYPE", value_parser = search_attribute)]
    pub(crate) search_attribute: Vec<(String, i32)>,
    /// A dynamic configuration value of Temporal's server, as in KEY=JSON; all but
    /// matching.longPollExpirationInterval are taken and mean nothing here
    #[arg(long, value_name = "KEY=JSON")]
    pub(crate) dynamic_config_value: Vec<String>,
    /// Taken: there is no Web UI
    #[arg(long)]
    pub(crate) headless: bool,
    /// Taken: there is no HTTP API
    #[arg(long, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// The port on which Prometheus reads /metrics [default: none]
    #[arg(long, value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// Taken: there is no Web UI
    #[arg(long, value_name = "PORT")]
    pub(crate) ui_port: Option<u16>,
    /// Taken: there is no Web UI
    #[arg(long, value_name = "IP")]
    pub(crate) ui_ip: Option<String>,
    /// Taken: there is no Web UI
    #[arg(long, value_name = "PATH")]
    pub(crate) ui_public_path: Option<String>,
    /// Taken: there is no Web UI
    #[arg(long, value_name = "PATH")]
    pub(crate) ui_asset_path: Option<String>,
    /// Taken: there is no Web UI
    #[arg(long, value_name = "URL")]
    pub(crate) ui_codec_endpoint: Option<String>,
    /// Taken: there is no Web UI
    #[arg(long)]
    pub(crate) ui_disable_news_fetch: bool,
    /// Taken: there is no SQLite
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) sqlite_pragma: Vec<String>,
    /// Taken: the configuration is not logged
    #[arg(long)]
    pub(crate) log_config: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// The invocation of Temporal's test server: a port, and whether time skips from the start.
#[derive(Debug, Args)]
pub(crate) struct TestServerArgs {
    /// The port to listen on
    #[arg(value_name = "PORT")]
    pub(crate) port: u16,
    /// Skip time from the start, not only when a test asks for it
    #[arg(long)]
    pub(crate) enable_time_skipping: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl ServeArgs {
    pub(crate) fn config(&self) -> Config {
        Config {
            listen: self.listen.clone(),
            persistence: persistence(self.data.as_ref()),
            shards: self.shards,
            namespaces: self.namespace.clone(),
            search_attributes: attributes(&self.search_attribute),
            retention: self.retention,
            metrics: self.metrics,
            ..Config::default()
        }
    }
}

impl StartDevArgs {
    pub(crate) fn config(&self) -> Config {
        let mut namespaces = vec!["default".to_owned()];
        namespaces.extend(self.namespace.iter().filter(|n| *n != "default").cloned());
        let addresses = self.ip.iter().flatten();
        let metrics = self.metrics_port.zip(self.ip.iter().flatten().next());
        Config {
            metrics: metrics.map(|(port, ip)| SocketAddr::new(*ip, port)),
            listen: addresses
                .map(|ip| SocketAddr::new(*ip, self.port))
                .collect(),
            persistence: persistence(self.db_filename.as_ref()),
            namespaces,
            search_attributes: attributes(&self.search_attribute),
            long_poll: self.long_poll(),
            ..Config::default()
        }
    }
}

impl StartDevArgs {
    /// The one value of Temporal's dynamic configuration that means something here.
    fn long_poll(&self) -> Duration {
        let key = "matching.longPollExpirationInterval=";
        let given = self.dynamic_config_value.iter().rev();
        let value = given.filter_map(|pair| pair.strip_prefix(key)).next();
        value
            .and_then(|value| duration(value.trim_matches('"')).ok())
            .unwrap_or_else(|| Config::default().long_poll)
    }
}

impl TestServerArgs {
    pub(crate) fn config(&self) -> Config {
        Config {
            listen: loopback().map(|ip| SocketAddr::new(ip, self.port)).to_vec(),
            time: TimeMode::Skipping {
                unlocked: self.enable_time_skipping,
            },
            ..Config::default()
        }
    }
}

fn persistence(directory: Option<&PathBuf>) -> Persistence {
    directory.map_or(Persistence::Memory, |directory| {
        Persistence::Directory(directory.clone())
    })
}

fn attributes(given: &[(String, i32)]) -> BTreeMap<String, i32> {
    given.iter().cloned().collect()
}

fn loopback() -> [IpAddr; 2] {
    [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
}

/// An address, or `localhost`, which is both of them: some clients try the one, some the other.
fn ip(text: &str) -> Result<Vec<IpAddr>, String> {
    match text {
        "localhost" => Ok(loopback().to_vec()),
        _ => text
            .parse()
            .map(|ip| vec![ip])
            .map_err(|_| "expected an IP address, or localhost".to_owned()),
    }
}

fn search_attribute(text: &str) -> Result<(String, i32), String> {
    let (name, kind) = text
        .split_once('=')
        .ok_or("expected NAME=TYPE, as in Customer=Keyword")?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "text" => IndexedValueType::Text,
        "keyword" => IndexedValueType::Keyword,
        "int" => IndexedValueType::Int,
        "double" => IndexedValueType::Double,
        "bool" => IndexedValueType::Bool,
        "datetime" => IndexedValueType::Datetime,
        "keywordlist" => IndexedValueType::KeywordList,
        _ => {
            return Err(
                "the types are Text, Keyword, Int, Double, Bool, Datetime and KeywordList"
                    .to_owned(),
            );
        }
    };
    if name.is_empty() {
        return Err("a search attribute has a name".to_owned());
    }
    Ok((name.to_owned(), kind.into()))
}
