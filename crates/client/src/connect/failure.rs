//! Failed connects, explained with a cause and a remedy.

use async_nats::{ConnectError, ConnectErrorKind};

use crate::settings::ServerSettings;
use crate::trouble::{Reason, Trouble};

/// Returns a URL without its password or token, for logs.
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

/// Turns an error of async-nats into cause and remedy. Most TLS failures arrive as `Io` errors, so the text decides.
pub(super) fn explain(settings: &ServerSettings, url: &str, error: &ConnectError) -> Trouble {
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
            "set nats.tls_ca_file to the CA's certificate",
        ),
        _ if has("certificaterequired") || has("certificate required") || has("certificate_required") => {
            Trouble::new(
                Reason::Tls,
                format!("{server} requires a client certificate"),
                "set nats.tls_cert_file and nats.tls_key_file",
            )
        }
        _ if has("notvalidforname") || has("not valid for name") => Trouble::new(
            Reason::Tls,
            format!("the certificate of {server} is for another name: {text}"),
            "use the name in the certificate in nats.urls",
        ),
        _ if has("expired") || has("notvalidyet") => Trouble::new(
            Reason::Tls,
            format!("the certificate of {server} is not valid now: {text}"),
            "renew the certificate, or correct the clock of this host",
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
            format!("{server} accepts the connection but sends nothing"),
            "if the server has handshake_first, set nats.tls_first = true; otherwise check the server's load",
        ),
        ConnectErrorKind::TimedOut => Trouble::new(
            Reason::Unreachable,
            format!("{server} does not answer in time"),
            "check that the server runs and that no firewall drops the packets; a TLS-first server needs \
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

fn uses_tls(settings: &ServerSettings, url: &str) -> bool {
    let tls = &settings.tls;
    tls.required || tls.ca_file.is_some() || tls.client_certificate.is_some() || url.starts_with("tls://")
}

/// Joins the error and its causes in one line.
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
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(masked("nats://user:pa@ss@host:4222"), "nats://***@host:4222");
        assert_eq!(masked("nats://token@host"), "nats://***@host");
        assert_eq!(masked("tls://host:4222"), "tls://host:4222");
        assert_eq!(masked("host"), "host");
    }
}
