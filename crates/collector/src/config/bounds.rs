//! Bounds of numbers that are narrower than those of their types. The validation and the documentation read them here.

use arancini_publish::NatsSettings;

/// Length of a Route Monitoring message with an extended BGP message (RFC 8654): common header, per-peer header and
/// 65,535 bytes.
const LEAST_MESSAGE_BYTES: usize = 6 + 42 + 65_535;
/// A larger message, batch or slot can only be a mistake.
const MOST_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// A receive slot smaller than a page makes receiving slower than it saves memory.
const LEAST_SLOT_BYTES: usize = 4096;
/// With a single slot the kernel would wait while the worker decodes the bytes in it.
const LEAST_SLOTS: usize = 2;
/// More slots per worker can only be a mistake.
const MOST_SLOTS: usize = 4096;
/// A single update with many attributes must fit into a batch.
const LEAST_BATCH_BYTES: usize = 4096;
/// The memory for these batches is reserved at the start. More can only be a mistake.
const MOST_BRIDGE_BATCHES: usize = 65_536;
/// Less memory holds the attributes of a few thousand routes only.
const LEAST_ATTRIBUTE_BYTES: usize = 1 << 20;
/// More time series in one scrape would keep the control port busy for seconds.
const MOST_SERIES: usize = 2_000_000;
/// More clients would need more open files than most hosts give to a process beside its routers.
const MOST_RIS_CLIENTS: usize = 10_000;
/// No upper bound.
const ANY: usize = usize::MAX;

/// The settings with bounds: name, least and most.
const BOUNDS: &[(&str, usize, usize)] = &[
    ("ingest.slot_bytes", LEAST_SLOT_BYTES, MOST_MESSAGE_BYTES),
    ("ingest.slots", LEAST_SLOTS, MOST_SLOTS),
    (
        "limits.max_message_bytes",
        LEAST_MESSAGE_BYTES,
        MOST_MESSAGE_BYTES,
    ),
    ("limits.max_sessions", 1, ANY),
    ("limits.max_sessions_per_source", 1, ANY),
    ("limits.max_peers_per_router", 1, ANY),
    ("rib.most_attribute_bytes", LEAST_ATTRIBUTE_BYTES, ANY),
    ("publish.max_batch_bytes", LEAST_BATCH_BYTES, MOST_MESSAGE_BYTES),
    ("publish.bridge_batches", 1, MOST_BRIDGE_BATCHES),
    ("publish.window_batches", 1, NatsSettings::MAX_WINDOW_MESSAGES),
    ("nats.replicas", 1, 5),
    ("control.ris_clients", 0, MOST_RIS_CLIENTS),
    ("metrics.max_series", 1, MOST_SERIES),
];

/// The least and the largest number that a setting accepts; `None` if its type says it all.
pub(super) fn bounds_of(key: &str) -> Option<(usize, usize)> {
    let bounds = BOUNDS.iter().find(|(of, _, _)| *of == key);
    bounds.map(|(_, least, most)| (*least, *most))
}

/// The accepted values of a setting in words: its bounds, or else those of its type.
pub(super) fn expected(section: &str, key: &str, by_type: String) -> String {
    match bounds_of(&format!("{section}.{key}")) {
        Some((least, ANY)) => format!("a whole number, {least} or more"),
        Some((least, most)) => format!("a whole number from {least} to {most}"),
        None => by_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;

    #[test]
    fn bounds_are_of_settings_that_exist() {
        let settings: Vec<_> = table().into_iter().flat_map(|section| section.settings).collect();
        for (key, least, most) in BOUNDS {
            let setting = settings.iter().find(|setting| setting.path() == *key);
            let default = setting.and_then(|setting| setting.default.as_ref()?.parse().ok());
            assert!(
                default.is_some_and(|default| (*least..=*most).contains(&default)),
                "{key}"
            );
        }
    }

    /// Numbers were described by their types, so the least and the largest were missing.
    #[test]
    fn the_documentation_names_the_bounds_that_the_validation_has() {
        let settings: Vec<_> = table().into_iter().flat_map(|section| section.settings).collect();
        let expected = |path: &str| {
            settings
                .iter()
                .find(|it| it.path() == path)
                .map(|it| it.expected.as_str())
        };
        assert_eq!(
            expected("rib.most_attribute_bytes"),
            Some("a whole number, 1048576 or more")
        );
        assert_eq!(
            expected("metrics.max_series"),
            Some("a whole number from 1 to 2000000")
        );
    }
}
