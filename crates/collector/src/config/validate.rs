//! Validates settings: ranges that a type can't express, and conflicts between settings.

use std::collections::BTreeMap;

use arancini_publish::names::{is_bucket_name, is_collector_name, is_subject_base};

use super::check::Check;
use super::error::{ConfigError, Place};
use super::nearest::nearest;
use super::settings::{Config, Control};
use super::types::{AttributesKind, CompressionKind, CurationKind, FormatKind, OnFull, SinkKind, StoreKind};
use super::validate_identities::identity;
use super::validate_nats::nats;
use super::value::quote;
use crate::tls::ServerTls;

/// A smaller spool is full too soon to bridge any outage.
const LEAST_SPOOL_BYTES: u64 = 1 << 20;

/// A smaller history would forget a message sooner than somebody can ask for it.
const LEAST_HISTORY_BYTES: usize = 1 << 20;

/// Longest time and most probes of TCP keepalive that Linux takes. With others, no connection could be prepared.
const MOST_KEEPALIVE_S: usize = 32_767;
const MOST_KEEPALIVE_PROBES: usize = 127;
/// The levels of the log.
const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What `log.level` may be, for its errors.
const LOG_FILTER: &str = "off, error, warn, info, debug, trace or a filter like info,arancini=debug";

/// Who uses the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsedBy {
    /// The collector, which needs every file that they name.
    Collector,
    /// Somebody who asks the collector, and who need not read its tokens and its private key.
    Asker,
}

/// Returns every problem of the settings as a whole.
pub(super) fn validate(
    config: &Config,
    places: &BTreeMap<String, Place>,
    used_by: UsedBy,
) -> Vec<ConfigError> {
    let mut check = Check::new(places);
    if let Some(name) = &config.collector_name
        && !is_collector_name(name)
    {
        check.fail(
            "collector_name",
            "this can't be part of a message id",
            "use letters, digits, - and _ only",
        );
    }
    listen_and_limits(config, &mut check);
    identity(config, &mut check);
    rib(config, &mut check);
    publish(config, &mut check);
    snapshots(config, &mut check);
    nats(config, &mut check);
    control(&config.control, &mut check);
    if config.control.enabled && used_by == UsedBy::Collector {
        control_files(&config.control, &mut check);
    }
    check.bounds("control.ris_clients", config.control.ris_clients);
    check.bounds("metrics.max_series", config.metrics.max_series);
    log_level(&config.log.level, &mut check);
    check.into_errors()
}

/// Checks each directive of the log filter. The filter's own parser takes a bare word that is no level for a target, which
/// silences the whole log.
fn log_level(filter: &str, check: &mut Check<'_>) {
    for directive in filter.split(',').filter(|directive| !directive.is_empty()) {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_target, level)| level);
        if !LOG_LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let level_or_target = if directive == level {
                "a level"
            } else {
                "a target with a level"
            };
            let nearest = nearest(&level.to_lowercase(), LOG_LEVELS.into_iter()).unwrap_or("info");
            check.fail(
                "log.level",
                format!("{} is not {level_or_target}", quote(directive)),
                format!("did you mean {nearest}? Write {LOG_FILTER}"),
            );
            return;
        }
    }
    if tracing_subscriber::EnvFilter::try_new(filter).is_err() {
        check.fail(
            "log.level",
            "this is not a level or a filter",
            format!("write {LOG_FILTER}"),
        );
    }
}

