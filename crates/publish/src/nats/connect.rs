//! One connection to NATS, used until it breaks and never again.
//!
//! async-nats would reconnect by itself and then send what is still queued in it, before the window can say what comes
//! first: reordered messages. So each client may authenticate once; its own attempts to reconnect fail before a
//! byte of the queue goes out, and its task ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_nats::{
    Auth, AuthError, Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr,
};
use tokio::sync::mpsc;

use crate::settings::{Authentication, NatsSettings, Secret};
use crate::status::{Reason, Trouble};

/// A live connection and what it tells.
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Disconnects and errors of the server.
    pub events: mpsc::UnboundedReceiver<Event>,
}

/// A URL without its password or token, for logs.
pub fn masked(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match (scheme, rest.contains('@')) {
        ("", false) => host.to_owned(),
        ("", true) => format!("***@{host}"),
        (_, false) => format!("{scheme}://{host}"),
        (_, true) => format!("{scheme}://***@{host}"),
    }
}

/// Connects to the first server that takes us. `name` is shown by the server's monitoring.
pub async fn connect(settings: &NatsSettings, name: &str) -> Result<Connection, Trouble> {
    let mut last = None;
    for url in &settings.urls {
        match connect_to(settings, url, name).await {
            Ok(connection) => return Ok(connection),
            Err(trouble) => last = Some(trouble),
        }
    }
    Err(last.unwrap_or_else(|| {
        Trouble::new(
            Reason::Unreachable,
            "no NATS server is configured",
            "set nats.urls",
        )
    }))
}

