//! Where settings are written: flags win over the environment, and that over the configuration file.
//!
//! Files and variables are read by Temporal's own `envconfig`, so that what is written for its command line and its
//! SDKs means the same here.
// temporal: cli cliext/client.go, flags override the profile only where they were given; the old TEMPORAL_TLS_CERT, _KEY
// and _CA (each with _DATA) override both the file and the newer variables.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

use temporalio_common::envconfig::{
    ClientConfigProfile, ClientConfigTLS, DataSource, LoadClientConfigProfileOptions,
    load_client_config_profile,
};

use crate::{
    error::SettingsError,
    settings::{CodecSettings, Pem, Secret, Settings, TlsSettings},
};

/// Where settings are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The configuration file, if it is not the one that the environment names or the usual one.
    pub file: Option<PathBuf>,
    /// The profile in it, if it is not the one that the environment names or `default`.
    pub profile: Option<String>,
    /// Read no file.
    pub without_file: bool,
    /// Read no variables.
    pub without_environment: bool,
}

/// What was said on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `HOST:PORT`.
    pub address: Option<String>,
    /// See [`Settings::namespace`].
    pub namespace: Option<String>,
    /// See [`Settings::api_key`].
    pub api_key: Option<Secret>,
    /// See [`Settings::authority`].
    pub authority: Option<String>,
    /// See [`Settings::headers`].
    pub headers: Vec<(String, String)>,
    /// Whether to speak TLS, if that was said.
    pub tls: Option<bool>,
    /// See [`TlsSettings::client_cert`].
    pub tls_cert: Option<Pem>,
    /// See [`TlsSettings::client_key`].
    pub tls_key: Option<Pem>,
    /// See [`TlsSettings::server_ca`].
    pub tls_ca: Option<Pem>,
    /// See [`TlsSettings::server_name`].
    pub tls_server_name: Option<String>,
    /// See [`TlsSettings::trust_anybody`].
    pub tls_trust_anybody: bool,
    /// See [`CodecSettings::endpoint`].
    pub codec_endpoint: Option<String>,
    /// See [`CodecSettings::auth`].
    pub codec_auth: Option<Secret>,
    /// See [`CodecSettings::headers`].
    pub codec_headers: Vec<(String, String)>,
    /// See [`Settings::identity`].
    pub identity: Option<String>,
    /// See [`Settings::connect_timeout`].
    pub connect_timeout: Option<Duration>,
}

/// The variables of a process.
type Environment = HashMap<String, String>;

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// If a file or variable does not say what can be understood. Certificates are only looked at when connecting.
    pub fn load(source: &Source, flags: &Flags) -> Result<Self, SettingsError> {
        // Only what can be read as text: nothing else names anything of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::load_from(source, flags, &environment)
    }

    fn load_from(
        source: &Source,
        flags: &Flags,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let profile = profile(source, environment)?;
        let usual = Self::default();
        let namespace = flags.namespace.clone().or_else(|| said(profile.namespace));
        let namespace = namespace.unwrap_or(usual.namespace);
        let address = flags.address.clone().or_else(|| said(profile.address));
        let address = address.unwrap_or(usual.address);
        let api_key = said(profile.api_key).map(Secret::new);
        let api_key = flags.api_key.clone().or(api_key);
        let mut headers: BTreeMap<_, _> = profile.grpc_meta.into_iter().collect();
        headers.extend(flags.headers.iter().cloned());
        let tls = tls(profile.tls, flags, api_key.is_some());
        let codec = codec(profile.codec, flags);
        Ok(Self {
            address: address.replace("${namespace}", &namespace),
            namespace,
            api_key,
            authority: flags.authority.clone(),
            headers,
            tls,
            codec,
            identity: flags.identity.clone().unwrap_or(usual.identity),
            connect_timeout: flags.connect_timeout.unwrap_or(usual.connect_timeout),
            call_timeout: usual.call_timeout,
        })
    }
}

fn profile(
    source: &Source,
    environment: &Environment,
) -> Result<ClientConfigProfile, SettingsError> {
    let mut profile = match (source.without_file, source.without_environment) {
        (true, true) => ClientConfigProfile::default(),
        (without_file, without_environment) => {
            if let Some(file) = source.file.as_ref().filter(|file| !file.exists()) {
                return Err(SettingsError::NoFile(file.clone()));
            }
            let file = source.file.as_ref();
            let file = file.map(|file| DataSource::Path(file.to_string_lossy().into_owned()));
            let options = LoadClientConfigProfileOptions::builder()
                .maybe_config_source(file)
                .maybe_config_file_profile(source.profile.clone())
                .disable_file(without_file)
                .disable_env(without_environment)
                .build();
            load_client_config_profile(options, Some(environment))?
        }
    };
    if !source.without_environment {
        old_variables(&mut profile, environment);
    }
    Ok(profile)
}

