//! TLS of the client: which certificate of the control port it trusts, and its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arancini_collector::tls::read_certificates;
use rustls_native_certs::load_native_certs;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Which certificates of the control port are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those of the CAs that this host trusts.
    Host,
    /// Those of the CA in this file.
    Ca(PathBuf),
    /// Only the one in this file: the configuration of the collector names it.
    Only(PathBuf),
}

/// The certificate of the client, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnCertificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// How a connection is made with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub trust: Trust,
    pub own: Option<OwnCertificate>,
}

impl Tls {
    /// Begins TLS on a connection to this host.
    pub async fn connect(&self, stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|error| format!("{host} is no name of a certificate: {error}"))?;
        let connector = TlsConnector::from(Arc::new(self.config()?));
        let stream = connector.connect(name, stream).await;
        stream.map_err(|error| format!("the TLS handshake failed: {error}; {}", self.remedy()))
    }

    fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.trust {
            Trust::Host => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(load_native_certs().certs);
                builder.with_root_certificates(roots)
            }
            Trust::Ca(file) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates("--ca-file", file)?);
                builder.with_root_certificates(roots)
            }
            Trust::Only(file) => {
                let mut certificates = certificates("control.tls_cert_file", file)?;
                let only = OnlyCertificate {
                    certificate: certificates.swap_remove(0),
                    provider,
                };
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(only))
            }
        };
        let Some(own) = &self.own else {
            return Ok(builder.with_no_client_auth());
        };
        let key = PrivateKeyDer::from_pem_file(&own.key)
            .map_err(|error| format!("--key-file {}: {error}; name a PEM file", own.key.display()))?;
        builder
            .with_client_auth_cert(certificates("--cert-file", &own.cert)?, key)
            .map_err(|error| format!("--cert-file {}: {error}", own.cert.display()))
    }

    const fn remedy(&self) -> &'static str {
        match self.trust {
            Trust::Host => {
                "name the CA of its certificate with --ca-file, and its host as in the certificate"
            }
            Trust::Ca(_) => "check that the certificate is of the CA in --ca-file and for this host",
            Trust::Only(_) => {
                "the collector has another certificate than control.tls_cert_file: send it SIGHUP, or name it with --control"
            }
        }
    }
}

fn certificates(setting: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    read_certificates(setting, file).map_err(|error| error.to_string())
}

/// Accepts exactly one certificate, for any name: the collector of this host is asked at its address.
#[derive(Debug)]
struct OnlyCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnlyCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *certificate == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General(
                "the certificate is not the configured one".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
