//! The JetStream stream: made, checked and shown with the settings the promises rest on.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, ErrorCode};
use serde::Serialize;
use tracing::info;

use super::connect::connect;
use crate::settings::{NatsSettings, StreamSettings};
use crate::status::{Reason, Trouble};

/// A setting of the stream that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// The setting's name, as NATS tools write it.
    pub setting: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
    /// Publishing can't work or promises break; otherwise a preference.
    pub serious: bool,
    /// What mends it.
    pub remedy: String,
}

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
    /// What goes when a limit is reached: `old` or `new`.
    pub discard: &'static str,
    /// Replicas.
    pub replicas: usize,
    /// Limit in bytes; none if not positive.
    pub max_bytes: i64,
    /// Limit of age in seconds; none if 0.
    pub max_age_seconds: u64,
    /// How long message ids are remembered, in seconds.
    pub duplicate_window_seconds: u64,
    /// Messages stored.
    pub messages: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// First sequence stored.
    pub first_sequence: u64,
    /// Last sequence stored.
    pub last_sequence: u64,
    /// Distinct subjects stored.
    pub subject_count: u64,
    /// Consumers.
    pub consumers: usize,
}

/// `arancini stream create`: makes the stream, or says that it is there already.
pub async fn create(settings: &NatsSettings) -> Result<StreamReport, Trouble> {
    let connection = connect(settings, "arancini stream").await?;
    let context = jetstream::new(connection.client);
    if let Some(stream) = find(&context, &settings.stream.name).await? {
        return Ok(report(stream.cached_info()));
    }
    Ok(report(make(&context, &settings.stream).await?.cached_info()))
}

/// `arancini stream check`: what deviates, nothing if all is well. A missing stream is an error.
pub async fn check(settings: &NatsSettings) -> Result<Vec<Deviation>, Trouble> {
    let info = existing(settings).await?;
    Ok(deviations(&settings.stream, &info.config))
}

/// `arancini stream show`.
pub async fn show(settings: &NatsSettings) -> Result<StreamReport, Trouble> {
    Ok(report(&existing(settings).await?))
}

async fn existing(settings: &NatsSettings) -> Result<Info, Trouble> {
    let connection = connect(settings, "arancini stream").await?;
    let context = jetstream::new(connection.client);
    let stream = find(&context, &settings.stream.name).await?;
    stream
        .map(|stream| stream.cached_info().clone())
        .ok_or_else(|| missing(&settings.stream.name))
}

/// The stream, made if it is missing and that is allowed. Serious deviations are troubles.
pub(crate) async fn ensure(context: &jetstream::Context, settings: &NatsSettings) -> Result<Stream, Trouble> {
    let stream = match find(context, &settings.stream.name).await? {
        Some(stream) => stream,
        None if settings.create_stream => make(context, &settings.stream).await?,
        None => return Err(missing(&settings.stream.name)),
    };
    let wrong = deviations(&settings.stream, &stream.cached_info().config);
    match wrong.into_iter().find(|deviation| deviation.serious) {
        None => Ok(stream),
        Some(deviation) => Err(Trouble::new(
            Reason::StreamMismatch,
            format!(
                "stream {} has {} = {}, needed is {}",
                settings.stream.name, deviation.setting, deviation.found, deviation.wanted
            ),
            deviation.remedy,
        )),
    }
}

pub(crate) fn missing(name: &str) -> Trouble {
    Trouble::new(
        Reason::StreamMissing,
        format!("there is no stream {name}"),
        "make it with `arancini stream create`, or set nats.create_stream = true",
    )
}

pub(crate) async fn find(context: &jetstream::Context, name: &str) -> Result<Option<Stream>, Trouble> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(reply) if reply.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(explain_get(name, &error)),
        },
    }
}