/// The names that these variables had once.
fn old_variables(profile: &mut ClientConfigProfile, environment: &Environment) {
    let named = |name: &str| {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let path = variable(name).map(|path| DataSource::Path(path.clone()));
        let data = variable(&format!("{name}_DATA"));
        path.or_else(|| data.map(|data| DataSource::Data(data.clone().into_bytes())))
    };
    let (cert, key, ca) = (
        named("TEMPORAL_TLS_CERT"),
        named("TEMPORAL_TLS_KEY"),
        named("TEMPORAL_TLS_CA"),
    );
    if cert.is_none() && key.is_none() && ca.is_none() {
        return;
    }
    let tls = profile.tls.get_or_insert_default();
    for (slot, found) in [
        (&mut tls.client_cert, cert),
        (&mut tls.client_key, key),
        (&mut tls.server_ca_cert, ca),
    ] {
        if found.is_some() {
            *slot = found;
        }
    }
}

/// Whether to speak TLS, and how: if it is asked for, or if there is anything that only TLS should carry.
fn tls(profile: Option<ClientConfigTLS>, flags: &Flags, api_key: bool) -> Option<TlsSettings> {
    let given = flags.tls_cert.is_some() || flags.tls_key.is_some() || flags.tls_ca.is_some();
    let disabled = profile.as_ref().and_then(|tls| tls.disabled);
    let wanted = match flags.tls {
        Some(wanted) => wanted,
        None if given => true,
        None => !disabled.unwrap_or_else(|| profile.is_none() && !api_key),
    };
    if !wanted {
        return None;
    }
    let profile = profile.unwrap_or_default();
    Some(TlsSettings {
        server_ca: flags
            .tls_ca
            .clone()
            .or_else(|| profile.server_ca_cert.map(pem)),
        client_cert: flags
            .tls_cert
            .clone()
            .or_else(|| profile.client_cert.map(pem)),
        client_key: flags
            .tls_key
            .clone()
            .or_else(|| profile.client_key.map(pem)),
        server_name: flags
            .tls_server_name
            .clone()
            .or_else(|| said(profile.server_name)),
        trust_anybody: flags.tls_trust_anybody || profile.disable_host_verification,
    })
}

fn codec(
    profile: Option<temporalio_common::envconfig::ClientConfigCodec>,
    flags: &Flags,
) -> Option<CodecSettings> {
    let (endpoint, auth) = profile.map_or((None, None), |codec| (codec.endpoint, codec.auth));
    let endpoint = flags.codec_endpoint.clone().or_else(|| said(endpoint))?;
    let auth = said(auth).map(Secret::new);
    Some(CodecSettings {
        endpoint,
        auth: flags.codec_auth.clone().or(auth),
        headers: flags.codec_headers.iter().cloned().collect(),
    })
}

fn pem(source: DataSource) -> Pem {
    match source {
        DataSource::Path(path) => Pem::File(path.into()),
        DataSource::Data(data) => Pem::Text(Secret::new(String::from_utf8_lossy(&data))),
        // The enum may grow: what we do not know we cannot use, and say so when it is empty.
        _ => Pem::Text(Secret::new("")),
    }
}

