//! What must hold between settings, and what a single type can't say.

use std::collections::BTreeMap;
use std::path::Path;

use arancini_publish::NatsSettings;

use super::error::{ConfigError, Place};
use super::settings::Config;
use super::types::{CompressionKind, OnFull, SinkKind, StoreKind};

/// An extended BGP message (RFC 8654) in a Route Monitoring message: common and per-peer header and 65,535 bytes.
const LEAST_MESSAGE_BYTES: usize = 6 + 42 + 65_535;
/// More than that for one message can only be a mistake.
const MOST_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// Below a page a receive slot costs more than it saves.
const LEAST_SLOT_BYTES: usize = 4096;
/// With a single slot the kernel would have to wait while its last bytes are decoded.
const LEAST_SLOTS: usize = 2;
/// More than that for one worker can only be a mistake.
const MOST_SLOTS: usize = 4096;
/// A single update with many attributes must fit in a batch.
const LEAST_BATCH_BYTES: usize = 4096;

/// Below this a spool outlasts nothing.
const LEAST_SPOOL_BYTES: u64 = 1 << 20;

/// Everything that is wrong with the settings as a whole.
pub(super) fn validate(config: &Config, places: &BTreeMap<String, Place>) -> Vec<ConfigError> {
    let mut check = Check {
        places,
        errors: Vec::new(),
    };
    listen_and_limits(config, &mut check);
    publish(config, &mut check);
    snapshots(config, &mut check);
    nats(config, &mut check);
    if tracing_subscriber::EnvFilter::try_new(&config.log.level).is_err() {
        check.fail(
            "log.level",
            "this is no level or filter",
            "write error, warn, info, debug, trace or a filter like info,arancini=debug",
        );
    }
    check.errors
}

struct Check<'a> {
    places: &'a BTreeMap<String, Place>,
    errors: Vec<ConfigError>,
}

