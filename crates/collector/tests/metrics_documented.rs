//! `docs/metrics.md` lists exactly the metrics of `/metrics`: names, types, labels and values of labels.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arancini_bed::Router;
use arancini_collector::Collector;
use arancini_collector::config::{Config, SinkKind};
use arancini_collector::control::{ControlSource, Exposition, scrape};

/// A metric's type and the names of its labels.
type Shape = (String, BTreeSet<String>);

/// The label of histogram buckets, which is part of the format and not documented.
const BUCKET_LABEL: &str = "le";
/// The labels whose values are not part of the documentation: they change with each release, or name a router or a peer.
const FREE_LABELS: [&str; 5] = ["version", "router", "sys_name", "peer", "peer_asn"];
/// Recordings with peers, quirks and Statistics Reports. The second one has reports that can be compared with the routes.
const RECORDINGS: [&str; 2] = [
    "../../testdata/frr-10.3-prepost-locrib-vpn-c0.bmp.zst",
    "../../testdata/gobgp-3.10-all-c0.bmp.zst",
];

/// A stream with End-of-RIB, which the recorded router does not send.
const END_OF_RIB: &str = "../../testdata/cases/eor-forms.bmp";

/// Returns the metrics of a collector that has received a recording.
fn exported() -> String {
    let mut config = Config::default();
    config.listen.address = vec!["127.0.0.1:0".parse().unwrap()];
    config.listen.workers = 1;
    config.publish.sink = Some(SinkKind::Null);
    config.control.enabled = false;
    config.collector_name = Some("test".to_owned());
    config.metrics.per_peer = true;
    // Reports are compared at once.
    config.routers.quiet_period_ms = 0;
    let collector = Collector::start(&config).unwrap();
    let mut router = Router::connect(collector.addresses()[0], 9);
    let mut bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(END_OF_RIB)).unwrap();
    for recording in RECORDINGS {
        let file = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(recording)).unwrap();
        bytes.extend(zstd::stream::decode_all(file).unwrap());
    }
    router.send(&bytes);
    let source: Arc<dyn ControlSource> = Arc::clone(collector.telemetry()) as _;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // The session stays open, as that of a router does.
    let all_received = format!("arancini_received_bytes_total {}\n", bytes.len());
    let text = loop {
        let text = runtime
            .block_on(scrape(&source, Exposition::OpenMetrics))
            .unwrap();
        if text.contains(&all_received) {
            break text;
        }
    };
    collector.stop(Duration::from_secs(30));
    text
}

/// Returns the labels of one sample with their values.
fn labels(line: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = line.split_once('{') else {
        return Vec::new();
    };
    let (inside, _) = rest.split_once('}').unwrap();
    inside
        .split(',')
        .map(|label| {
            let (name, value) = label.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        })
        .filter(|(name, _)| name != BUCKET_LABEL)
        .collect()
}

/// Returns the shape of each exported metric. Names are as scraped: counters end in `_total`.
fn shapes(text: &str) -> BTreeMap<String, Shape> {
    let mut found = BTreeMap::new();
    for family in text.split("# HELP ").skip(1) {
        let (_, described) = family.split_once("# TYPE ").unwrap();
        let (head, samples) = described.split_once('\n').unwrap();
        let (name, kind) = head.split_once(' ').unwrap();
        let suffix = if kind == "counter" { "_total" } else { "" };
        let names = samples.lines().flat_map(labels).map(|(name, _)| name).collect();
        found.insert(format!("{name}{suffix}"), (kind.to_owned(), names));
    }
    found
}

/// Returns the shape of each metric in the tables of the page.
fn documented(page: &str) -> BTreeMap<String, Shape> {
    page.lines()
        .filter(|line| line.starts_with("| `arancini_"))
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, name, kind, labels, _, _] = cells[..] else {
                return None;
            };
            let names = labels
                .split(',')
                .map(|label| label.trim().trim_matches('`'))
                .filter(|label| !label.is_empty())
                .map(str::to_owned)
                .collect();
            Some((name.trim_matches('`').to_owned(), (kind.to_owned(), names)))
        })
        .collect()
}

#[test]
fn the_page_lists_exactly_what_is_exported() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let text = exported();
    let exported = shapes(&text);
    assert!(exported.len() > 30, "{text}");
    let documented = documented(&page);
    let differing: Vec<_> = exported
        .keys()
        .chain(documented.keys())
        .filter(|&name| documented.get(name) != exported.get(name))
        .map(|name| (name, documented.get(name), exported.get(name)))
        .collect();
    assert!(
        differing.is_empty(),
        "(name, in docs/metrics.md, exported): {differing:#?}"
    );
    let values = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(labels)
        .filter(|(name, _)| !FREE_LABELS.contains(&name.as_str()));
    for (name, value) in values {
        assert!(
            page.contains(&format!("`{value}`")),
            "{name}={value} is not explained"
        );
    }
}
