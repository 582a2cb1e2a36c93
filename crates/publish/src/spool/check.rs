//! Checks of the spool's settings.

use crate::settings::{SinkSettings, SpoolSettings};

/// Returns an error that names the first setting that makes no sense. Creates the directory.
pub(crate) fn check(settings: &SpoolSettings, sink: &SinkSettings) -> Result<(), String> {
    if !matches!(sink, SinkSettings::Nats(_)) {
        return Err("only the sink nats has a spool; set publish.on_full to \"block\"".to_owned());
    }
    std::fs::create_dir_all(&settings.directory).map_err(|error| {
        let directory = settings.directory.display();
        format!("can't create the spool's directory {directory}: {error}; set publish.spool_dir to one that can be created")
    })
}
