//! Who may ask the API, and from where.
//!
//! A web page that somebody opens can send requests to this port too. So the API answers only requests that are addressed to
//! an IP address, `localhost` or a configured name (against DNS rebinding), and only pages of its own origin.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::config::{ClientsMay, Control};
use crate::telemetry::{ApiFigures, Denial};
use crate::token::read_token;

/// Decides which requests are answered.
pub struct Access {
    guard: Guard,
    /// The token that requests to act have to carry. Without it, whoever may read with a token or from this host may act.
    act: Option<Arc<TokenFile>>,
    /// What a client certificate allows.
    certificates_may: Right,
    host_names: Vec<String>,
    figures: Arc<ApiFigures>,
}

/// What a request has to carry.
enum Guard {
    /// Nothing: only this host reaches the port.
    ThisHost,
    /// Nothing, though other hosts reach the port. They may only read.
    Insecure,
    /// The token in this file.
    Token(Arc<TokenFile>),
    /// A client certificate.
    Certificate,
}

impl Guard {
    /// What a request to this address has to carry if there is neither a token nor a CA.
    fn by_address(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_loopback() {
            Self::ThisHost
        } else {
            Self::Insecure
        }
    }
}

/// Marks a request that came with a client certificate of the configured CA.
#[derive(Debug, Clone, Copy)]
pub struct ClientCertificate;

/// The token that requests have to carry, and the file that it is read from.
#[derive(Debug)]
pub struct TokenFile {
    /// The setting that names the file.
    setting: &'static str,
    file: PathBuf,
    token: RwLock<String>,
}

impl TokenFile {
    /// Reads the token in the file that a setting names.
    ///
    /// # Errors
    /// As [`read_token`]; the text names the setting.
    pub fn of(setting: &'static str, file: &Path) -> Result<Self, String> {
        let token = read_token(file).map_err(|error| format!("{setting} can't be used: {error}"))?;
        Ok(Self {
            setting,
            file: file.to_owned(),
            token: RwLock::new(token),
        })
    }

    /// Reads the file again. The token before stays in use if there is none in the file.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn read_again(&self) -> Result<(), String> {
        let read = Self::of(self.setting, &self.file)?;
        let token = read.token.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    fn is_carried_by(&self, headers: &HeaderMap) -> bool {
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner);
        carries(headers, &token)
    }
}

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To read what the collector holds.
    Read,
    /// To make the collector do something. Whoever may act may read too.
    Act,
}

impl Right {
    /// The right that a method needs.
    fn needed_by(method: &Method) -> Self {
        if *method == Method::GET || *method == Method::HEAD {
            Self::Read
        } else {
            Self::Act
        }
    }
}

impl Access {
    /// The access that the settings allow.
    ///
    /// # Errors
    /// As [`read_token`].
    pub fn of(settings: &Control, figures: Arc<ApiFigures>) -> Result<Self, String> {
        let token = |setting, file: &Path| TokenFile::of(setting, file).map(Arc::new);
        let guard = match &settings.token_file {
            Some(file) => Guard::Token(token("control.token_file", file)?),
            None if settings.tls_client_ca_file.is_some() => Guard::Certificate,
            None => Guard::by_address(settings.address),
        };
        let act = settings.act_token_file.as_deref();
        Ok(Self {
            guard,
            act: act
                .map(|file| token("control.act_token_file", file))
                .transpose()?,
            certificates_may: match settings.tls_clients_may {
                ClientsMay::Read => Right::Read,
                ClientsMay::Act => Right::Act,
            },
            host_names: settings.host_names.clone(),
            figures,
        })
    }

    /// The access to another port with the same settings.
    #[must_use]
    pub fn on(&self, address: SocketAddr) -> Self {
        Self {
            guard: match &self.guard {
                Guard::ThisHost | Guard::Insecure => Guard::by_address(address),
                Guard::Token(token) => Guard::Token(Arc::clone(token)),
                Guard::Certificate => Guard::Certificate,
            },
            act: self.act.clone(),
            certificates_may: self.certificates_may,
            host_names: self.host_names.clone(),
            figures: Arc::clone(&self.figures),
        }
    }

    /// The tokens that requests can carry, with their files.
    #[must_use]
    pub fn token_files(&self) -> Vec<Arc<TokenFile>> {
        let to_read = match &self.guard {
            Guard::Token(token) => Some(token),
            Guard::ThisHost | Guard::Insecure | Guard::Certificate => None,
        };
        to_read.into_iter().chain(&self.act).cloned().collect()
    }

