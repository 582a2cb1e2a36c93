//! Checks of the spool's settings.

use crate::settings::{SinkSettings, SpoolSettings};

/// Says what makes no sense in the settings, and whether the directory is to be had.
pub(crate) fn check(settings: &SpoolSettings, sink: &SinkSettings) -> Result<(), String> {
    if !matches!(sink, SinkSettings::Nats(_)) {
        return Err("only the sink nats has a spool; set publish.on_full to \"block\"".to_owned());
    }
    std::fs::create_dir_all(&settings.directory).map_err(|error| {
        let directory = settings.directory.display();
        format!("the spool's directory {directory} can't be made: {error}; set publish.spool_dir")
    })
}