async fn make(context: &jetstream::Context, settings: &StreamSettings) -> Result<Stream, Trouble> {
    let stream = context
        .create_stream(wanted(settings))
        .await
        .map_err(|error| explain_create(settings, &error))?;
    info!(
        stream = settings.name,
        subjects = settings.subjects(),
        "stream created"
    );
    context
        .get_stream(&stream.cached_info().config.name)
        .await
        .map_err(|error| explain_get(&settings.name, &error))
}

/// The stream's configuration as it should be.
fn wanted(settings: &StreamSettings) -> Config {
    // The server refuses a duplicate window longer than the messages live.
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

/// How `found` differs from what these settings want.
pub fn deviations(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let wanted = wanted(settings);
    let edit = |flags: &str| format!("`nats stream edit {} {flags}`", settings.name);
    let mut all = Vec::new();
    let mut add = |differs: bool, setting, found: String, wanted: String, serious, remedy: String| {
        if differs {
            all.push(Deviation {
                setting,
                found,
                wanted,
                serious,
                remedy,
            });
        }
    };
    let subjects = settings.subjects();
    add(
        !found.subjects.iter().any(|filter| covers(filter, &subjects)),
        "subjects",
        found.subjects.join(", "),
        subjects.clone(),
        true,
        edit(&format!("--subjects '{subjects}'")),
    );
    add(
        found.no_ack,
        "no_ack",
        "true".into(),
        "false".into(),
        true,
        edit("--ack"),
    );
    add(
        found.sealed,
        "sealed",
        "true".into(),
        "false".into(),
        true,
        "make a new stream".into(),
    );
    add(
        found.retention != RetentionPolicy::Limits,
        "retention",
        retention_name(found.retention).into(),
        "limits".into(),
        false,
        "the stream is the log that consumers and restarts read again: make a new stream with limits retention".into(),
    );
    add(
        found.storage != StorageType::File,
        "storage",
        storage_name(found.storage).into(),
        "file".into(),
        false,
        "what is acknowledged is lost with the server's memory: make a new stream with file storage".into(),
    );
    add(
        found.duplicate_window < wanted.duplicate_window,
        "duplicate_window",
        seconds(found.duplicate_window),
        seconds(wanted.duplicate_window),
        false,
        edit(&format!("--dupe-window {}s", wanted.duplicate_window.as_secs())),
    );
    add(
        found.num_replicas != wanted.num_replicas,
        "num_replicas",
        found.num_replicas.to_string(),
        wanted.num_replicas.to_string(),
        false,
        edit(&format!("--replicas {}", wanted.num_replicas)),
    );
    add(
        found.max_messages_per_subject > 0,
        "max_msgs_per_subject",
        found.max_messages_per_subject.to_string(),
        "none".into(),
        false,
        edit("--max-msgs-per-subject=-1"),
    );
    add(
        found.max_messages > 0,
        "max_msgs",
        found.max_messages.to_string(),
        "none".into(),
        false,
        edit("--max-msgs=-1"),
    );
    let limit = |bytes: i64| {
        if bytes > 0 {
            bytes.to_string()
        } else {
            "none".to_owned()
        }
    };
    add(
        found.max_bytes.max(-1) != wanted.max_bytes && !(found.max_bytes <= 0 && wanted.max_bytes <= 0),
        "max_bytes",
        limit(found.max_bytes),
        limit(wanted.max_bytes),
        false,
        edit(&format!("--max-bytes={}", wanted.max_bytes)),
    );
    add(
        found.max_age != wanted.max_age,
        "max_age",
        seconds(found.max_age),
        seconds(wanted.max_age),
        false,
        edit(&format!("--max-age={}s", wanted.max_age.as_secs())),
    );
    all
}

/// Whether all subjects of `wanted` (which ends in `>`) match `filter`.
fn covers(filter: &str, wanted: &str) -> bool {
    let (mut filter, mut wanted) = (filter.split('.'), wanted.split('.'));
    loop {
        match (filter.next(), wanted.next()) {
            (Some(">"), Some(_)) => return true,
            (Some(_), Some(">")) | (None, _) | (_, None) => return false,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

fn report(info: &Info) -> StreamReport {
    let config = &info.config;
    StreamReport {
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

fn storage_name(storage: StorageType) -> &'static str {
    match storage {
        StorageType::File => "file",
        StorageType::Memory => "memory",
    }
}

fn retention_name(retention: RetentionPolicy) -> &'static str {
    match retention {
        RetentionPolicy::Limits => "limits",
        RetentionPolicy::Interest => "interest",
        RetentionPolicy::WorkQueue => "workqueue",
    }
}

fn seconds(duration: Duration) -> String {
    if duration.is_zero() {
        "none".to_owned()
    } else {
        format!("{} s", duration.as_secs_f64())
    }
}

fn explain_get(name: &str, error: &GetStreamError) -> Trouble {
    explain_api(name, "STREAM.INFO", &error.to_string())
}

fn explain_create(settings: &StreamSettings, error: &CreateStreamError) -> Trouble {
    let text = error.to_string();
    if text.contains("overlap") {
        return Trouble::new(
            Reason::StreamMismatch,
            format!("another stream has the subjects {} already", settings.subjects()),
            "set nats.stream to its name, or choose another publish.subject_base",
        );
    }
    explain_api(&settings.name, "STREAM.CREATE", &text)
}

pub(crate) fn explain_api(name: &str, call: &str, text: &str) -> Trouble {
    let lower = text.to_ascii_lowercase();
    let no_jetstream = ["no responders", "not enabled", "resource does not exist"];
    if no_jetstream.iter().any(|part| lower.contains(part)) {
        return Trouble::new(
            Reason::StreamMissing,
            format!("the server has no JetStream for this account ({text})"),
            "start nats-server with -js, or enable JetStream for the account",
        );
    }
    if lower.contains("timed out") || lower.contains("request error") {
        return Trouble::new(
            Reason::Permission,
            format!("JetStream does not answer {call} for stream {name} ({text})"),
            format!(
                "let the user publish $JS.API.{call}.{name} and subscribe its inbox; else look at the server's load"
            ),
        );
    }
    if lower.contains("insufficient") || lower.contains("resource limits") || lower.contains("maximum") {
        return Trouble::new(
            Reason::StreamFull,
            format!("JetStream has no room for stream {name} ({text})"),
            "raise max_file_store or the account's limits, or lower nats.max_bytes or nats.replicas",
        );
    }
    Trouble::new(
        Reason::Other,
        format!("JetStream refuses {call} for stream {name}: {text}"),
        "see the server's log",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn covering_filters() {
        for (filter, yes) in [
            ("arancini.>", true),
            (">", true),
            ("*.>", true),
            ("arancini.updates.>", false),
            ("arancini.*", false),
            ("arancini", false),
            ("other.>", false),
        ] {
            assert_eq!(covers(filter, "arancini.>"), yes, "{filter}");
        }
    }

    #[test]
    fn what_is_made_has_no_deviations() {
        let settings = StreamSettings {
            max_bytes: Some(1 << 30),
            max_age: Some(Duration::from_secs(60)),
            ..StreamSettings::default()
        };
        assert_eq!(deviations(&settings, &wanted(&settings)), []);
    }

    #[test]
    fn each_deviation_is_listed_with_its_remedy() {
        let settings = StreamSettings::default();
        let found = Config {
            subjects: vec!["arancini.updates.>".to_owned()],
            storage: StorageType::Memory,
            duplicate_window: Duration::from_secs(1),
            max_bytes: 1 << 20,
            max_messages: 7,
            no_ack: true,
            num_replicas: 3,
            ..wanted(&settings)
        };
        let all = deviations(&settings, &found);
        let names: Vec<_> = all.iter().map(|deviation| deviation.setting).collect();
        assert_eq!(
            names,
            [
                "subjects",
                "no_ack",
                "storage",
                "duplicate_window",
                "num_replicas",
                "max_msgs",
                "max_bytes"
            ]
        );
        assert!(all.iter().all(|deviation| !deviation.remedy.is_empty()));
    }
}
