//! The network cards of the host.

use super::host::HostReader;

/// The directory of the network interfaces.
pub(super) const CARDS: &str = "/sys/class/net";

/// Returns the interfaces that belong to a device and are not down.
pub(super) fn cards(host: &impl HostReader) -> Vec<String> {
    let mut cards = host.directory(CARDS);
    cards.retain(|card| {
        let up = host.file(&format!("{CARDS}/{card}/operstate"));
        !host.directory(&format!("{CARDS}/{card}/device")).is_empty() && up.as_deref() != Some("down")
    });
    cards
}
