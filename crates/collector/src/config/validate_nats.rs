//! Validates the settings of the connection to NATS.

use arancini_publish::names::{is_server_url, is_stream_name, is_subject};

use super::check::Check;
use super::settings::{Config, Nats};
use super::types::{SinkKind, StoreKind};

/// Longest time in seconds that NATS takes: it counts nanoseconds in 63 bits.
const MOST_SECONDS: usize = (i64::MAX / 1_000_000_000) as usize;

/// Returns whether the collector connects to NATS at all.
fn uses_nats(config: &Config) -> bool {
    config.sink() == SinkKind::Nats || config.snapshots.store == StoreKind::Nats
}

/// Adds every problem of the settings in the section `nats`.
pub(super) fn nats(config: &Config, check: &mut Check<'_>) {
    servers(config, check);
    stream(&config.nats, check);
    if uses_nats(config) {
        inbox(config, check);
    }
    authentication(&config.nats, check);
    client_certificate(&config.nats, check);
    if uses_nats(config) {
        let nats = &config.nats;
        check.readable("nats.password_file", nats.password_file.as_deref());
        check.readable("nats.token_file", nats.token_file.as_deref());
        check.readable("nats.nkey_seed_file", nats.nkey_seed_file.as_deref());
        check.readable("nats.credentials_file", nats.credentials_file.as_deref());
        check.readable("nats.tls_ca_file", nats.tls_ca_file.as_deref());
        check.readable("nats.tls_cert_file", nats.tls_cert_file.as_deref());
        check.readable("nats.tls_key_file", nats.tls_key_file.as_deref());
    }
}

fn servers(config: &Config, check: &mut Check<'_>) {
    let nats = &config.nats;
    if config.sink() == SinkKind::Nats && nats.urls.is_empty() {
        check.fail(
            "publish.sink",
            "the sink is nats, but no NATS server is given",
            "set nats.urls or --nats, like nats://127.0.0.1:4222",
        );
    }
    for url in &nats.urls {
        let host = match url.split_once("://") {
            Some(("nats" | "tls" | "ws" | "wss", host)) => host,
            Some(_) => {
                // The URL may contain a password, so the error does not repeat it.
                check.fail(
                    "nats.urls",
                    "a URL has a scheme that NATS does not use",
                    "write nats://HOST:4222 or tls://HOST:4222",
                );
                continue;
            }
            None => url,
        };
        if host.rsplit('@').next().unwrap_or_default().is_empty() || host.contains(char::is_whitespace) {
            check.fail("nats.urls", "a URL names no host", "write nats://HOST:4222");
        } else if !is_server_url(url) {
            check.fail(
                "nats.urls",
                "a URL can't be read",
                "write nats://HOST:4222; a port is at most 65535",
            );
        }
    }
}

/// The stream stores whatever is published below the base subject. Replies must not be among it.
fn inbox(config: &Config, check: &mut Check<'_>) {
    let (inbox, base) = (&config.nats.inbox_prefix, &config.publish.subject_base);
    let is_below = |subject: &str, above: &str| {
        subject
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if is_below(inbox, base) || is_below(base, inbox) {
        check.fail(
            "nats.inbox_prefix",
            format!(
                "the replies of the server would be stored in the stream, whose subjects begin with {base}"
            ),
            "choose a prefix that shares no beginning with publish.subject_base, like _INBOX",
        );
    }
}

fn stream(nats: &Nats, check: &mut Check<'_>) {
    if !is_stream_name(&nats.stream) {
        check.fail(
            "nats.stream",
            "this is not a valid name of a stream",
            "leave out spaces and any of . * > / \\",
        );
    }
    if !is_subject(&nats.inbox_prefix) {
        check.fail(
            "nats.inbox_prefix",
            "a NATS subject can't start with this text",
            "write words joined by dots, without spaces, * and >",
        );
    }
    check.bounds("nats.replicas", usize::from(nats.replicas));
    for (key, seconds) in [
        ("nats.max_age_s", nats.max_age_s),
        ("nats.duplicate_window_s", nats.duplicate_window_s),
    ] {
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        check.within(key, seconds, 0, MOST_SECONDS);
    }
    if nats.connect_timeout_ms == 0 {
        check.fail(
            "nats.connect_timeout_ms",
            "no connection is made in 0 ms",
            "write at least 1; the default is 5000",
        );
    }
    if nats.duplicate_window_s == 0 {
        check.fail(
            "nats.duplicate_window_s",
            "without a window the server can't discard duplicates after a reconnect",
            "write at least 1; the default is 120",
        );
    }
    let (window, age) = (nats.duplicate_window_s, nats.max_age_s);
    // The default was shortened when the settings were loaded.
    let is_longer = age > 0 && window > age;
    if is_longer && window <= MOST_SECONDS as u64 {
        check.fail(
            "nats.duplicate_window_s",
            format!(
                "the server takes no window of {window} s for a stream whose messages live for {age} s \
                 (nats.max_age_s)"
            ),
            format!("write at most {age}, or raise nats.max_age_s"),
        );
    }
}

fn authentication(nats: &Nats, check: &mut Check<'_>) {
    if nats.password.is_some() && nats.password_file.is_some() {
        check.fail(
            "nats.password_file",
            "nats.password is set too",
            "set one of them",
        );
    }
    if nats.token.is_some() && nats.token_file.is_some() {
        check.fail("nats.token_file", "nats.token is set too", "set one of them");
    }
    let password = nats.password.is_some() || nats.password_file.is_some();
    if nats.user.is_some() && !password {
        check.fail("nats.user", "the user has no password", "set nats.password_file");
    } else if nats.user.is_none() && password {
        let key = if nats.password.is_some() {
            "nats.password"
        } else {
            "nats.password_file"
        };
        check.fail(key, "the password has no user", "set nats.user");
    }
    let ways = [
        ("nats.user", nats.user.is_some()),
        ("nats.token", nats.token.is_some() || nats.token_file.is_some()),
        ("nats.nkey_seed_file", nats.nkey_seed_file.is_some()),
        ("nats.credentials_file", nats.credentials_file.is_some()),
    ];
    let mut used = ways.iter().filter(|(_, used)| *used).map(|(key, _)| *key);
    if let (Some(first), Some(second)) = (used.next(), used.next()) {
        check.fail(
            second,
            format!("{first} is set too"),
            "configure one kind of authentication",
        );
    }
}

fn client_certificate(nats: &Nats, check: &mut Check<'_>) {
    match (&nats.tls_cert_file, &nats.tls_key_file) {
        (Some(_), None) => check.fail(
            "nats.tls_cert_file",
            "the certificate has no private key",
            "set nats.tls_key_file",
        ),
        (None, Some(_)) => {
            check.fail(
                "nats.tls_key_file",
                "the private key has no certificate",
                "set nats.tls_cert_file",
            );
        }
        _ => {}
    }
}
