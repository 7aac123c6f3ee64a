//! What every verb takes: whom to connect to, and how to print. Names and meanings are those of Temporal's own command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ColorChoice, ValueEnum};
use prost_types::Timestamp;
use steadfast_client::{Flags, Pem, Secret, Settings, SettingsError, Source};
use steadfast_proto::json;

/// What every verb takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoteArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Give up after so long
    #[arg(long, global = true, value_name = "TIME", value_parser = span)]
    pub(crate) command_timeout: Option<Duration>,
}

/// Whom to connect to. What is not given comes from `TEMPORAL_*` variables, then from `temporal.toml`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectArgs {
    /// The server [default: localhost:7233]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// The namespace [default: default]
    #[arg(long, short, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Show this key with each call
    #[arg(long, global = true, value_name = "KEY", hide_short_help = true)]
    api_key: Option<String>,
    /// Speak TLS; implied by a key and by certificates
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_short_help = true)]
    tls: Option<bool>,
    /// The client's certificate, a PEM file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tls_cert_path: Option<PathBuf>,
    /// The client's certificate, PEM
    #[arg(long, global = true, value_name = "PEM", hide_short_help = true)]
    tls_cert_data: Option<String>,
    /// The client's key, a PEM file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tls_key_path: Option<PathBuf>,
    /// The client's key, PEM
    #[arg(long, global = true, value_name = "PEM", hide_short_help = true)]
    tls_key_data: Option<String>,
    /// Who vouches for the server, a PEM file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tls_ca_path: Option<PathBuf>,
    /// Who vouches for the server, PEM
    #[arg(long, global = true, value_name = "PEM", hide_short_help = true)]
    tls_ca_data: Option<String>,
    /// The name that the server's certificate must have
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    tls_server_name: Option<String>,
    /// Believe whatever certificate the server shows
    #[arg(long, global = true, hide_short_help = true)]
    tls_disable_host_verification: bool,
    /// Ask this server to read payloads, {namespace} is replaced
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    codec_endpoint: Option<String>,
    /// The Authorization header that the codec server is shown
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    codec_auth: Option<String>,
    /// A header for the codec server; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair, hide_short_help = true)]
    codec_header: Vec<(String, String)>,
    /// A header of each call; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair, hide_short_help = true)]
    grpc_meta: Vec<(String, String)>,
    /// The :authority of calls [default: the address]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    client_authority: Option<String>,
    /// Who asks, as histories show it [default: steadfast:USER@HOST]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    identity: Option<String>,
    /// The configuration file [default: $TEMPORAL_CONFIG_FILE, or temporalio/temporal.toml of the user]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    config_file: Option<PathBuf>,
    /// The profile in it [default: $TEMPORAL_PROFILE, or default]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    profile: Option<String>,
    /// Read no configuration file
    #[arg(long, global = true, hide_short_help = true)]
    disable_config_file: bool,
    /// Read no TEMPORAL_* variables
    #[arg(long, global = true, hide_short_help = true)]
    disable_config_env: bool,
    /// How long connecting may take [default: 5s]
    #[arg(long, global = true, value_name = "TIME", value_parser = span, hide_short_help = true)]
    client_connect_timeout: Option<Duration>,
}

impl ConnectArgs {
    /// What these and everything that is written elsewhere come to.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let source = Source {
            file: self.config_file.clone(),
            profile: self.profile.clone(),
            without_file: self.disable_config_file,
            without_environment: self.disable_config_env,
        };
        let flags = Flags {
            address: self.address.clone(),
            namespace: self.namespace.clone(),
            api_key: self.api_key.clone().map(Secret::new),
            authority: self.client_authority.clone(),
            headers: self.grpc_meta.clone(),
            tls: self.tls,
            tls_cert: pem(self.tls_cert_path.as_ref(), self.tls_cert_data.as_ref()),
            tls_key: pem(self.tls_key_path.as_ref(), self.tls_key_data.as_ref()),
            tls_ca: pem(self.tls_ca_path.as_ref(), self.tls_ca_data.as_ref()),
            tls_server_name: self.tls_server_name.clone(),
            tls_trust_anybody: self.tls_disable_host_verification,
            codec_endpoint: self.codec_endpoint.clone(),
            codec_auth: self.codec_auth.clone().map(Secret::new),
            codec_headers: self.codec_header.clone(),
            identity: self.identity.clone(),
            connect_timeout: self.client_connect_timeout,
        };
        Settings::load(&source, &flags)
    }
}

fn pem(path: Option<&PathBuf>, data: Option<&String>) -> Option<Pem> {
    let text = data.map(|text| Pem::Text(Secret::new(text.clone())));
    path.map(|path| Pem::File(path.clone())).or(text)
}

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON, indented; lists are arrays.
    Json,
    /// JSON, one document a line.
    Jsonl,
    /// Nothing but errors.
    None,
}

/// How times look in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeFormat {
    /// As `3 minutes ago`.
    #[default]
    Relative,
    /// As `2026-01-02T03:04:05Z`.
    Iso,
    /// The same, with fractions.
    Raw,
}

/// How to print.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// What is printed
    #[arg(
        long,
        short,
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) output: Format,
    /// How times look in text
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "relative",
        hide_short_help = true
    )]
    pub(crate) time_format: TimeFormat,
    /// Whether to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_short_help = true
    )]
    pub(crate) color: ColorChoice,
    /// In JSON, show payloads as they are on the wire
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) no_json_shorthand_payloads: bool,
}

/// `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A span of time as Go writes it, and with days: `1h30m`, `1.5h`, `3d`, `0`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
    ];
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || format!("{text:?} is no span of time; write for example 90s, 1h30m or 3d");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(digits.ok_or_else(wrong)?);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    let fits = !text.is_empty() && i64::try_from(total.as_nanos()).is_ok();
    fits.then_some(total).ok_or_else(wrong)
}

/// A time as RFC 3339 writes it.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    json::from_json(&serde_json::Value::from(text).to_string())
        .map_err(|_| "expected a time such as 2026-01-02T03:04:05Z".to_owned())
}

/// One of several names, each of which stands for a value.
pub(crate) fn choices<T>(
    table: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> + use<T>
where
    T: Copy + Send + Sync + 'static,
{
    let names = PossibleValuesParser::new(table.iter().map(|(name, _)| *name));
    names.map(move |chosen: String| {
        let found = table
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&chosen));
        found.expect("clap lets no other name pass").1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_go_writes_them() {
        for (text, seconds) in [
            ("0", 0.0),
            ("90s", 90.0),
            ("1h30m", 5_400.0),
            ("1.5h", 5_400.0),
            ("3d", 259_200.0),
            ("1d2h", 93_600.0),
            ("100ms", 0.1),
        ] {
            assert_eq!(span(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "1x",
            "1h-3m",
            "1..5s",
            "999999999999h",
            "NaNs",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(
            moment("1970-01-01T01:00:05+01:00").map(|t| t.seconds),
            Ok(5)
        );
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "\"", "2026-01-01"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
