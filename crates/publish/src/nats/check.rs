//! Checks of the settings that can be made without a server.

use arancini_client::connect::masked;

use crate::settings::NatsSettings;

/// Returns an error that names the first setting that makes no sense.
pub(crate) fn check(settings: &NatsSettings) -> Result<(), String> {
    if settings.server.urls.is_empty() {
        return Err("nats: no server is configured; set nats.urls".to_owned());
    }
    for url in &settings.server.urls {
        url.parse::<async_nats::ServerAddr>()
            .map_err(|_| format!("nats: {} is no server URL; write nats://HOST:PORT", masked(url)))?;
    }
    let name = &settings.stream.name;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || ".*>/\\".contains(c)) {
        return Err(format!(
            "nats: stream name {name:?} is not allowed; use no white space and none of . * > / \\"
        ));
    }
    let base = &settings.stream.base;
    if base
        .split('.')
        .any(|word| word.is_empty() || word.contains(['*', '>', ' ']))
    {
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
