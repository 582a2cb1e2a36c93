//! Sets up the log. Log lines go to standard error, so that standard output contains only data.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::MakeWriter;

use arancini_collector::config::{Log, LogFormat};
use arancini_collector::log_queue::{self, LogWriter};

/// Sets the filter of the log while the process runs.
type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Starts logging for the whole process. Further calls have no effect.
pub fn init(settings: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&settings.level))
        // Module paths say nothing to an operator. `log.level` still filters by them.
        .with_target(false)
        .with_writer(QueuedLines);
    // An error means that logging has already started, as in tests.
    let (set_filter, started): (SetFilter, _) = match settings.format {
        LogFormat::Human => {
            let builder = builder
                .with_ansi(std::io::stderr().is_terminal())
                .with_filter_reloading();
            let handle = builder.reload_handle();
            (
                Box::new(move |filter| {
                    let _ = handle.reload(filter);
                }),
                builder.try_init(),
            )
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (
                Box::new(move |filter| {
                    let _ = handle.reload(filter);
                }),
                builder.try_init(),
            )
        }
    };
    if started.is_ok() {
        let _ = SET_FILTER.set(set_filter);
    }
}

/// Sets the level of the log, or the filter, while the process runs.
pub(crate) fn set_level(level: &str) {
    if let Some(set_filter) = SET_FILTER.get() {
        set_filter(filter(level));
    }
}

fn filter(level: &str) -> EnvFilter {
    // The level is valid: it was checked when the configuration was loaded.
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    library_directives()
        .into_iter()
        .fold(filter, EnvFilter::add_directive)
}

/// Gives each log line a writer into the queue.
struct QueuedLines;

impl<'a> MakeWriter<'a> for QueuedLines {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        log_queue::writer()
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> LogWriter {
        // The publisher ends the process right after such a line. Workers never log under this target.
        if *line.level() == Level::ERROR && line.target().starts_with("arancini_publish") {
            log_queue::writer().that_flushes()
        } else {
            log_queue::writer()
        }
    }
}

/// Returns the directives that silence libraries at any level.
///
/// async-nats logs the password and the token of its CONNECT at the level `trace`, and every failed attempt at the level
/// `error`. The sink logs what matters, once and without secrets.
fn library_directives() -> Option<Directive> {
    format!("async_nats={}", LevelFilter::OFF).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/configuration.md` gives this filter as an example. A target starts with the name of its crate.
    #[test]
    fn the_documented_filter_covers_all_crates_of_the_collector_and_no_others() {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("info,arancini=debug")
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::enabled!(target: "arancini::run", Level::DEBUG));
            assert!(tracing::enabled!(target: "arancini_collector::ingest::connection", Level::DEBUG));
            assert!(tracing::enabled!(target: "arancini_publish::status", Level::DEBUG));
            assert!(!tracing::enabled!(target: "arancini_collector::ingest", Level::TRACE));
            assert!(!tracing::enabled!(target: "hyper::server", Level::DEBUG));
        });
    }

    #[test]
    fn the_library_that_logs_secrets_is_silent_at_any_level() {
        for level in ["trace", "async_nats=trace", "info,async_nats=debug"] {
            let filter = library_directives()
                .into_iter()
                .fold(EnvFilter::new(level), EnvFilter::add_directive);
            let shown = filter.to_string();
            assert!(shown.split(',').any(|part| part == "async_nats=off"), "{shown}");
            assert_eq!(shown.matches("async_nats").count(), 1, "{shown}");
        }
    }
}
