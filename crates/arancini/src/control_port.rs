//! A client of the control port, and the flags that name the port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arancini_collector::config::Config;
use arancini_collector::token::read_token;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::control_tls::{OwnCertificate, Tls, Trust};

/// How long an answer may take. The collector answers within five seconds.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Longest answer: a page of 1000 peers with all their tables is shorter.
const MOST_ANSWER_BYTES: usize = 256 << 20;

/// Why there is no answer, in one sentence with a remedy.
#[derive(Debug)]
pub(crate) struct AskError(String);

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The flags that name the control port.
#[derive(Debug, Args)]
pub struct ControlArgs {
    /// Address of the control port, like http://192.0.2.10:8080 or https://bmp.example.net:8080 [default: control.address].
    #[arg(long, value_name = "URL", global = true)]
    pub control: Option<String>,
    /// File with the token of the control port [default: that of the configuration, unless --control is given].
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// PEM file with the CA of the control port's certificate [default: the CAs that this host trusts].
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate that this client shows to the control port.
    #[arg(long, value_name = "FILE", global = true, requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// PEM file with the private key of --cert-file.
    #[arg(long, value_name = "FILE", global = true, requires = "cert_file")]
    pub key_file: Option<PathBuf>,
}

/// What a command does with the control port. The collector can ask for a token of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// It reads: `control.token_file`.
    Read,
    /// It acts: `control.act_token_file`, or `control.token_file` if the former is not set.
    Act,
}

/// Where the control port is, and what it wants to see.
pub(crate) struct Target {
    authority: String,
    tls: Option<Tls>,
    token: Option<String>,
}

/// A connection to the control port.
pub(crate) struct Client {
    target: Target,
    connection: Connection,
}

/// The HTTP connection of a client.
struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    /// Ends with the connection, with the reason if it failed.
    end: JoinHandle<hyper::Result<()>>,
}

impl Target {
    /// The control port of the flags, else of the configuration. The token of the configuration is for its own collector only.
    pub fn new(flags: &ControlArgs, config: &Config, right: Right) -> Result<Self, AskError> {
        let url = flags.control.as_deref();
        let (authority, trust) = match url {
            Some(url) => {
                let (is_secure, authority) = authority_of(url)?;
                let trust = flags.ca_file.clone().map_or(Trust::Host, Trust::Ca);
                (authority, is_secure.then_some(trust))
            }
            None => (
                local_authority(config.control.address),
                local_trust(flags, config),
            ),
        };
        let own = flags.cert_file.clone().zip(flags.key_file.clone());
        let own = own.map(|(cert, key)| OwnCertificate { cert, key });
        if trust.is_none() && (own.is_some() || flags.ca_file.is_some()) {
            return Err(AskError(
                "certificates are for a control port with TLS; write --control https://HOST:PORT, or leave --ca-file and --cert-file out"
                    .to_owned(),
            ));
        }
        let act_token_file = config.control.act_token_file.as_deref();
        let configured = match right {
            Right::Read => None,
            Right::Act => act_token_file,
        };
        let configured = configured.or(config.control.token_file.as_deref());
        let file = flags
            .token_file
            .as_deref()
            .or(configured.filter(|_| url.is_none()));
        let token = file.map(token_of).transpose()?;
        Ok(Self {
            authority,
            tls: trust.map(|trust| Tls { trust, own }),
            token,
        })
    }
}

/// The address at which this host reaches a collector of its own.
fn local_authority(mut address: SocketAddr) -> String {
    // A collector that listens everywhere is reached on this host.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address.to_string()
}

/// The certificate of a collector of this host is the configured one. It has the name of the host, not the address.
fn local_trust(flags: &ControlArgs, config: &Config) -> Option<Trust> {
    let files = config.control.tls_files()?;
    Some(flags.ca_file.clone().map_or(Trust::Only(files.cert), Trust::Ca))
}

