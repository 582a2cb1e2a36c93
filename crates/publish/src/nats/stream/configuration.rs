//! The stream's configuration as it should be.

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::settings::StreamSettings;

/// Returns the stream's configuration as it should be.
pub(super) fn wanted(settings: &StreamSettings) -> Config {
    // The server refuses a duplicate window that is longer than the messages live.
    let duplicate_window = settings.max_age.map_or(settings.duplicate_window, |age| {
        age.min(settings.duplicate_window)
    });
    Config {
        name: settings.name.clone(),
        description: Some("Curated BMP route updates of Arancini".to_owned()),
        subjects: vec![settings.subjects()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        num_replicas: settings.replicas,
        max_bytes: settings
            .max_bytes
            .and_then(|bytes| i64::try_from(bytes).ok())
            .unwrap_or(-1),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_age: settings.max_age.unwrap_or_default(),
        max_message_size: -1,
        duplicate_window,
        allow_direct: true,
        ..Config::default()
    }
}
