//! A client of the control port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use arancini_collector::config::Config;
use arancini_collector::token::read_token;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::arguments::ShowArgs;
use super::secure::{OwnCertificate, Tls, Trust};

/// How long an answer may take. The collector answers within five seconds.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Longest answer: a page of 1000 peers with all their tables is shorter.
const MOST_ANSWER_BYTES: usize = 256 << 20;

/// Why there is no answer, in one sentence with a remedy.
#[derive(Debug)]
pub(super) struct AskError(String);

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the control port is, and what it wants to see.
pub(super) struct Target {
    authority: String,
    tls: Option<Tls>,
    token: Option<String>,
}

/// A connection to the control port.
pub(super) struct Client {
    target: Target,
    sender: SendRequest<Empty<Bytes>>,
}

impl Target {
    /// The control port that the command line names, else that of the configuration. The token of the configuration is for its
    /// own collector only.
    pub fn new(args: &ShowArgs, config: &Config) -> Result<Self, AskError> {
        let (authority, trust) = match &args.control {
            Some(url) => {
                let (is_secure, authority) = authority_of(url)?;
                let trust = args.ca_file.clone().map_or(Trust::Host, Trust::Ca);
                (authority, is_secure.then_some(trust))
            }
            None => (local_authority(config.control.address), local_trust(args, config)),
        };
        let own = args.cert_file.clone().zip(args.key_file.clone());
        let own = own.map(|(cert, key)| OwnCertificate { cert, key });
        if trust.is_none() && (own.is_some() || args.ca_file.is_some()) {
            return Err(AskError(
                "certificates are for a control port with TLS; write --control https://HOST:PORT, or leave --ca-file and --cert-file out"
                    .to_owned(),
            ));
        }
        let configured = config.control.token_file.as_deref();
        let configured = configured.filter(|_| args.control.is_none());
        let file = args.token_file.as_deref().or(configured);
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
fn local_trust(args: &ShowArgs, config: &Config) -> Option<Trust> {
    let files = config.control.tls_files()?;
    Some(args.ca_file.clone().map_or(Trust::Only(files.cert), Trust::Ca))
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
        let sender = match timeout(ANSWER_TIME, connected).await {
            Ok(sender) => sender?,
            Err(_) => return Err(failed(&"the connection takes too long")),
        };
        Ok(Self { target, sender })
    }

    /// Asks for a resource of the API, and returns its JSON.
    pub async fn get(&mut self, path: &str, parameters: &[(&str, String)]) -> Result<Value, AskError> {
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let uri = match query.as_slice() {
            [] => format!("/api/v1/{path}"),
            query => format!("/api/v1/{path}?{}", query.join("&")),
        };
        let failed =
            |why: &dyn fmt::Display| AskError(format!("GET {uri} on {}: {why}", self.target.authority));
        let mut request = Request::get(&uri).header(HOST, &self.target.authority);
        if let Some(token) = &self.target.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| failed(&error))?;
        let answer = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = match timeout(ANSWER_TIME, answer).await {
            Ok(answer) => answer.map_err(|error| failed(&error))?,
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

/// Begins HTTP on a connection, and lets it run.
async fn begin_http<S>(stream: S) -> hyper::Result<SendRequest<Empty<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Encodes a value for a URL: everything but letters, digits and a few marks is written as `%` and two digits.
pub(super) fn encoded(text: &str) -> String {
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
            assert_eq!(local_authority(address.parse().unwrap()), authority);
        }
    }

    #[test]
    fn what_has_a_meaning_in_a_url_is_encoded() {
        assert_eq!(encoded("2001:db8::/32"), "2001%3Adb8%3A%3A%2F32");
        assert_eq!(encoded("192.0.2.1~0"), "192.0.2.1~0");
    }
}