async fn connect_to(settings: &NatsSettings, url: &str, name: &str) -> Result<Connection, Trouble> {
    let address: ServerAddr = url.parse().map_err(|_| {
        let cause = format!("{} is no server URL", masked(url));
        Trouble::new(Reason::Unreachable, cause, "write nats://HOST:PORT")
    })?;
    let credentials = Arc::new(Credentials::load(&settings.authentication, &address)?);
    let used = Arc::new(AtomicBool::new(false));
    let (told, events) = mpsc::unbounded_channel();
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let answer = if used.swap(true, Relaxed) {
            Err(AuthError::new("this client connects only once"))
        } else {
            credentials.answer(&nonce)
        };
        std::future::ready(answer)
    })
    .event_callback(move |event| {
        let _ = told.send(event);
        std::future::ready(())
    })
    .name(name)
    .custom_inbox_prefix(&settings.inbox_prefix)
    .connection_timeout(settings.connect_timeout)
    .request_timeout(Some(settings.connect_timeout))
    .ignore_discovered_servers()
    .max_reconnects(1)
    // Each publish would walk its subject again; ours are made by the collector.
    .skip_subject_validation(true)
    .require_tls(settings.tls.required);
    if settings.tls.first {
        options = options.tls_first();
    }
    if let Some(ca) = &settings.tls.ca_file {
        readable(ca, "the CA file")?;
        options = options.add_root_certificates(ca.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &settings.tls.client_certificate {
        readable(certificate, "the client certificate")?;
        readable(key, "the key of the client certificate")?;
        options = options
            .add_client_certificate(certificate.clone(), key.clone())
            .require_tls(true);
    }
    let client = options
        .connect(address)
        .await
        .map_err(|error| explain(settings, url, &error))?;
    Ok(Connection { client, events })
}

fn readable(path: &Path, what: &str) -> Result<(), Trouble> {
    std::fs::File::open(path)
        .map(|_| ())
        .map_err(|error| unreadable(path, what, &error))
}

fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Trouble {
    let cause = format!("can't read {what} {}: {error}", path.display());
    Trouble::new(
        Reason::Authentication,
        cause,
        "check the path and its permissions",
    )
}

/// What the server gets to see, loaded. Not `Debug`: it holds secrets.
enum Credentials {
    Anonymous,
    UserPassword { user: String, password: String },
    Token(String),
    Nkey(nkeys::KeyPair),
    Jwt { jwt: String, key: nkeys::KeyPair },
}

impl Credentials {
    fn load(authentication: &Authentication, address: &ServerAddr) -> Result<Self, Trouble> {
        Ok(match authentication {
            Authentication::Anonymous => match (address.username(), address.password()) {
                (Some(user), Some(password)) => Self::UserPassword {
                    user: user.to_owned(),
                    password: password.to_owned(),
                },
                (Some(token), None) if !token.is_empty() => Self::Token(token.to_owned()),
                _ => Self::Anonymous,
            },
            Authentication::UserPassword { user, password } => Self::UserPassword {
                user: user.clone(),
                password: read(password, "the password file")?,
            },
            Authentication::Token(token) => Self::Token(read(token, "the token file")?),
            Authentication::NkeySeed(seed) => {
                Self::Nkey(key_of(&read(seed, "the NKey seed file")?, "the NKey seed")?)
            }
            Authentication::Credentials(path) => {
                let content = read(&Secret::File(path.clone()), "the credentials file")?;
                let mut blocks = decorated_blocks(&content);
                let (Some(jwt), Some(seed)) = (blocks.next(), blocks.next()) else {
                    let cause = format!(
                        "{} is no credentials file: it needs a JWT and a seed",
                        path.display()
                    );
                    let remedy = "make one with `nsc generate creds`";
                    return Err(Trouble::new(Reason::Authentication, cause, remedy));
                };
                Self::Jwt {
                    jwt: jwt.to_owned(),
                    key: key_of(seed, "the seed in the credentials file")?,
                }
            }
        })
    }

    fn answer(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        let sign = |key: &nkeys::KeyPair| key.sign(nonce).map_err(AuthError::new);
        match self {
            Self::Anonymous => {}
            Self::UserPassword { user, password } => {
                auth.username = Some(user.clone());
                auth.password = Some(password.clone());
            }
            Self::Token(token) => auth.token = Some(token.clone()),
            Self::Nkey(key) => {
                auth.nkey = Some(key.public_key());
                auth.signature = Some(sign(key)?);
            }
            Self::Jwt { jwt, key } => {
                auth.jwt = Some(jwt.clone());
                auth.signature = Some(sign(key)?);
            }
        }
        Ok(auth)
    }
}

fn read(secret: &Secret, what: &str) -> Result<String, Trouble> {
    match secret {
        Secret::Value(value) => Ok(value.clone()),
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|content| content.trim().to_owned())
            .map_err(|error| unreadable(path, what, &error)),
    }
}

fn key_of(seed: &str, what: &str) -> Result<nkeys::KeyPair, Trouble> {
    nkeys::KeyPair::from_seed(seed.trim()).map_err(|error| {
        let cause = format!("{what} is damaged: {error}");
        Trouble::new(
            Reason::Authentication,
            cause,
            "a user's seed begins with SU; make one with `nk -gen user`",
        )
    })
}

/// The lines between `-----BEGIN …-----` and `------END …------`.
fn decorated_blocks(content: &str) -> impl Iterator<Item = &str> {
    content.split("-----BEGIN").skip(1).filter_map(|block| {
        let body = block
            .lines()
            .skip(1)
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        (!body.starts_with('-')).then_some(body)
    })
}