fn listen_and_limits(config: &Config, check: &mut Check<'_>) {
    if config.listen.address.is_empty() {
        check.fail(
            "listen.address",
            "there is no address to listen on",
            "write at least one, like \"[::]:4000\"",
        );
    }
    if config.listen.keepalive_idle_s > 0 {
        let seconds = [
            ("listen.keepalive_idle_s", config.listen.keepalive_idle_s),
            ("listen.keepalive_interval_s", config.listen.keepalive_interval_s),
        ];
        for (key, value) in seconds {
            check.within(key, value as usize, 1, MOST_KEEPALIVE_S);
        }
        let count = config.listen.keepalive_count as usize;
        check.within("listen.keepalive_count", count, 1, MOST_KEEPALIVE_PROBES);
    }
    check.bounds("ingest.slot_bytes", config.ingest.slot_bytes);
    check.bounds("ingest.slots", usize::from(config.ingest.slots));
    check.bounds("limits.max_message_bytes", config.limits.max_message_bytes);
    check.bounds("limits.max_sessions", config.limits.max_sessions);
    check.bounds(
        "limits.max_sessions_per_source",
        config.limits.max_sessions_per_source,
    );
    check.bounds("limits.max_peers_per_router", config.limits.max_peers_per_router);
    if config.limits.allow.is_empty() {
        check.fail(
            "limits.allow",
            "the list is empty, so no router may connect",
            "write at least one prefix, like \"192.0.2.0/24\"",
        );
    }
}

fn rib(config: &Config, check: &mut Check<'_>) {
    if config.rib.attributes == AttributesKind::Retain && config.curation.mode != CurationKind::Attributes {
        check.fail(
            "rib.attributes",
            "tables keep attributes only if a change of an attribute is a change of the route",
            "set curation.mode = \"attributes\", or rib.attributes = \"fingerprint\"",
        );
    }
    check.bounds(
        "rib.most_attribute_bytes",
        usize::try_from(config.rib.most_attribute_bytes).unwrap_or(usize::MAX),
    );
}

fn publish(config: &Config, check: &mut Check<'_>) {
    let publish = &config.publish;
    if !is_subject_base(&publish.subject_base) {
        check.fail(
            "publish.subject_base",
            "a NATS subject can't start with this text",
            "write words joined by dots, without spaces, * and >, and without $ at the start",
        );
    }
    if publish.max_updates == 0 {
        check.fail(
            "publish.max_updates",
            "a batch must hold at least one update",
            "write at least 1",
        );
    }
    check.bounds("publish.max_batch_bytes", publish.max_batch_bytes);
    check.bounds("publish.bridge_batches", publish.bridge_batches);
    check.bounds("publish.window_batches", publish.window_batches);
    if publish.ack_timeout_ms == 0 {
        check.fail(
            "publish.ack_timeout_ms",
            "no acknowledgement can arrive within 0 ms",
            "write at least 1000",
        );
    }
    if publish.window_bytes < publish.max_batch_bytes {
        check.fail(
            "publish.window_bytes",
            format!("{} is smaller than publish.max_batch_bytes", publish.window_bytes),
            format!("write at least {}", publish.max_batch_bytes),
        );
    }
    if publish.format != FormatKind::Capnp && config.sink() != SinkKind::Nats {
        check.fail(
            "publish.format",
            "only the sink nats publishes JSON",
            "write \"capnp\", or choose the sink nats; arancini export writes JSON of segment files",
        );
    }
    if publish.compression != CompressionKind::None && config.sink() != SinkKind::Nats {
        check.fail(
            "publish.compression",
            "only the sink nats compresses payloads",
            "write \"none\", or choose the sink nats",
        );
    }
    if publish.on_full == OnFull::Spool && config.sink() != SinkKind::Nats {
        check.fail(
            "publish.on_full",
            "only the sink nats has a spool",
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
            "a segment of 0 bytes can't hold a batch",
            "write at least 1048576",
        );
    }
}

