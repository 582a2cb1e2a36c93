//! The `nats` sink: JetStream publish with a window of unacknowledged batches.
//!
//! Order of things: [`connect`] makes a client that never reconnects by itself, [`stream`] makes sure of the stream,
//! `publisher` runs the window over one client after the other, raises the [`fence`] and asks the `inventory` in between,
//! [`message`] is one NATS message. [`bucket`] is another matter: where snapshots are kept in NATS.

pub mod bucket;
pub mod connect;
pub mod fence;
mod inventory;
pub mod message;
mod packer;
mod publisher;
mod reply;
pub mod stream;

pub(crate) use publisher::run;

use crate::settings::NatsSettings;

/// Says what makes no sense in the settings.
pub(crate) fn check(settings: &NatsSettings) -> Result<(), String> {
    if settings.urls.is_empty() {
        return Err("nats: no server given; set nats.urls".to_owned());
    }
    for url in &settings.urls {
        url.parse::<async_nats::ServerAddr>().map_err(|_| {
            format!(
                "nats: {} is no server URL; write nats://HOST:PORT",
                connect::masked(url)
            )
        })?;
    }
    let name = &settings.stream.name;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || ".*>/\\".contains(c)) {
        return Err(format!(
            "nats: stream name {name:?}: leave out white space and . * > / \\"
        ));
    }
    if settings
        .stream
        .base
        .split('.')
        .any(|token| token.is_empty() || token.contains(['*', '>', ' ']))
    {
        return Err(format!(
            "nats: base subject {:?}: write words joined by dots",
            settings.stream.base
        ));
    }
    if settings.window.max_messages > NatsSettings::MAX_WINDOW_MESSAGES {
        return Err(format!(
            "nats: window of more than {} messages",
            NatsSettings::MAX_WINDOW_MESSAGES
        ));
    }
    Ok(())
}
