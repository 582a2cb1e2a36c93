//! Creating the buckets.

use arancini_client::Trouble;
use arancini_client::streams::{explain_api, find_stream};
use async_nats::jetstream::stream::{StorageType, Stream};
use async_nats::jetstream::{self, kv, object_store};
use tracing::info;

use super::failure::missing;
use crate::settings::NatsSettings;

/// What to do if a bucket does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it, if the settings allow that.
    Create,
    /// Fail.
    Fail,
}

/// Creates the key-value bucket.
pub(super) async fn make_index(
    context: &jetstream::Context,
    settings: &NatsSettings,
    name: &str,
    if_missing: IfMissing,
) -> Result<Stream, Trouble> {
    let stream = format!("KV_{name}");
    if if_missing == IfMissing::Fail {
        return Err(missing(&stream));
    }
    let config = kv::Config {
        bucket: name.to_owned(),
        description: "Which snapshots of Arancini are current".to_owned(),
        history: 1,
        storage: StorageType::File,
        num_replicas: settings.stream.replicas,
        ..kv::Config::default()
    };
    let made = context.create_key_value(config).await;
    made.map_err(|error| explain_api(&stream, "STREAM.CREATE", &error.to_string()))?;
    info!(bucket = name, "key-value bucket for snapshots created");
    find_stream(context, &stream)
        .await?
        .ok_or_else(|| missing(&stream))
}

/// Creates the object store.
pub(super) async fn make_objects(
    context: &jetstream::Context,
    settings: &NatsSettings,
    name: &str,
    if_missing: IfMissing,
) -> Result<Stream, Trouble> {
    let stream = format!("OBJ_{name}");
    if if_missing == IfMissing::Fail {
        return Err(missing(&stream));
    }
    let config = object_store::Config {
        bucket: name.to_owned(),
        description: Some("Snapshots of Arancini".to_owned()),
        max_bytes: -1,
        storage: StorageType::File,
        num_replicas: settings.stream.replicas,
        ..object_store::Config::default()
    };
    let made = context.create_object_store(config).await;
    made.map_err(|error| explain_api(&stream, "STREAM.CREATE", &error.to_string()))?;
    info!(bucket = name, "object store for snapshots created");
    find_stream(context, &stream)
        .await?
        .ok_or_else(|| missing(&stream))
}