/// Nothing said is said with an empty text, too.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const FILE: &str = r#"
        [profile.default]
        address = "file:1"
        namespace = "from-file"
        [profile.default.grpc_meta]
        some_header = "file"
        [profile.cloud]
        address = "${namespace}.example:7233"
        namespace = "shop.x1"
        api_key = "secret"
        [profile.mtls]
        [profile.mtls.tls]
        client_cert_path = "cert.pem"
        client_key_path = "key.pem"
        server_name = "temporal"
        [profile.codec.codec]
        endpoint = "http://localhost:8888/{namespace}"
        auth = "Bearer x"
    "#;

    fn load(profile: &str, flags: &Flags, environment: &[(&str, &str)]) -> Settings {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(FILE.as_bytes()).unwrap();
        let source = Source {
            file: Some(file.path().to_owned()),
            profile: (!profile.is_empty()).then(|| profile.to_owned()),
            ..Source::default()
        };
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load_from(&source, flags, &environment.collect()).unwrap()
    }

    #[test]
    fn without_anything_it_is_a_server_on_this_machine() {
        let source = Source {
            without_file: true,
            ..Source::default()
        };
        let settings =
            Settings::load_from(&source, &Flags::default(), &Environment::new()).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.address, "localhost:7233");
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let environment = [
            ("TEMPORAL_ADDRESS", "env:2"),
            ("TEMPORAL_GRPC_META_SOME_HEADER", "env"),
        ];
        let settings = load("", &Flags::default(), &[]);
        assert_eq!(
            (settings.address.as_str(), settings.namespace.as_str()),
            ("file:1", "from-file")
        );
        assert_eq!(settings.headers["some-header"], "file");
        let settings = load("", &Flags::default(), &environment);
        assert_eq!(
            (settings.address.as_str(), settings.namespace.as_str()),
            ("env:2", "from-file")
        );
        assert_eq!(settings.headers["some-header"], "env");
        let flags = Flags {
            address: Some("flag:3".to_owned()),
            ..Flags::default()
        };
        assert_eq!(load("", &flags, &environment).address, "flag:3");
    }

    #[test]
    fn an_api_key_turns_tls_on_unless_it_is_turned_off() {
        let settings = load("cloud", &Flags::default(), &[]);
        assert_eq!(settings.address, "shop.x1.example:7233");
        assert_eq!(settings.tls, Some(TlsSettings::default()));
        assert_eq!(settings.api_key.as_ref().unwrap().reveal(), "secret");
        let off = Flags {
            tls: Some(false),
            ..Flags::default()
        };
        assert_eq!(load("cloud", &off, &[]).tls, None);
        assert_eq!(
            load("cloud", &Flags::default(), &[("TEMPORAL_TLS", "false")]).tls,
            None
        );
        let on = Flags {
            tls: Some(true),
            ..Flags::default()
        };
        assert_eq!(load("", &on, &[]).tls, Some(TlsSettings::default()));
        assert_eq!(load("", &Flags::default(), &[]).tls, None);
    }

    #[test]
    fn certificates_come_from_the_profile_and_from_variables_old_and_new() {
        let tls = load("mtls", &Flags::default(), &[]).tls.unwrap();
        assert_eq!(tls.client_cert, Some(Pem::File("cert.pem".into())));
        assert_eq!(tls.server_name.as_deref(), Some("temporal"));
        let environment = [
            ("TEMPORAL_TLS_KEY", "old.pem"),
            ("TEMPORAL_TLS_CA_DATA", "text"),
        ];
        let tls = load("mtls", &Flags::default(), &environment).tls.unwrap();
        assert_eq!(tls.client_cert, Some(Pem::File("cert.pem".into())));
        assert_eq!(tls.client_key, Some(Pem::File("old.pem".into())));
        assert_eq!(tls.server_ca, Some(Pem::Text(Secret::new("text"))));
        let new = [("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "ca.pem")];
        let tls = load("", &Flags::default(), &new).tls.unwrap();
        assert_eq!(tls.server_ca, Some(Pem::File("ca.pem".into())));
    }

    #[test]
    fn codec_servers_come_from_the_profile_and_flags() {
        let codec = load("codec", &Flags::default(), &[]).codec.unwrap();
        assert_eq!(codec.endpoint, "http://localhost:8888/{namespace}");
        assert_eq!(codec.auth.unwrap().reveal(), "Bearer x");
        assert_eq!(load("", &Flags::default(), &[]).codec, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |source: Source, environment: &[(&str, &str)]| {
            let environment = environment
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let loaded = Settings::load_from(&source, &Flags::default(), &environment.collect());
            loaded.unwrap_err().to_string()
        };
        let missing = Source {
            file: Some("/nowhere/temporal.toml".into()),
            ..Source::default()
        };
        assert_eq!(
            wrong(missing, &[]),
            "there is no configuration file /nowhere/temporal.toml"
        );
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[profile.default]\naddress = 7\n").unwrap();
        let bad = Source {
            file: Some(file.path().to_owned()),
            ..Source::default()
        };
        assert!(wrong(bad.clone(), &[]).contains("line 2"));
        file.as_file_mut().set_len(0).unwrap();
        let unknown = Source {
            profile: Some("production".to_owned()),
            ..bad
        };
        assert!(wrong(unknown, &[]).contains("production"));
    }
}
