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
    /// The certificates in use. Others after the content of a file has changed.
    used: RwLock<Used>,
}

/// Certificates in use, and the content of the files that they were read from.
struct Used {
    content: Vec<Vec<u8>>,
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
        let used = RwLock::new(Used {
            content: content_of(&files),
            config: Arc::new(read(&files)?),
        });
        Ok(Self { files, used })
    }

    /// Reads the files again, for connections from now on. The certificates before stay in use if there is an error.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn read_again(&self) -> Result<(), TlsError> {
        let content = content_of(&self.files);
        let config = Arc::new(read(&self.files)?);
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        if used.content != content {
            *used = Used { content, config };
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

/// The content of the files. A file that can't be read is empty here; reading the certificates says why.
fn content_of(files: &TlsFiles) -> Vec<Vec<u8>> {
    let all = [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
    let read = |file: &PathBuf| small_file::read(file).unwrap_or_default();
    all.into_iter().flatten().map(read).collect()
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = read_certificates(CERT, &files.cert)?;
    let no_key = |error: &dyn fmt::Display| TlsError {
        setting: KEY,
        problem: format!(
            "{} has no private key that can be read: {error}",
            files.key.display()
        ),
        remedy: "name a PEM file with the key, without a password, which the user of the collector may read",
    };
    let key = small_file::read(&files.key).map_err(|error| no_key(&error))?;
    if is_encrypted(&key) {
        return Err(no_key(&"it is encrypted with a password"));
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| no_key(&error))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(CERT, &files.cert, &error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_certificates(CLIENT_CA, file)? {
                roots
                    .add(certificate)
                    .map_err(|error| wrong(CLIENT_CA, file, &error))?;
            }
            // Probes and Prometheus have no certificate.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|error| wrong(CLIENT_CA, file, &error))?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| wrong(CERT, &files.cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
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
