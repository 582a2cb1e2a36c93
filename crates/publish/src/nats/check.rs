//! Checks of the settings that can be made without a server.

use arancini_client::connect::masked;

use crate::names::{is_server_url, is_stream_name, is_subject_base};
use crate::settings::NatsSettings;

/// Returns an error that names the first setting that makes no sense.
pub(crate) fn check(settings: &NatsSettings) -> Result<(), String> {
    if settings.server.urls.is_empty() {
        return Err("nats: no server is configured; set nats.urls".to_owned());
    }
    for url in &settings.server.urls {
        if !is_server_url(url) {
            return Err(format!(
                "nats: {} is no server URL; write nats://HOST:PORT",
                masked(url)
            ));
        }
    }
    let name = &settings.stream.name;
    if !is_stream_name(name) {
        return Err(format!(
            "nats: stream name {name:?} is not allowed; use no white space and none of . * > / \\"
        ));
    }
    let base = &settings.stream.base;
    if !is_subject_base(base) {
        return Err(format!(
            "nats: base subject {base:?} is not allowed; write words joined by dots"
        ));
    }
    if settings.window.max_messages > NatsSettings::MAX_WINDOW_MESSAGES {
        return Err(format!(
            "nats: the window has more than {} messages; lower publish.window_batches",
            NatsSettings::MAX_WINDOW_MESSAGES
        ));
    }
    Ok(())
}