impl Check<'_> {
    fn fail(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.errors.push(ConfigError {
            place: self.places.get(key).cloned().unwrap_or(Place::Default),
            key: key.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    fn within(&mut self, key: &str, value: usize, least: usize, most: usize) {
        if value < least {
            self.fail(
                key,
                format!("{value} is too small"),
                format!("write at least {least}"),
            );
        } else if value > most {
            self.fail(
                key,
                format!("{value} is too large"),
                format!("write at most {most}"),
            );
        }
    }

    fn readable(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path else { return };
        if let Err(error) = std::fs::File::open(path) {
            let problem = format!("{} can't be read: {error}", path.display());
            self.fail(key, problem, "check the path and that this user may read it");
        }
    }
}

fn listen_and_limits(config: &Config, check: &mut Check<'_>) {
    if config.listen.address.is_empty() {
        check.fail(
            "listen.address",
            "no address is left",
            "write at least one, like \"[::]:4000\"",
        );
    }
    check.within(
        "ingest.slot_bytes",
        config.ingest.slot_bytes,
        LEAST_SLOT_BYTES,
        MOST_MESSAGE_BYTES,
    );
    check.within(
        "ingest.slots",
        usize::from(config.ingest.slots),
        LEAST_SLOTS,
        MOST_SLOTS,
    );
    check.within(
        "limits.max_message_bytes",
        config.limits.max_message_bytes,
        LEAST_MESSAGE_BYTES,
        MOST_MESSAGE_BYTES,
    );
    check.within("limits.max_sessions", config.limits.max_sessions, 1, usize::MAX);
    check.within(
        "limits.max_sessions_per_source",
        config.limits.max_sessions_per_source,
        1,
        usize::MAX,
    );
    check.within(
        "limits.max_peers_per_router",
        config.limits.max_peers_per_router,
        1,
        usize::MAX,
    );
    if config.limits.allow.is_empty() {
        check.fail(
            "limits.allow",
            "no router may connect",
            "write at least one prefix",
        );
    }
}

fn publish(config: &Config, check: &mut Check<'_>) {
    let publish = &config.publish;
    if !is_subject(&publish.subject_base) {
        check.fail(
            "publish.subject_base",
            "this can't begin a NATS subject",
            "write words joined by dots, without spaces, * and >",
        );
    }
    if publish.max_updates == 0 {
        check.fail(
            "publish.max_updates",
            "a batch must hold something",
            "write at least 1",
        );
    }
    check.within(
        "publish.max_batch_bytes",
        publish.max_batch_bytes,
        LEAST_BATCH_BYTES,
        MOST_MESSAGE_BYTES,
    );
    check.within("publish.bridge_batches", publish.bridge_batches, 1, usize::MAX);
    check.within(
        "publish.window_batches",
        publish.window_batches,
        1,
        NatsSettings::MAX_WINDOW_MESSAGES,
    );
    if publish.ack_timeout_ms == 0 {
        check.fail(
            "publish.ack_timeout_ms",
            "no acknowledgement comes that fast",
            "write at least 1000",
        );
    }
    if publish.window_bytes < publish.max_batch_bytes {
        check.fail(
            "publish.window_bytes",
            format!("{} is less than publish.max_batch_bytes", publish.window_bytes),
            format!("write at least {}", publish.max_batch_bytes),
        );
    }
    if publish.compression != CompressionKind::None && config.sink() != SinkKind::Nats {
        check.fail(
            "publish.compression",
            "only the sink nats compresses; files are read as they are",
            "write \"none\", or choose the sink nats",
        );
    }
    if publish.on_full == OnFull::Spool && config.sink() != SinkKind::Nats {
        check.fail(
            "publish.on_full",
            "only the sink nats has a spool; files are on disk already",
            "write \"block\", or choose the sink nats",
        );
    }
    if publish.on_full == OnFull::Spool && publish.spool_bytes < LEAST_SPOOL_BYTES {
        check.fail(
            "publish.spool_bytes",
            format!("{} is too small", publish.spool_bytes),
            format!("write at least {LEAST_SPOOL_BYTES}"),
        );
    }
    if config.file.segment_bytes == 0 {
        check.fail(
            "file.segment_bytes",
            "a segment must hold something",
            "write at least 1048576",
        );
    }
}

fn snapshots(config: &Config, check: &mut Check<'_>) {
    let snapshots = &config.snapshots;
    if snapshots.interval_ms == 0 {
        check.fail(
            "snapshots.interval_ms",
            "snapshots can't follow each other without a pause",
            "write at least 1000, or set snapshots.enabled = false",
        );
    }
    if snapshots.store != StoreKind::Nats {
        return;
    }
    if config.nats.urls.is_empty() {
        check.fail(
            "snapshots.store",
            "snapshots go to NATS, but no server is given",
            "set nats.urls or --nats, or write \"local\"",
        );
    }
    if snapshots.directory.is_some() {
        check.fail(
            "snapshots.directory",
            "snapshots go to NATS, not to a directory",
            "leave it out, or set snapshots.store = \"local\"",
        );
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if snapshots.bucket.is_empty() || !snapshots.bucket.chars().all(plain) {
        check.fail(
            "snapshots.bucket",
            "this can't name a bucket",
            "use letters, digits, - and _ only",
        );
    }
}

/// Whether anything is connected to NATS.
fn uses_nats(config: &Config) -> bool {
    config.sink() == SinkKind::Nats || config.snapshots.store == StoreKind::Nats
}

fn nats(config: &Config, check: &mut Check<'_>) {
    let nats = &config.nats;
    if config.sink() == SinkKind::Nats && nats.urls.is_empty() {
        check.fail(
            "nats.urls",
            "the sink is nats, but no server is given",
            "set nats.urls or --nats, like nats://127.0.0.1:4222",
        );
    }
    for url in &nats.urls {
        let host = match url.split_once("://") {
            Some(("nats" | "tls" | "ws" | "wss", host)) => host,
            Some(_) => {
                // The URL may hold a password, so it is not repeated.
                check.fail(
                    "nats.urls",
                    "a URL is not one of NATS",
                    "write nats://HOST:4222 or tls://HOST:4222",
                );
                continue;
            }
            None => url,
        };
        if host.rsplit('@').next().unwrap_or_default().is_empty() || host.contains(char::is_whitespace) {
            check.fail("nats.urls", "a server has no host", "write nats://HOST:4222");
        }
    }
    if nats.stream.is_empty()
        || nats
            .stream
            .contains(|c: char| c.is_whitespace() || ".*>/\\".contains(c))
    {
        check.fail(
            "nats.stream",
            "this can't name a stream",
            "leave out spaces and any of . * > / \\",
        );
    }
    if !is_subject(&nats.inbox_prefix) {
        check.fail(
            "nats.inbox_prefix",
            "this can't begin a subject",
            "write words joined by dots",
        );
    }
    check.within("nats.replicas", usize::from(nats.replicas), 1, 5);
    if nats.duplicate_window_s == 0 {
        check.fail(
            "nats.duplicate_window_s",
            "without a window the server can't drop doubles after a reconnect",
            "write at least 1; 120 is the default",
        );
    }
    for (value, file) in [
        (
            "password",
            (
                "password_file",
                nats.password.is_some(),
                nats.password_file.is_some(),
            ),
        ),
        (
            "token",
            ("token_file", nats.token.is_some(), nats.token_file.is_some()),
        ),
    ] {
        if file.1 && file.2 {
            let key = format!("nats.{}", file.0);
            check.fail(&key, format!("nats.{value} is set too"), "set one of them");
        }
    }
    let password = nats.password.is_some() || nats.password_file.is_some();
    if nats.user.is_some() && !password {
        check.fail(
            "nats.user",
            "there is no password for the user",
            "set nats.password_file",
        );
    } else if nats.user.is_none() && password {
        let key = if nats.password.is_some() {
            "nats.password"
        } else {
            "nats.password_file"
        };
        check.fail(key, "there is no user for the password", "set nats.user");
    }
    let ways = [
        ("nats.user", nats.user.is_some()),
        ("nats.token", nats.token.is_some() || nats.token_file.is_some()),
        ("nats.nkey_seed_file", nats.nkey_seed_file.is_some()),
        ("nats.credentials_file", nats.credentials_file.is_some()),
    ];
    let mut used = ways.iter().filter(|(_, used)| *used).map(|(key, _)| *key);
    if let (Some(first), Some(second)) = (used.next(), used.next()) {
        check.fail(second, format!("{first} is set too"), "choose one way to log in");
    }
    match (&nats.tls_cert_file, &nats.tls_key_file) {
        (Some(_), None) => check.fail(
            "nats.tls_cert_file",
            "its key is missing",
            "set nats.tls_key_file",
        ),
        (None, Some(_)) => {
            check.fail(
                "nats.tls_key_file",
                "its certificate is missing",
                "set nats.tls_cert_file",
            );
        }
        _ => {}
    }
    if uses_nats(config) {
        check.readable("nats.password_file", nats.password_file.as_deref());
        check.readable("nats.token_file", nats.token_file.as_deref());
        check.readable("nats.nkey_seed_file", nats.nkey_seed_file.as_deref());
        check.readable("nats.credentials_file", nats.credentials_file.as_deref());
        check.readable("nats.tls_ca_file", nats.tls_ca_file.as_deref());
        check.readable("nats.tls_cert_file", nats.tls_cert_file.as_deref());
        check.readable("nats.tls_key_file", nats.tls_key_file.as_deref());
    }
}

/// Whether the text is one or more non-empty subject tokens without wildcards.
fn is_subject(text: &str) -> bool {
    text.split('.').all(|token| {
        !token.is_empty()
            && !token.contains(|c: char| c.is_whitespace() || c.is_control() || "*>".contains(c))
    })
}
