//! The stream as it is: its settings and its content.

use async_nats::jetstream::stream::{DiscardPolicy, Info, RetentionPolicy, StorageType};
use serde::Serialize;

/// The stream as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Name.
    pub name: String,
    /// Subject filters.
    pub subjects: Vec<String>,
    /// `file` or `memory`.
    pub storage: &'static str,
    /// `limits`, `interest` or `workqueue`.
    pub retention: &'static str,
    /// Which messages the server drops at a limit: `old` or `new`.
    pub discard: &'static str,
    /// Replicas.
    pub replicas: usize,
    /// Limit in bytes; no limit if not positive.
    pub max_bytes: i64,
    /// Limit of the messages on one subject; no limit if not positive.
    pub max_messages_per_subject: i64,
    /// Limit of the size of one message in bytes; no limit if not positive.
    pub max_message_bytes: i64,
    /// Limit of age in seconds; no limit if 0.
    pub max_age_seconds: u64,
    /// How long the server remembers message ids, in seconds.
    pub duplicate_window_seconds: u64,
    /// Stored messages.
    pub messages: u64,
    /// Stored bytes.
    pub bytes: u64,
    /// First stored sequence.
    pub first_sequence: u64,
    /// Last stored sequence.
    pub last_sequence: u64,
    /// Number of different subjects.
    pub subject_count: u64,
    /// Consumers.
    pub consumers: usize,
}

impl StreamReport {
    /// Reports on a stream.
    pub(super) fn of(info: &Info) -> Self {
        let config = &info.config;
        Self {
            name: config.name.clone(),
            subjects: config.subjects.clone(),
            storage: storage_name(config.storage),
            retention: retention_name(config.retention),
            discard: match config.discard {
                DiscardPolicy::Old => "old",
                DiscardPolicy::New => "new",
            },
            replicas: config.num_replicas,
            max_bytes: config.max_bytes,
            max_messages_per_subject: config.max_messages_per_subject,
            max_message_bytes: i64::from(config.max_message_size),
            max_age_seconds: config.max_age.as_secs(),
            duplicate_window_seconds: config.duplicate_window.as_secs(),
            messages: info.state.messages,
            bytes: info.state.bytes,
            first_sequence: info.state.first_sequence,
            last_sequence: info.state.last_sequence,
            subject_count: info.state.subjects_count,
            consumers: info.state.consumer_count,
        }
    }
}

/// Returns the name that NATS tools write.
pub(super) fn storage_name(storage: StorageType) -> &'static str {
    match storage {
        StorageType::File => "file",
        StorageType::Memory => "memory",
    }
}

/// Returns the name that NATS tools write.
pub(super) fn retention_name(retention: RetentionPolicy) -> &'static str {
    match retention {
        RetentionPolicy::Limits => "limits",
        RetentionPolicy::Interest => "interest",
        RetentionPolicy::WorkQueue => "workqueue",
    }
}
