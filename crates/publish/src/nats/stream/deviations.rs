//! Deviations: settings of the stream that are not as they should be. `docs/nats.md` has the table.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, PersistenceMode, RetentionPolicy, StorageType};
use serde::Serialize;

use super::configuration::wanted;
use super::report::{retention_name, storage_name};
use crate::settings::StreamSettings;

/// A stream that takes no messages of this size may have to set some aside: the default `max_payload` of nats-server.
const USUAL_MAX_PAYLOAD: i32 = 1 << 20;

/// What a deviation means for the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Publishing cannot work, or what is acknowledged would be lost without notice. The collector does not publish.
    Refused,
    /// The collector publishes, but a promise is weaker. It logs that at the start, and `/readyz` shows it.
    Warned,
    /// The setting differs from the configuration. Only `arancini stream check` lists it.
    Listed,
}

/// A setting of the stream that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// What the deviation means for the collector.
    pub severity: Severity,
    /// Name of the setting, as NATS tools write it.
    pub setting: &'static str,
    /// Its value.
    pub found: String,
    /// The value that it should have.
    pub wanted: String,
    /// What the deviation leads to.
    pub reason: &'static str,
    /// What to do.
    pub remedy: String,
}

/// Lists how `found` differs from what the settings want: what is refused first.
pub fn deviations(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let mut all = unusable(settings, found);
    all.extend(lossy(settings, found));
    all.extend(warned(settings, found));
    all.extend(listed(settings, found));
    all
}

/// Makes a deviation with which the collector does not publish.
fn refuse(
    setting: &'static str,
    found: String,
    wanted: &str,
    reason: &'static str,
    remedy: String,
) -> Deviation {
    Deviation {
        severity: Severity::Refused,
        setting,
        found,
        wanted: wanted.to_owned(),
        reason,
        remedy,
    }
}

fn new_stream() -> String {
    "create a new stream with `arancini stream create`, and set nats.stream to its name".to_owned()
}

/// Lists the settings with which publishing fails.
fn unusable(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let mut all = Vec::new();
    if let Some(mirrored) = &found.mirror {
        let remedy = format!("set nats.stream to {}", mirrored.name);
        let reason = "a mirror takes no messages of a publisher";
        all.push(refuse("mirror", mirrored.name.clone(), "none", reason, remedy));
    }
    let subjects = settings.subjects();
    if found.mirror.is_none() && !found.subjects.iter().any(|filter| covers(filter, &subjects)) {
        let remedy = edit(settings, &format!("--subjects '{subjects}'"));
        let reason = "the stream would not store the collector's messages";
        all.push(refuse(
            "subjects",
            found.subjects.join(", "),
            &subjects,
            reason,
            remedy,
        ));
    }
    if found.no_ack {
        let reason = "without acknowledgements nothing is known to be stored";
        all.push(refuse(
            "no_ack",
            "true".to_owned(),
            "false",
            reason,
            edit(settings, "--ack"),
        ));
    }
    if found.sealed {
        let reason = "a sealed stream takes no messages";
        all.push(refuse("sealed", "true".to_owned(), "false", reason, new_stream()));
    }
    if found.allow_message_counter {
        let reason = "the stream takes only counters";
        all.push(refuse(
            "allow_msg_counter",
            "true".to_owned(),
            "false",
            reason,
            new_stream(),
        ));
    }
    all
}

