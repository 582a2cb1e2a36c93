//! Deviations: settings of the stream that are not as they should be.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use serde::Serialize;

use super::configuration::wanted;
use super::report::{retention_name, storage_name};
use crate::settings::StreamSettings;

/// A setting of the stream that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// Name of the setting, as NATS tools write it.
    pub setting: &'static str,
    /// Its value.
    pub found: String,
    /// The value that it should have.
    pub wanted: String,
    /// Publishing cannot work, or promises break. Otherwise the setting is a preference.
    pub serious: bool,
    /// What to do.
    pub remedy: String,
}

impl Deviation {
    /// Creates a serious deviation.
    fn serious(setting: &'static str, found: String, wanted: String, remedy: String) -> Self {
        Self {
            serious: true,
            ..Self::preference(setting, found, wanted, remedy)
        }
    }

    /// Creates a deviation from a preference.
    fn preference(setting: &'static str, found: String, wanted: String, remedy: String) -> Self {
        Self {
            setting,
            found,
            wanted,
            serious: false,
            remedy,
        }
    }
}

/// Lists how `found` differs from what the settings want.
pub fn deviations(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let mut all = promises(settings, found);
    all.extend(limits(settings, found));
    all
}

/// Lists the settings without which publishing fails, or what is acknowledged can be lost.
fn promises(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let wanted = wanted(settings);
    let mut all = Vec::new();
    let subjects = settings.subjects();
    if !found.subjects.iter().any(|filter| covers(filter, &subjects)) {
        let remedy = edit(settings, &format!("--subjects '{subjects}'"));
        all.push(Deviation::serious(
            "subjects",
            found.subjects.join(", "),
            subjects,
            remedy,
        ));
    }
    if found.no_ack {
        let remedy = edit(settings, "--ack");
        all.push(Deviation::serious(
            "no_ack",
            "true".into(),
            "false".into(),
            remedy,
        ));
    }
    if found.sealed {
        let remedy = "create a new stream".into();
        all.push(Deviation::serious(
            "sealed",
            "true".into(),
            "false".into(),
            remedy,
        ));
    }
    if found.retention != RetentionPolicy::Limits {
        let name = retention_name(found.retention).into();
        let remedy = "create a new stream with limits retention: the stream is the log that consumers and restarts read again";
        all.push(Deviation::preference(
            "retention",
            name,
            "limits".into(),
            remedy.into(),
        ));
    }
    if found.storage != StorageType::File {
        let name = storage_name(found.storage).into();
        let remedy = "create a new stream with file storage: a restart of the server loses what is acknowledged in memory";
        all.push(Deviation::preference(
            "storage",
            name,
            "file".into(),
            remedy.into(),
        ));
    }
    if found.duplicate_window < wanted.duplicate_window {
        all.push(Deviation::preference(
            "duplicate_window",
            seconds(found.duplicate_window),
            seconds(wanted.duplicate_window),
            edit(
                settings,
                &format!("--dupe-window {}s", wanted.duplicate_window.as_secs()),
            ),
        ));
    }
    if found.num_replicas != wanted.num_replicas {
        all.push(Deviation::preference(
            "num_replicas",
            found.num_replicas.to_string(),
            wanted.num_replicas.to_string(),
            edit(settings, &format!("--replicas {}", wanted.num_replicas)),
        ));
    }
    all
}

/// Lists the limits that differ: they decide how long messages stay.
fn limits(settings: &StreamSettings, found: &Config) -> Vec<Deviation> {
    let wanted = wanted(settings);
    let mut all = Vec::new();
    if found.max_messages_per_subject > 0 {
        all.push(Deviation::preference(
            "max_msgs_per_subject",
            found.max_messages_per_subject.to_string(),
            "none".into(),
            edit(settings, "--max-msgs-per-subject=-1"),
        ));
    }
    if found.max_messages > 0 {
        all.push(Deviation::preference(
            "max_msgs",
            found.max_messages.to_string(),
            "none".into(),
            edit(settings, "--max-msgs=-1"),
        ));
    }
    let both_unlimited = found.max_bytes <= 0 && wanted.max_bytes <= 0;
    if found.max_bytes.max(-1) != wanted.max_bytes && !both_unlimited {
        all.push(Deviation::preference(
            "max_bytes",
            limit(found.max_bytes),
            limit(wanted.max_bytes),
            edit(settings, &format!("--max-bytes={}", wanted.max_bytes)),
        ));
    }
    if found.max_age != wanted.max_age {
        all.push(Deviation::preference(
            "max_age",
            seconds(found.max_age),
            seconds(wanted.max_age),
            edit(settings, &format!("--max-age={}s", wanted.max_age.as_secs())),
        ));
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
