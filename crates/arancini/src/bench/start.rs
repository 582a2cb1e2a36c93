//! One way to start the collector that the bench measures.

use std::path::Path;

use arancini_bench::{BenchError, Case, Described, StartSettings, Subject};
use arancini_collector::config::SinkKind;
use serde_json::json;

use crate::flags::word;

/// One way to start the collector: flags and environment variables.
#[derive(Debug, Clone, Default)]
pub struct Start {
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Start {
    /// Adds a flag with its value.
    pub(super) fn flag(&mut self, name: &str, value: impl ToString) {
        self.arguments.extend([name.to_owned(), value.to_string()]);
    }

    /// Adds an environment variable.
    pub(super) fn setting(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.push((name, value.into()));
    }

    /// Adds this linger, if one is given.
    pub fn with_linger(mut self, linger_ms: Option<u64>) -> Self {
        if let Some(linger_ms) = linger_ms {
            self.setting("ARANCINI_PUBLISH__LINGER_MS", linger_ms.to_string());
        }
        self
    }

    /// Adds this sink. The sink `file` writes its segments below `data_dir`.
    pub fn with_sink(mut self, sink: SinkKind, nats: Option<&str>, data_dir: &Path) -> Self {
        self.flag("--sink", word(sink));
        if sink == SinkKind::File {
            self.flag("--data-dir", data_dir.display());
        }
        if let Some(url) = nats {
            self.flag("--nats", url);
        }
        self
    }

    /// Makes the tables retain the attributes of routes.
    pub fn with_attributes(mut self) -> Self {
        self.setting("ARANCINI_RIB__ATTRIBUTES", "retain");
        self
    }

    /// Adds the sink `null`.
    pub fn without_sink(self) -> Self {
        self.with_sink(SinkKind::Null, None, Path::new(""))
    }

    /// Starts a collector.
    pub fn start(&self, config: Option<&Path>) -> Result<Subject, BenchError> {
        Subject::collector(&StartSettings {
            config: config.map(Path::to_owned),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
        })
    }

    /// Returns the case of this load with a collector started this way, described in words and as a JSON object.
    pub fn case(&self, load: &impl Described) -> Case {
        let settings = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let words: Vec<String> = settings.chain(self.arguments.iter().cloned()).collect();
        let words = words.join(" ");
        let object = json!({"load": load.to_json(), "collector": words});
        Case::new(format!("load     {load}\ncollector {words}"), object)
    }
}
