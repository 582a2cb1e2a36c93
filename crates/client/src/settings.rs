//! What a client needs to know to connect: the servers, the login, TLS, and which stream to read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A secret that is held in memory or in a file. Its value is never printed; a file is read again at each connect.
#[derive(Clone)]
pub enum Secret {
    /// The value itself (from the environment or the configuration file).
    Value(String),
    /// The file that holds the value. White space around the value is ignored.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => out.write_str("Value(***)"),
            Self::File(path) => write!(out, "File({})", path.display()),
        }
    }
}

/// How the client logs in to the server.
#[derive(Debug, Clone, Default)]
pub enum Authentication {
    /// No login, or the one in the URL (`nats://user:password@host`).
    #[default]
    Anonymous,
    /// User and password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// An NKey seed (`SU…`).
    NkeySeed(Secret),
    /// A credentials file (JWT and seed), as `nsc` writes it.
    Credentials(PathBuf),
}

/// A certificate and its private key, both PEM files.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS of the NATS connection.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Refuse a server that does not offer TLS. `tls://` URLs and the other settings here imply it.
    pub required: bool,
    /// Start TLS before the server's greeting (`handshake_first` on the server).
    pub first: bool,
    /// CA certificates (PEM) that replace the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificate that the client presents (mutual TLS).
    pub client_certificate: Option<ClientCertificate>,
}

/// How to reach NATS and log in.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Server URLs, tried in this order.
    pub urls: Vec<String>,
    /// The login.
    pub authentication: Authentication,
    /// TLS.
    pub tls: TlsSettings,
    /// Prefix of the reply subjects; default `_INBOX`.
    pub inbox_prefix: String,
    /// Time limit for the TCP connect, the TLS handshake and the greeting together. Default 5 s.
    pub connect_timeout: Duration,
}

impl ServerSettings {
    /// Default settings with these servers.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            authentication: Authentication::Anonymous,
            tls: TlsSettings::default(),
            inbox_prefix: "_INBOX".to_owned(),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// The stream to read, and the server that holds it.
#[derive(Debug, Clone)]
pub struct StreamSource {
    /// The server.
    pub server: ServerSettings,
    /// Name of the stream; default `ARANCINI`.
    pub stream: String,
    /// First words of all subjects; default `arancini`.
    pub base: String,
}

impl StreamSource {
    /// Name of the stream where nothing else is set.
    pub const DEFAULT_STREAM: &str = "ARANCINI";
    /// First words of all subjects where nothing else is set.
    pub const DEFAULT_BASE: &str = "arancini";

    /// The default stream on these servers.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            server: ServerSettings::new(urls),
            stream: Self::DEFAULT_STREAM.to_owned(),
            base: Self::DEFAULT_BASE.to_owned(),
        }
    }
}
