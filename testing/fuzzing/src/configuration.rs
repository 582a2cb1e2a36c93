//! Target `configuration`: a configuration file, and environment variables behind a zero octet, `NAME=VALUE` a line.

use arancini_collector::config;

use crate::scratch::Scratch;

/// Loads the configuration. The settings in effect, printed as a file and loaded again, must be the same.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (file, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let environment: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let scratch = Scratch::new("configuration", file.as_bytes());
    match config::load(Some(scratch.path()), environment, &[]) {
        Ok(config) => {
            let shown = config::show(&config);
            assert!(config.workers() > 0 && !config.collector_name().is_empty());
            let _ = config.sink();
            // A masked secret is not the one that was given, and may contradict other settings.
            if !shown.contains("***") {
                shown_is_loaded(&shown);
            }
        }
        Err(errors) => {
            let text = errors.to_string();
            assert!(!text.is_empty());
            assert!(
                text.len() < 1000 * (1 + file.len() + variables.len()),
                "errors are short"
            );
        }
    }
}

fn shown_is_loaded(shown: &str) {
    let scratch = Scratch::new("shown", shown.as_bytes());
    match config::load(Some(scratch.path()), [], &[]) {
        Ok(again) => assert_eq!(config::show(&again), shown),
        Err(errors) => panic!("what is shown is refused: {errors}\n{shown}"),
    }
}