/// Whether a URL is of a port with TLS, and its host with its port.
fn authority_of(url: &str) -> Result<(bool, String), AskError> {
    let wrong = |why: &str| {
        AskError(format!(
            "--control {url}: {why}; write it like http://192.0.2.10:8080 or https://bmp.example.net:8080"
        ))
    };
    let uri: Uri = url.parse().map_err(|_| wrong("this is no URL"))?;
    let is_secure = match uri.scheme_str() {
        None | Some("http") => false,
        Some("https") => true,
        Some(_) => return Err(wrong("the control port speaks http or https")),
    };
    if uri.path().len() > 1 {
        return Err(wrong("a path has no meaning here"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("there is no address"))?;
    let authority = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:8080"),
    };
    Ok((is_secure, authority))
}

fn token_of(file: &Path) -> Result<String, AskError> {
    read_token(file).map_err(|error| AskError(format!("the token can't be used: {error}")))
}

impl Client {
    /// Connects to the control port.
    pub async fn connect(target: Target) -> Result<Self, AskError> {
        let authority = &target.authority;
        let failed = |error: &dyn fmt::Display| {
            AskError(format!(
                "no collector answers on {authority}: {error}; start it, or name its control port with --control"
            ))
        };
        let connected = async {
            let stream = TcpStream::connect(authority)
                .await
                .map_err(|error| failed(&error))?;
            match &target.tls {
                None => begin_http(stream).await.map_err(|error| failed(&error)),
                Some(tls) => {
                    let host = authority.rsplit_once(':').map_or(&**authority, |(host, _)| host);
                    let stream = tls.connect(stream, host).await;
                    let stream = stream.map_err(|error| AskError(format!("{authority}: {error}")))?;
                    begin_http(stream).await.map_err(|error| failed(&error))
                }
            }
        };
        let connection = match timeout(ANSWER_TIME, connected).await {
            Ok(connection) => connection?,
            Err(_) => return Err(failed(&"the connection takes too long")),
        };
        Ok(Self { target, connection })
    }

    /// Asks for a resource of the API, and returns its JSON.
    pub async fn get(&mut self, path: &str, parameters: &[(&str, String)]) -> Result<Value, AskError> {
        self.ask(Method::GET, path, parameters).await
    }

    /// Asks the collector to act, and returns the JSON of its answer.
    pub async fn post(&mut self, path: &str, parameters: &[(&str, String)]) -> Result<Value, AskError> {
        self.ask(Method::POST, path, parameters).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        parameters: &[(&str, String)],
    ) -> Result<Value, AskError> {
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let uri = match query.as_slice() {
            [] => format!("/api/v1/{path}"),
            query => format!("/api/v1/{path}?{}", query.join("&")),
        };
        let failed =
            |why: &dyn fmt::Display| AskError(format!("{method} {uri} on {}: {why}", self.target.authority));
        let mut request = Request::builder()
            .method(&method)
            .uri(&uri)
            .header(HOST, &self.target.authority);
        if let Some(token) = &self.target.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| failed(&error))?;
        let answer = async {
            self.connection.sender.ready().await?;
            self.connection.sender.send_request(request).await
        };
        let answer = match timeout(ANSWER_TIME, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failed(&self.connection.why_it_failed(&error).await)),
            Err(_) => {
                return Err(failed(
                    &"there is no answer; is this the control port of a collector?",
                ));
            }
        };
        let status = answer.status();
        let body = timeout(
            ANSWER_TIME,
            Limited::new(answer.into_body(), MOST_ANSWER_BYTES).collect(),
        )
        .await;
        let body = match body {
            Ok(body) => body.map_err(|error| failed(&error))?.to_bytes(),
            Err(_) => return Err(failed(&"the answer takes too long")),
        };
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(problem) => {
                let text = |name: &str| {
                    problem
                        .get(name)
                        .and_then(Value::as_str)
                        .unwrap_or("-")
                        .to_owned()
                };
                Err(AskError(format!("{}; {}", text("detail"), text("remedy"))))
            }
            None => Err(failed(&format_args!(
                "{status} without JSON; is this the control port of a collector of this version?"
            ))),
        }
    }
}

