//! TLS of the control port: its certificate, its key, and the CA of client certificates, in PEM files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::small_file;

/// The settings that name the files.
const CERT: &str = "control.tls_cert_file";
const KEY: &str = "control.tls_key_file";
const CLIENT_CA: &str = "control.tls_client_ca_file";

/// The files that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the port, with the certificates between it and its CA.
    pub cert: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The CA of the client certificates that are accepted. Without it, clients are not asked for one.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS can't be used with these files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    /// The setting that names the file.
    pub setting: &'static str,
    /// What is wrong, with the name of the file.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} can't be used: {}; {}",
            self.setting, self.problem, self.remedy
        )
    }
}

/// The TLS side of the control port.
pub struct ServerTls {
    files: TlsFiles,
    /// What is in use. Something else once a file has another content.
    used: RwLock<Used>,
}

/// What the files hold.
#[derive(PartialEq, Eq)]
struct Content {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_cas: Option<Vec<CertificateDer<'static>>>,
}

/// The content of the files, and the configuration that was made of it.
struct Used {
    content: Content,
    config: Arc<ServerConfig>,
}

/// The certificates with which a connection was accepted.
#[derive(Debug, Clone)]
pub struct Accepted(Arc<ServerConfig>);

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read or has other content, or the key does not belong to the certificate.
    pub fn of(files: TlsFiles) -> Result<Self, TlsError> {
        let used = RwLock::new(Used::read(&files)?);
        Ok(Self { files, used })
    }

    /// Reads the files again, for connections from now on. The certificates before stay in use if there is an error.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn read_again(&self) -> Result<(), TlsError> {
        let read = Used::read(&self.files)?;
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        if used.content != read.content {
            *used = read;
        }
        Ok(())
    }

    /// Accepts a connection with the present certificates.
    #[must_use]
    pub fn acceptor(&self) -> (TlsAcceptor, Accepted) {
        let config = Arc::clone(&self.used.read().unwrap_or_else(PoisonError::into_inner).config);
        (TlsAcceptor::from(Arc::clone(&config)), Accepted(config))
    }

    /// Whether the certificates are those with which a connection was accepted. Else the CA of its client may be another one since.
    #[must_use]
    pub fn is_present(&self, accepted: &Accepted) -> bool {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&used.config, &accepted.0)
    }
}

impl Used {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let client_ca = files.client_ca.as_deref();
        let client_cas = client_ca.map(|file| read_certificates(CLIENT_CA, file));
        let content = Content {
            chain: read_certificates(CERT, &files.cert)?,
            key: read_key(&files.key)?,
            client_cas: client_cas.transpose()?,
        };
        let config = Arc::new(config_of(&content, files)?);
        Ok(Self { content, config })
    }
}

/// The configuration of this content. Errors name the files that it was read from.
fn config_of(content: &Content, files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(CERT, &files.cert, &error))?;
    let builder = match content.client_cas.iter().zip(&files.client_ca).next() {
        None => builder.with_no_client_auth(),
        Some((certificates, file)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(|error| wrong(CLIENT_CA, file, &error))?;
            }
            // Probes and Prometheus have no certificate.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|error| wrong(CLIENT_CA, file, &error))?)
        }
    };
    let mut config = builder
        .with_single_cert(content.chain.clone(), content.key.clone_key())
        .map_err(|error| wrong(CERT, &files.cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Reads the private key in a PEM file.
fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let no_key = |error: &dyn fmt::Display| TlsError {
        setting: KEY,
        problem: format!("{} has no private key that can be read: {error}", file.display()),
        remedy: "name a PEM file with the key, without a password, which the user of the collector may read",
    };
    let pem = small_file::read(file).map_err(|error| no_key(&error))?;
    if is_encrypted(&pem) {
        return Err(no_key(&"it is encrypted with a password"));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| no_key(&error))
}

/// Whether a PEM file has a private key with a password: in PKCS #8, or in the older form with a header.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |text: &[u8]| pem.windows(text.len()).any(|part| part == text);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

/// Reads the certificates in a PEM file.
///
/// # Errors
/// The file can't be read, or has no certificate.
pub fn read_certificates(
    setting: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let remedy = "name a PEM file with certificates, which the user of the collector may read";
    let unreadable = |error: &dyn fmt::Display| TlsError {
        setting,
        problem: format!("{} has no certificate that can be read: {error}", file.display()),
        remedy,
    };
    let pem = small_file::read(file).map_err(|error| unreadable(&error))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unreadable(&error))?;
    if certificates.is_empty() {
        return Err(unreadable(&"there is no CERTIFICATE section"));
    }
    Ok(certificates)
}

fn wrong(setting: &'static str, file: &Path, error: &dyn fmt::Display) -> TlsError {
    if error.to_string().contains("UnsupportedCertVersion") {
        return TlsError {
            setting,
            problem: format!("{} has a certificate of X.509 version 1", file.display()),
            remedy: "make one of version 3, which has extensions: docs/api.md has the commands",
        };
    }
    TlsError {
        setting,
        problem: format!("{}: {error}", file.display()),
        remedy: "check that the files belong together: openssl x509 -in FILE -text shows a certificate",
    }
}