/// Checks that the API is open to other hosts only with a token, or on purpose.
fn control(control: &Control, check: &mut Check<'_>) {
    if !control.enabled {
        if control.ris_address.is_some() {
            check.fail(
                "control.ris_address",
                "the control port is off, and RIS Live needs its tables",
                "remove control.ris_address, or set control.enabled = true",
            );
        }
        return;
    }
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-._".contains(char);
    for name in &control.host_names {
        if name.is_empty() || !name.chars().all(is_part) {
            check.fail(
                "control.host_names",
                format!("{} is no host name", quote(name)),
                "write names only, like collector.example.net: no scheme, no port, no wildcard",
            );
        }
    }
    if (1..LEAST_HISTORY_BYTES).contains(&control.history_bytes) {
        check.fail(
            "control.history_bytes",
            format!(
                "{} is too small to hold the batches of a busy moment",
                control.history_bytes
            ),
            format!("write at least {LEAST_HISTORY_BYTES}, or 0 for no history"),
        );
    }
    control_tls(control, check);
    let has_guard = control.token_file.is_some() || control.tls_client_ca_file.is_some();
    if has_guard && control.insecure {
        check.fail(
            "control.insecure",
            "a token or a CA of client certificates is set, so requests need one of them",
            "remove control.insecure, or control.token_file and control.tls_client_ca_file",
        );
    }
    let addresses = [
        ("control.address", "the API", Some(control.address)),
        ("control.ris_address", "RIS Live", control.ris_address),
    ];
    for (key, what, address) in addresses {
        let reachable = address.filter(|address| !address.ip().to_canonical().is_loopback());
        if let Some(address) = reachable.filter(|_| !has_guard && !control.insecure) {
            check.fail(
                key,
                format!("other hosts can reach {address}, and {what} wants neither a token nor a client certificate"),
                "set control.token_file or control.tls_client_ca_file, or choose an address of this host like 127.0.0.1:8080, or set control.insecure = true if everybody who reaches the port may read all routes",
            );
        }
    }
    ris_port(control, check);
}

/// Checks the port of its own of RIS Live.
fn ris_port(control: &Control, check: &mut Check<'_>) {
    let Some(address) = control.ris_address else {
        return;
    };
    if control.ris_clients == 0 {
        check.fail(
            "control.ris_address",
            "control.ris_clients = 0 switches RIS Live off",
            "remove control.ris_address, or set control.ris_clients to the number of clients that may connect",
        );
    }
    if address == control.address && address.port() != 0 {
        check.fail(
            "control.ris_address",
            format!("{address} is the address of the control port"),
            "choose another port, or remove control.ris_address: RIS Live is then at /v1/ws of the control port",
        );
    }
}

/// Checks that TLS has what it needs.
fn control_tls(control: &Control, check: &mut Check<'_>) {
    let settings = [
        ("control.tls_cert_file", control.tls_cert_file.is_some()),
        ("control.tls_key_file", control.tls_key_file.is_some()),
        ("control.tls_client_ca_file", control.tls_client_ca_file.is_some()),
    ];
    if control.tls_files().is_none() {
        for (key, _) in settings.into_iter().filter(|(_, is_set)| *is_set) {
            check.fail(
                key,
                "TLS needs a certificate and its key",
                "set control.tls_cert_file and control.tls_key_file, or remove this",
            );
        }
    }
}

/// Checks the files of the control port as a start reads them.
fn control_files(control: &Control, check: &mut Check<'_>) {
    check.token("control.token_file", control.token_file.as_deref());
    check.token("control.act_token_file", control.act_token_file.as_deref());
    if let Some(Err(error)) = control.tls_files().map(ServerTls::of) {
        check.fail(error.setting, error.problem, error.remedy);
    }
}

fn snapshots(config: &Config, check: &mut Check<'_>) {
    let snapshots = &config.snapshots;
    if snapshots.interval_ms == 0 {
        check.fail(
            "snapshots.interval_ms",
            "an interval of 0 ms leaves no pause between snapshots",
            "write at least 1000, or set snapshots.enabled = false",
        );
    }
    if snapshots.store != StoreKind::Nats {
        return;
    }
    if config.nats.urls.is_empty() {
        check.fail(
            "snapshots.store",
            "snapshots are stored in NATS, but no NATS server is given",
            "set nats.urls or --nats, or write \"local\"",
        );
    }
    if snapshots.directory.is_some() {
        check.fail(
            "snapshots.directory",
            "snapshots are stored in NATS, so the directory has no effect",
            "remove the directory, or set snapshots.store = \"local\"",
        );
    }
    if !is_bucket_name(&snapshots.bucket) {
        check.fail(
            "snapshots.bucket",
            "this is not a valid name of a bucket",
            "use letters, digits, - and _ only, and at most 251 of them",
        );
    }
}
