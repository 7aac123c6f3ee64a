//! Certificates: whom we believe, and who we are.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{
    error::SettingsError,
    settings::{Pem, TlsSettings},
};

const CA: &str = "server CA certificate";
const CERT: &str = "client certificate";
const KEY: &str = "client key";

/// The configuration of a TLS client.
pub(crate) fn client(settings: &TlsSettings) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(CA, &error))?;
    let trusting = match &settings.server_ca {
        _ if settings.trust_anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        Some(ca) => builder.with_root_certificates(roots(ca)?),
        None => builder
            .with_native_roots()
            .map_err(|error| unusable(CA, &error))?,
    };
    match (&settings.client_cert, &settings.client_key) {
        (None, None) => Ok(trusting.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(&read(KEY, key)?)
                .map_err(|error| unusable(KEY, &error))?;
            trusting
                .with_client_auth_cert(certificates(CERT, cert)?, key)
                .map_err(|error| unusable(CERT, &error))
        }
        (Some(_), None) => Err(unusable(CERT, &"its key is missing")),
        (None, Some(_)) => Err(unusable(KEY, &"its certificate is missing")),
    }
}

fn roots(ca: &Pem) -> Result<RootCertStore, SettingsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA, ca)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(CA, &error))?;
    }
    Ok(roots)
}

fn certificates(
    what: &'static str,
    pem: &Pem,
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let text = read(what, pem)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| unusable(what, &error))?;
    if certificates.is_empty() {
        return Err(unusable(what, &"there is no certificate in it"));
    }
    Ok(certificates)
}

fn read(what: &'static str, pem: &Pem) -> Result<Vec<u8>, SettingsError> {
    match pem {
        Pem::Text(text) => Ok(text.reveal().as_bytes().to_vec()),
        Pem::File(path) => std::fs::read(path).map_err(|source| SettingsError::CertificateFile {
            what,
            path: path.clone(),
            source,
        }),
    }
}

fn unusable(what: &'static str, why: &impl ToString) -> SettingsError {
    SettingsError::Certificate {
        what,
        why: why.to_string(),
    }
}

/// Believes that everybody is who they say, as `--tls-disable-host-verification` asks; they must still have the key of the
/// certificate that they show.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