/// Turns what async-nats says into cause and remedy. Its `Io` errors hide most of TLS.
fn explain(settings: &NatsSettings, url: &str, error: &ConnectError) -> Trouble {
    let server = masked(url);
    let text = chain(error);
    let has = |part: &str| text.to_ascii_lowercase().contains(part);
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Trouble::new(
            Reason::Authentication,
            format!("{server} refuses the credentials (authorization violation)"),
            "check user, password, token, NKey seed or credentials file against the server's accounts",
        ),
        ConnectErrorKind::Dns => Trouble::new(
            Reason::Unreachable,
            format!("the name in {server} does not resolve: {text}"),
            "check the host name and the resolver",
        ),
        _ if has("unknownissuer") || has("unknown issuer") => Trouble::new(
            Reason::Tls,
            format!("the certificate of {server} is signed by a CA that is not trusted"),
            "give the CA's certificate with nats.tls_ca_file",
        ),
        _ if has("certificaterequired") || has("certificate required") || has("certificate_required") => {
            Trouble::new(
                Reason::Tls,
                format!("{server} wants a client certificate"),
                "give nats.tls_cert_file and nats.tls_key_file",
            )
        }
        _ if has("notvalidforname") || has("not valid for name") => Trouble::new(
            Reason::Tls,
            format!("the certificate of {server} is for another name: {text}"),
            "use the name that is in the certificate",
        ),
        _ if has("expired") || has("notvalidyet") => Trouble::new(
            Reason::Tls,
            format!("the certificate of {server} is not valid now: {text}"),
            "renew it, or set the clock",
        ),
        _ if settings.tls.first && (has("invalid message") || has("invalidmessage") || has("corrupt")) => {
            Trouble::new(
                Reason::Tls,
                format!("{server} does not begin with TLS"),
                "set nats.tls_first = false or handshake_first on the server",
            )
        }
        ConnectErrorKind::TimedOut if uses_tls(settings, url) && !settings.tls.first => Trouble::new(
            Reason::Tls,
            format!("{server} takes the connection and says nothing"),
            "if the server has handshake_first, set nats.tls_first = true; else look at the server's load",
        ),
        ConnectErrorKind::TimedOut => Trouble::new(
            Reason::Unreachable,
            format!("{server} does not answer in time"),
            "check that the server runs and that no firewall drops the way to it; a TLS-first server needs \
             nats.tls_first = true",
        ),
        _ if has("connection refused") => Trouble::new(
            Reason::Unreachable,
            format!("{server} refuses connections"),
            "start nats-server there, or correct nats.urls",
        ),
        ConnectErrorKind::Tls => Trouble::new(
            Reason::Tls,
            format!("TLS with {server} fails: {text}"),
            "check nats.tls_ca_file, tls_cert_file and tls_key_file",
        ),
        _ if has("tls") || has("alert") || has("certificate") => Trouble::new(
            Reason::Tls,
            format!("TLS with {server} fails: {text}"),
            "check that both sides agree on TLS, TLS-first and certificates",
        ),
        _ => Trouble::new(
            Reason::Unreachable,
            format!("can't connect to {server}: {text}"),
            "check that nats-server runs there and is reachable",
        ),
    }
}

fn uses_tls(settings: &NatsSettings, url: &str) -> bool {
    let tls = &settings.tls;
    tls.required || tls.ca_file.is_some() || tls.client_certificate.is_some() || url.starts_with("tls://")
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(masked("nats://user:pa@ss@host:4222"), "nats://***@host:4222");
        assert_eq!(masked("nats://token@host"), "nats://***@host");
        assert_eq!(masked("tls://host:4222"), "tls://host:4222");
        assert_eq!(masked("host"), "host");
    }

    #[test]
    fn credentials_files_have_two_blocks() {
        let content = "-----BEGIN NATS USER JWT-----\neyJ0.eXAi-_\n------END NATS USER JWT------\n\n\
            ************************* IMPORTANT *************************\nNKEY Seed printed below\n\n\
            -----BEGIN USER NKEY SEED-----\r\nSUABC\r\n------END USER NKEY SEED------\r\n";
        assert_eq!(
            decorated_blocks(content).collect::<Vec<_>>(),
            ["eyJ0.eXAi-_", "SUABC"]
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let authentication = Authentication::Token(Secret::Value("s3cr3t".to_owned()));
        assert!(!format!("{authentication:?}").contains("s3cr3t"));
    }
}
