//! `serve`, `server start-dev`, and the test server: one server, three ways to ask for it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use steadfast_server::{Config, Keys, Persistence, ServeError, TimeMode, Tls};
use tokio::runtime::Runtime;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Context;
use crate::Exit;
use crate::cli::serve::{LogArgs, LogFormat, LogLevel, ServeArgs, StartDevArgs, TestServerArgs};
use crate::problem::Problem;

pub(crate) fn serve(context: &Context<'_>, args: &ServeArgs) -> Result<Exit, Problem> {
    let open = args.listen.iter().find(|at| !at.ip().is_loopback());
    if let Some(open) = args
        .metrics
        .filter(|at| !at.ip().is_loopback() && !args.insecure)
    {
        return Err(Problem::with_help(
            format!(
                "{open} can be reached from other machines, and nothing asks who reads the metrics"
            ),
            "let --metrics be on 127.0.0.1 or [::1], or say --insecure if the network is yours alone",
        ));
    }
    let asks = args.api_keys.is_some() || args.tls_client_ca.is_some();
    if let Some(open) = open
        && !asks
        && !args.insecure
    {
        return Err(Problem::with_help(
            format!(
                "{open} can be reached from other machines, and nothing would ask who connects"
            ),
            "give --api-keys or --tls-client-ca, listen on 127.0.0.1 or [::1], or say --insecure if the network is \
             yours alone",
        ));
    }
    let config = Config {
        tls: tls(args)?,
        keys: args.api_keys.as_deref().map(keys).transpose()?,
        ..args.config()
    };
    run(context, config, &args.log)
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem::io("read", path, &error))
}

fn tls(args: &ServeArgs) -> Result<Option<Tls>, Problem> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    Ok(Some(Tls {
        certificate: read(certificate)?,
        key: read(key)?,
        client_ca: args.tls_client_ca.as_deref().map(read).transpose()?,
    }))
}

fn keys(path: &Path) -> Result<Arc<Keys>, Problem> {
    let keys = Keys::parse(&read(path)?);
    keys.map(Arc::new).map_err(|error| {
        Problem::with_help(
            format!("{} is no file of API keys: {error}", path.display()),
            "docs/server.md shows one",
        )
    })
}

pub(crate) fn start_dev(context: &Context<'_>, args: &StartDevArgs) -> Result<Exit, Problem> {
    run(context, args.config(), &args.log)
}

pub(crate) fn test_server(context: &Context<'_>, args: &TestServerArgs) -> Result<Exit, Problem> {
    run(context, args.config(), &args.log)
}

fn run(context: &Context<'_>, config: Config, log: &LogArgs) -> Result<Exit, Problem> {
    start_log(log);
    let runtime = Runtime::new().map_err(|e| Problem::user(format!("no threads: {e}")))?;
    runtime.block_on(until_told(context, config))
}

/// Serves until somebody says that it is enough, or the machines die.
async fn until_told(context: &Context<'_>, config: Config) -> Result<Exit, Problem> {
    let mut told = Told::listen().map_err(|e| Problem::user(format!("no signals: {e}")))?;
    let kept = match &config.persistence {
        Persistence::Memory => "in memory".to_owned(),
        Persistence::Directory(directory) => format!("in {}", directory.display()),
    };
    let skips = match config.time {
        TimeMode::Real => "",
        TimeMode::Skipping { .. } => ", time skips",
    };
    let mut running = steadfast_server::start(config).await.map_err(problem)?;
    let addresses = running.addresses().iter().map(SocketAddr::to_string);
    let addresses = addresses.collect::<Vec<_>>().join(", ");
    context
        .console
        .print(&format!("serving on {addresses}, {kept}{skips}\n"))?;
    if let Some(metrics) = running.metrics() {
        context
            .console
            .print(&format!("metrics on http://{metrics}/metrics\n"))?;
    }
    tokio::select! {
        () = told.wait() => {
            running.stop().await;
            Ok(Exit::Passed)
        }
        () = running.died() => {
            anstream::eprintln!("error: the engine has died; this is a bug of Steadfast");
            Ok(Exit::Bug)
        }
    }
}

fn problem(error: ServeError) -> Problem {
    let help = match &error {
        ServeError::Listen { .. } => "is another server running there? choose another address",
        ServeError::Engine(_) => "nothing has been changed on the disk",
        _ => return Problem::user(error.to_string()),
    };
    Problem::with_help(error.to_string(), help)
}

fn start_log(args: &LogArgs) {
    let level = match args.log_level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Never => LevelFilter::OFF,
    };
    let ours = Targets::new().with_target("steadfast", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry();
    // A process has one log; in tests somebody else may have begun it.
    match args.log_format {
        LogFormat::Text => log.with(lines.with_filter(ours)).try_init(),
        LogFormat::Json => log.with(lines.json().with_filter(ours)).try_init(),
    }
    .unwrap_or_default();
}

/// Somebody who may say that it is enough: Ctrl-C, or whoever started this process.
struct Told {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Told {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) {
        // Without signals there is no way to be told but the end of the process.
        tokio::signal::ctrl_c().await.unwrap_or_default();
    }
}