/// Lists the settings with which acknowledged messages are lost without notice.
fn lossy(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let mut all = Vec::new();
    if found.retention != RetentionPolicy::Limits {
        let reason = match found.retention {
            RetentionPolicy::Interest => {
                "messages are removed once today's consumers have them, or at once without consumers, so neither a new consumer nor a restart can read the stream"
            }
            _ => {
                "each message is removed once one consumer has it, so neither a second consumer nor a restart can read the stream"
            }
        };
        let name = retention_name(found.retention).to_owned();
        all.push(refuse("retention", name, "limits", reason, new_stream()));
    }
    if found.max_messages_per_subject > 0 {
        let reason = "the server removes messages from the middle of the stream, and neither consumers nor a restart notice that they are missing";
        let remedy = format!(
            "{}; messages already removed stay missing: then purge the stream (`nats stream purge {}`), so that all routers are resynced",
            edit(settings, "--max-msgs-per-subject=-1"),
            settings.name
        );
        let limit = found.max_messages_per_subject.to_string();
        all.push(refuse("max_msgs_per_subject", limit, "none", reason, remedy));
    }
    if found.subject_transform.is_some() {
        let reason = "messages are stored under other subjects than the collector and its consumers know";
        all.push(refuse(
            "subject_transform",
            "set".to_owned(),
            "none",
            reason,
            new_stream(),
        ));
    }
    if found.persist_mode == Some(PersistenceMode::Async) {
        let reason = "the server acknowledges messages before it has written them";
        all.push(refuse(
            "persist_mode",
            "async".to_owned(),
            "default",
            reason,
            new_stream(),
        ));
    }
    all
}

/// Lists the settings that weaken a promise.
fn warned(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let expected = wanted(settings);
    let mut all = Vec::new();
    let mut warn = |setting, found: String, wanted: String, reason, remedy: String| {
        all.push(Deviation {
            severity: Severity::Warned,
            setting,
            found,
            wanted,
            reason,
            remedy,
        });
    };
    if found.storage != StorageType::File {
        let reason = "a restart of the server loses what it acknowledged, and all routers have to dump again";
        let remedy = "create a new stream with file storage".to_owned();
        warn(
            "storage",
            storage_name(found.storage).to_owned(),
            "file".to_owned(),
            reason,
            remedy,
        );
    }
    if found.num_replicas < expected.num_replicas {
        let reason = "fewer servers than configured may fail before acknowledged messages are lost";
        let remedy = edit(settings, &format!("--replicas {}", expected.num_replicas));
        let replicas = |config: &Config| config.num_replicas.to_string();
        warn(
            "num_replicas",
            replicas(found),
            replicas(&expected),
            reason,
            remedy,
        );
    }
    if found.duplicate_window < expected.duplicate_window {
        let reason = "a message that is sent again late may be stored twice";
        let window = expected.duplicate_window;
        let remedy = edit(settings, &format!("--dupe-window {}s", window.as_secs()));
        warn(
            "duplicate_window",
            seconds(found.duplicate_window),
            seconds(window),
            reason,
            remedy,
        );
    }
    if !found.max_age.is_zero() && found.max_age < settings.least_age {
        let reason = "messages are removed before the next snapshot is taken, so each restart makes all routers dump again";
        let least = settings.least_age.as_secs();
        let remedy = format!(
            "{}, and set nats.max_age_s if it is lower; or lower snapshots.interval_ms",
            edit(settings, &format!("--max-age={least}s"))
        );
        let at_least = format!("at least {}", seconds(settings.least_age));
        warn("max_age", seconds(found.max_age), at_least, reason, remedy);
    }
    if found.max_message_size > 0 && found.max_message_size < USUAL_MAX_PAYLOAD {
        let reason = "messages beyond this size are set aside, and consumers do not get them";
        let remedy = edit(settings, "--max-msg-size=-1");
        warn(
            "max_msg_size",
            found.max_message_size.to_string(),
            "none".to_owned(),
            reason,
            remedy,
        );
    }
    if let Some(sources) = found.sources.as_ref().filter(|sources| !sources.is_empty()) {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let reason = "the stream also stores messages of other streams, in an order of its own";
        let remedy = "use a stream without sources for the collector".to_owned();
        warn("sources", names.join(", "), "none".to_owned(), reason, remedy);
    }
    all
}

