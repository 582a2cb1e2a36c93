//! Log lines on standard error, so that standard output stays clean for data.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use arancini_collector::config::{Log, LogFormat};

/// Starts logging for the whole process. A second call changes nothing.
pub fn init(settings: &Log) {
    // The level was checked when the configuration was loaded.
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = library_directives()
        .into_iter()
        .fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a log is there already, as in tests.
    let _ = match settings.format {
        LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// async-nats writes the password and the token of its CONNECT at the level `trace`, and each failed attempt at `error`.
/// The sink says what matters, once and without secrets, so the library is silent whatever the level.
fn library_directives() -> Option<Directive> {
    format!("async_nats={}", LevelFilter::OFF).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