impl Connection {
    /// Why a request failed. In TLS 1.3 a certificate is refused after the handshake, and the connection may know more than the
    /// request.
    async fn why_it_failed(&mut self, of_request: &hyper::Error) -> String {
        let mut why = with_causes(of_request);
        if let Ok(Ok(Err(of_connection))) = timeout(Duration::from_secs(1), &mut self.end).await {
            why = with_causes(&of_connection);
        }
        if why.contains("received fatal alert") {
            return format!(
                "the collector refuses the certificate of this client ({why}); name one of the CA in its setting control.tls_client_ca_file with --cert-file and --key-file, which has not expired"
            );
        }
        why
    }
}

/// An error with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    text
}

/// Begins HTTP on a connection, and lets it run.
async fn begin_http<S>(stream: S) -> hyper::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    let end = tokio::spawn(connection);
    Ok(Connection { sender, end })
}

/// Encodes a value for a URL: everything but letters, digits and a few marks is written as `%` and two digits.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_control_port_is_named_by_a_url_or_an_address() {
        for (url, is_secure, authority) in [
            ("http://192.0.2.10:9000", false, "192.0.2.10:9000"),
            ("http://192.0.2.10:9000/", false, "192.0.2.10:9000"),
            ("[::1]:9000", false, "[::1]:9000"),
            ("collector.example", false, "collector.example:8080"),
            ("https://collector.example", true, "collector.example:8080"),
            ("https://[::1]:9000", true, "[::1]:9000"),
        ] {
            let read = authority_of(url).unwrap();
            assert_eq!(read, (is_secure, authority.to_owned()), "{url}");
        }
        for url in ["ftp://192.0.2.10", "http://192.0.2.10/api", "", "a b"] {
            let error = authority_of(url).unwrap_err().to_string();
            assert!(error.contains("write it like http://"), "{error}");
        }
    }

    #[test]
    fn a_collector_that_listens_everywhere_is_asked_on_this_host() {
        for (address, authority) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.10:8080", "192.0.2.10:8080"),
        ] {
            let mut config = Config::default();
            config.control.address = address.parse().unwrap();
            let target = Target::new(&flags(None), &config, Right::Read).unwrap();
            assert_eq!(target.authority, authority);
        }
    }

    #[test]
    fn a_command_that_acts_sends_the_acting_token_of_its_own_collector() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, format!("0123456789abcdef-{name}")).unwrap();
            path
        };
        let token = |url, config: &Config, right| {
            let target = Target::new(&flags(url), config, right).unwrap();
            target
                .token
                .map(|token| token.rsplit('-').next().unwrap().to_owned())
        };
        let mut config = Config::default();
        assert_eq!(token(None, &config, Right::Act), None);
        config.control.token_file = Some(file("read"));
        assert_eq!(token(None, &config, Right::Act).as_deref(), Some("read"));
        config.control.act_token_file = Some(file("act"));
        assert_eq!(token(None, &config, Right::Read).as_deref(), Some("read"));
        assert_eq!(token(None, &config, Right::Act).as_deref(), Some("act"));
        assert_eq!(token(Some("http://192.0.2.10"), &config, Right::Act), None);
    }

    fn flags(url: Option<&str>) -> ControlArgs {
        ControlArgs {
            control: url.map(ToOwned::to_owned),
            token_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }

    #[test]
    fn what_has_a_meaning_in_a_url_is_encoded() {
        assert_eq!(encoded("2001:db8::/32"), "2001%3Adb8%3A%3A%2F32");
        assert_eq!(encoded("192.0.2.1~0"), "192.0.2.1~0");
    }
}
