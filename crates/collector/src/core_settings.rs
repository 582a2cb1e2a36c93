//! The configuration as the core needs it.

use arancini_core::{BatchSettings, KeptAttributes, Settings};
use arancini_rib::CurationMode;

use crate::config::{AttributesKind, Config, CurationKind};

/// Most bytes that the open batches of one worker hold together, however many subjects there are.
const MAX_OPEN_BATCH_BYTES: usize = 16 << 20;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Translates the configuration into the settings of the core.
#[must_use]
pub fn core_settings(config: &Config) -> Settings {
    Settings {
        subject_base: config.publish.subject_base.clone(),
        curation: match config.curation.mode {
            CurationKind::Attributes => CurationMode::Attributes,
            CurationKind::Presence => CurationMode::Presence,
            CurationKind::Off => CurationMode::Off,
        },
        attributes: match config.rib.attributes {
            AttributesKind::Fingerprint => KeptAttributes::Fingerprint,
            AttributesKind::Retain => KeptAttributes::Retain {
                most_bytes: usize::try_from(config.rib.most_attribute_bytes).unwrap_or(usize::MAX)
                    / config.workers().max(1),
            },
        },
        session_hold_ns: config.routers.session_hold_ms.saturating_mul(NANOS_PER_MILLI),
        quiet_period_ns: config.routers.quiet_period_ms.saturating_mul(NANOS_PER_MILLI),
        max_message_bytes: config.limits.max_message_bytes,
        max_peers_per_router: config.limits.max_peers_per_router,
        turn_work: Settings::TURN_WORK,
        short_way: config.curation.short_way,
        names: config.routers.identity.names(),
        batch: BatchSettings {
            max_messages: config.publish.max_updates,
            max_bytes: config.publish.max_batch_bytes,
            linger_ns: config.publish.linger_ms.saturating_mul(NANOS_PER_MILLI),
            max_open_bytes: MAX_OPEN_BATCH_BYTES,
            ..BatchSettings::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_share_the_memory_for_attributes() {
        let mut config = Config::default();
        assert_eq!(core_settings(&config).attributes, KeptAttributes::Fingerprint);
        config.rib.attributes = AttributesKind::Retain;
        config.rib.most_attribute_bytes = 4 << 20;
        config.listen.workers = 4;
        let share = KeptAttributes::Retain { most_bytes: 1 << 20 };
        assert_eq!(core_settings(&config).attributes, share);
    }
}