/// Lists the settings that decide how long messages stay, and that differ from the configuration.
fn listed(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let expected = wanted(settings);
    let mut all = Vec::new();
    let mut list = |setting, found: String, wanted: String, reason, remedy: String| {
        all.push(Deviation {
            severity: Severity::Listed,
            setting,
            found,
            wanted,
            reason,
            remedy,
        });
    };
    let stay = "messages stay for another time than configured";
    if found.num_replicas > expected.num_replicas {
        let reason = "there are more replicas than configured";
        let remedy = edit(settings, &format!("--replicas {}", expected.num_replicas));
        let replicas = |config: &Config| config.num_replicas.to_string();
        list(
            "num_replicas",
            replicas(found),
            replicas(&expected),
            reason,
            remedy,
        );
    }
    if found.max_messages > 0 {
        let remedy = edit(settings, "--max-msgs=-1");
        list(
            "max_msgs",
            found.max_messages.to_string(),
            "none".to_owned(),
            stay,
            remedy,
        );
    }
    let both_unlimited = found.max_bytes <= 0 && expected.max_bytes <= 0;
    if found.max_bytes.max(-1) != expected.max_bytes && !both_unlimited {
        let remedy = edit(settings, &format!("--max-bytes={}", expected.max_bytes));
        list(
            "max_bytes",
            limit(found.max_bytes),
            limit(expected.max_bytes),
            stay,
            remedy,
        );
    }
    if found.max_age != expected.max_age {
        let remedy = edit(settings, &format!("--max-age={}s", expected.max_age.as_secs()));
        list(
            "max_age",
            seconds(found.max_age),
            seconds(expected.max_age),
            stay,
            remedy,
        );
    }
    all
}

/// The command that changes a setting.
fn edit(settings: &StreamSettings, flags: &str) -> String {
    format!("`nats stream edit {} {flags}`", settings.name)
}

fn limit(bytes: i64) -> String {
    if bytes > 0 {
        bytes.to_string()
    } else {
        "none".to_owned()
    }
}

/// Returns whether all subjects of `wanted` (which ends in `>`) match `filter`.
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

fn seconds(duration: Duration) -> String {
    if duration.is_zero() {
        "none".to_owned()
    } else {
        format!("{} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use async_nats::jetstream::stream::{Source, SubjectTransform};

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

    #[test]
    fn what_would_lose_acknowledged_messages_is_refused() {
        let settings = StreamSettings::default();
        let found = Config {
            sealed: true,
            retention: RetentionPolicy::WorkQueue,
            max_messages_per_subject: 100,
            subject_transform: Some(SubjectTransform {
                source: ">".to_owned(),
                destination: "x.>".to_owned(),
            }),
            persist_mode: Some(PersistenceMode::Async),
            allow_message_counter: true,
            ..wanted(&settings)
        };
        let all = deviations(&settings, &found);
        let names: Vec<_> = all.iter().map(|deviation| deviation.setting).collect();
        assert_eq!(
            names,
            [
                "sealed",
                "allow_msg_counter",
                "retention",
                "max_msgs_per_subject",
                "subject_transform",
                "persist_mode"
            ]
        );
        assert!(
            all.iter()
                .all(|deviation| deviation.severity == Severity::Refused)
        );
        let mirror = Config {
            mirror: Some(Source {
                name: "OTHER".to_owned(),
                ..Source::default()
            }),
            subjects: Vec::new(),
            ..wanted(&settings)
        };
        let all = deviations(&settings, &mirror);
        assert_eq!(all.len(), 1, "a mirror has no subjects: {all:?}");
        assert!(all[0].remedy.contains("OTHER"), "{all:?}");
    }

    #[test]
    fn what_weakens_a_promise_is_warned_of() {
        let settings = StreamSettings {
            max_age: Some(Duration::from_secs(30)),
            least_age: Duration::from_secs(60),
            replicas: 3,
            ..StreamSettings::default()
        };
        let found = Config {
            storage: StorageType::Memory,
            num_replicas: 1,
            duplicate_window: Duration::from_secs(1),
            max_message_size: 4096,
            sources: Some(vec![Source::default()]),
            ..wanted(&settings)
        };
        let all = deviations(&settings, &found);
        let names: Vec<_> = all.iter().map(|deviation| deviation.setting).collect();
        assert_eq!(
            names,
            [
                "storage",
                "num_replicas",
                "duplicate_window",
                "max_age",
                "max_msg_size",
                "sources"
            ]
        );
        assert!(all.iter().all(|deviation| deviation.severity == Severity::Warned));
    }
}