    /// Whether a request may be answered; otherwise, which kind of denial it gets and how it is told.
    fn check(&self, request: &Request) -> Result<(), (Denial, Problem)> {
        let headers = request.headers();
        if headers.get_all(header::HOST).iter().count() > 1 {
            // Another server on the way may have looked at the other one (RFC 9112 §3.2).
            let problem = Problem::new(
                StatusCode::BAD_REQUEST,
                "the request has several Host headers",
                "send one",
            );
            return Err((Denial::Host, problem));
        }
        let text = |name: &header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let named = request.uri().authority().map(|authority| authority.as_str());
        let host = named.or_else(|| text(&header::HOST)).unwrap_or_default();
        if host.is_empty() {
            let problem = Problem::new(
                StatusCode::BAD_REQUEST,
                "the request has no Host header, or one that is no text",
                "send the name or the address of the control port as Host (RFC 9112 §3.2)",
            );
            return Err((Denial::Host, problem));
        }
        if !self.knows(host) {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                format!("the API is not asked under the name {host:?}"),
                "use an IP address or localhost, or add the name to control.host_names",
            );
            return Err((Denial::Host, problem));
        }
        if headers.contains_key(header::ORIGIN) && !is_of_origin(text(&header::ORIGIN), host) {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                "the request comes from a page of another origin",
                "open the page under the address of the control port",
            );
            return Err((Denial::Origin, problem));
        }
        let needed = Right::needed_by(request.method());
        if self.right_of(request) >= Some(needed) {
            return Ok(());
        }
        Err(match (&self.guard, needed) {
            (Guard::Insecure, Right::Act) if self.act.is_none() => (
                Denial::Right,
                Problem::new(
                    StatusCode::FORBIDDEN,
                    "without a token, requests may only read",
                    "set control.token_file or control.act_token_file, and send its token",
                ),
            ),
            (_, Right::Act) if self.act.is_some() => (
                Denial::Token,
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "the request carries no token that allows to act",
                    "send the token of control.act_token_file as Authorization: Bearer TOKEN",
                ),
            ),
            (Guard::Certificate, Right::Act) if has_certificate(request) => (
                Denial::Right,
                Problem::new(
                    StatusCode::FORBIDDEN,
                    "client certificates may only read",
                    "set control.tls_clients_may = \"act\", or set control.act_token_file and send its token",
                ),
            ),
            (Guard::Certificate, _) => (
                Denial::Token,
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "the request comes without a client certificate",
                    "connect with a certificate of the CA in control.tls_client_ca_file",
                ),
            ),
            _ => (
                Denial::Token,
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "the request carries no valid token",
                    "send the token of control.token_file as Authorization: Bearer TOKEN",
                ),
            ),
        })
    }

    /// The largest right that a request has, if it has any.
    fn right_of(&self, request: &Request) -> Option<Right> {
        let headers = request.headers();
        let acts = self.act.as_ref().filter(|token| token.is_carried_by(headers));
        let by_act_token = acts.map(|_| Right::Act);
        let by_certificate = has_certificate(request).then_some(self.certificates_may);
        // If there is a token for acting, everything else allows to read.
        let usual = if self.act.is_some() {
            Right::Read
        } else {
            Right::Act
        };
        let by_guard = match &self.guard {
            Guard::ThisHost => Some(usual),
            Guard::Insecure => Some(Right::Read),
            Guard::Token(token) => token.is_carried_by(headers).then_some(usual),
            Guard::Certificate => None,
        };
        by_act_token.max(by_certificate).max(by_guard)
    }

    /// Whether the collector is asked under this name, given with a port or without.
    fn knows(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .host_names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn has_certificate(request: &Request) -> bool {
    request.extensions().get::<ClientCertificate>().is_some()
}

fn is_of_origin(origin: Option<&str>, host: &str) -> bool {
    let own = origin.and_then(|origin| origin.split_once("://"));
    own.is_some_and(|(scheme, of)| matches!(scheme, "http" | "https") && of.eq_ignore_ascii_case(host))
}

/// Whether a request carries this token. The time of the comparison does not tell how much of it is right.
fn carries(headers: &HeaderMap, token: &str) -> bool {
    let value = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let sent = value.and_then(|value| {
        let (scheme, sent) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(sent)
    });
    sent.is_some_and(|sent| bool::from(sent.ct_eq(token.as_bytes())))
}

/// Answers a request only if it may be answered.
pub(super) async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err((denial, problem)) => {
            access.figures.count_denied(denial);
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let how = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn token_file(token: &str) -> Arc<TokenFile> {
        Arc::new(TokenFile {
            setting: "control.token_file",
            file: PathBuf::new(),
            token: RwLock::new(token.to_owned()),
        })
    }

    fn access(guard: Guard) -> Access {
        Access {
            guard,
            act: None,
            certificates_may: Right::Read,
            host_names: vec!["bmp.example.net".to_owned()],
            figures: Arc::default(),
        }
    }

    fn status(access: &Access, method: Method, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/api/v1/routers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let checked = access.check(&request);
        checked.map_or_else(|(_, problem)| problem.into_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn only_known_names_are_answered() {
        let access = access(Guard::ThisHost);
        for (host, expected) in [
            ("127.0.0.1:8080", 200),
            ("[::1]:8080", 200),
            ("[::1]", 200),
            ("192.0.2.1", 200),
            ("LocalHost:8080", 200),
            ("bmp.example.net:8080", 200),
            ("evil.example.net:8080", 403),
            ("localhost.example.net", 403),
            ("", 400),
        ] {
            assert_eq!(
                status(&access, Method::GET, &[("host", host)]),
                expected,
                "{host}"
            );
        }
        assert_eq!(status(&access, Method::GET, &[]), 400);
        // The second one was not looked at.
        for second in ["127.0.0.1", "evil.example.net"] {
            let hosts = [("host", "127.0.0.1"), ("host", second)];
            assert_eq!(status(&access, Method::GET, &hosts), 400, "{second}");
        }
    }

    #[test]
    fn only_pages_of_the_same_origin_are_answered() {
        let access = access(Guard::ThisHost);
        for (origin, expected) in [
            ("http://127.0.0.1:8080", 200),
            ("https://127.0.0.1:8080", 200),
            ("http://127.0.0.1:8081", 403),
            ("http://evil.example.net", 403),
            ("null", 403),
        ] {
            let headers = [("host", "127.0.0.1:8080"), ("origin", origin)];
            assert_eq!(status(&access, Method::GET, &headers), expected, "{origin}");
        }
    }

    #[test]
    fn a_token_opens_everything_and_nothing_else_does() {
        let access = access(Guard::Token(token_file(TOKEN)));
        let host = ("host", "192.0.2.1");
        for (authorization, expected) in [
            (format!("Bearer {TOKEN}"), 200),
            (format!("bearer {TOKEN}"), 200),
            (format!("Bearer {TOKEN}0"), 401),
            (format!("Bearer {}", &TOKEN[1..]), 401),
            (format!("Basic {TOKEN}"), 401),
            ("Bearer ".to_owned(), 401),
            (String::new(), 401),
        ] {
            let headers = [host, ("authorization", authorization.as_str())];
            assert_eq!(
                status(&access, Method::GET, &headers),
                expected,
                "{authorization}"
            );
            assert_eq!(
                status(&access, Method::POST, &headers),
                expected,
                "{authorization}"
            );
        }
        assert_eq!(status(&access, Method::GET, &[host]), 401);
    }

    #[test]
    fn without_a_token_other_hosts_may_only_read() {
        let host = [("host", "192.0.2.1")];
        assert_eq!(status(&access(Guard::Insecure), Method::GET, &host), 200);
        assert_eq!(status(&access(Guard::Insecure), Method::POST, &host), 403);
        assert_eq!(status(&access(Guard::ThisHost), Method::POST, &host), 200);
    }

    #[test]
    fn a_token_of_its_own_for_acting_is_needed_everywhere() {
        let host = ("host", "192.0.2.1");
        let act = ("authorization", "Bearer abcdefghijklmnop");
        let read = ("authorization", "Bearer 0123456789abcdef");
        for guard in [Guard::ThisHost, Guard::Insecure, Guard::Token(token_file(TOKEN))] {
            let is_open = !matches!(guard, Guard::Token(_));
            let access = Access {
                act: Some(token_file("abcdefghijklmnop")),
                ..access(guard)
            };
            assert_eq!(status(&access, Method::POST, &[host]), 401);
            assert_eq!(status(&access, Method::POST, &[host, read]), 401);
            assert_eq!(status(&access, Method::POST, &[host, act]), 200);
            assert_eq!(status(&access, Method::GET, &[host, act]), 200);
            assert_eq!(status(&access, Method::GET, &[host, read]), 200);
            let expected = if is_open { 200 } else { 401 };
            assert_eq!(status(&access, Method::GET, &[host]), expected);
        }
    }

    #[test]
    fn a_client_certificate_allows_what_the_setting_says() {
        let with_certificate = |access: &Access, method: Method| {
            let request = Request::builder().method(method).uri("/api/v1/routers");
            let request = request.header("host", "192.0.2.1").extension(ClientCertificate);
            let checked = access.check(&request.body(Body::empty()).unwrap());
            checked.map_or_else(|(_, problem)| problem.into_response().status().as_u16(), |()| 200)
        };
        for guard in [Guard::Certificate, Guard::Token(token_file(TOKEN))] {
            let host = [("host", "192.0.2.1")];
            let mut access = access(guard);
            assert_eq!(status(&access, Method::GET, &host), 401);
            assert_eq!(status(&access, Method::POST, &host), 401);
            assert_eq!(with_certificate(&access, Method::GET), 200);
            assert!([401, 403].contains(&with_certificate(&access, Method::POST)));
            access.act = Some(token_file("abcdefghijklmnop"));
            assert_eq!(with_certificate(&access, Method::POST), 401);
            access.certificates_may = Right::Act;
            assert_eq!(with_certificate(&access, Method::POST), 200);
            access.act = None;
            assert_eq!(with_certificate(&access, Method::POST), 200);
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "short", "0123456789 abcdef", "0123456789abcd\u{fc}"] {
            std::fs::write(file.path(), text).unwrap();
            assert!(
                read_token(file.path()).unwrap_err().remedy.contains("openssl"),
                "{text}"
            );
        }
        std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
        assert_eq!(read_token(file.path()).unwrap(), TOKEN);
    }
}
