//! Lines for a terminal: columns under each other, announces green, withdraws red, events yellow.

use std::fmt;

use arancini_schema::json::visible;
use serde_json::Value;

use super::line::Line;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// The line of a message for a terminal.
pub(super) struct ScreenLine<'a> {
    /// The message in its JSON form.
    pub message: &'a Value,
    /// Whether the line has colours.
    pub colours: Colours,
}

/// Whether the terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// It does.
    Shown,
    /// It does not, or `NO_COLOR` is set.
    None,
}

impl fmt::Display for ScreenLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = Line(self.message);
        // Names of routers come from outside: what controls a terminal is made visible before colours are added.
        write!(f, "{} {:<15} ", line.time(), visible(line.router()))?;
        let colour = match (self.colours, line.is_announce()) {
            (Colours::None, _) => "",
            (Colours::Shown, None) => YELLOW,
            (Colours::Shown, Some(true)) => GREEN,
            (Colours::Shown, Some(false)) => RED,
        };
        if line.is_announce().is_some() {
            let (peer, asn) = (visible(line.peer()), format!("AS{}", line.peer_asn()));
            write!(f, "{peer:<15} {asn:<8} {:<16} ", visible(line.view()))?;
        }
        let end = if colour.is_empty() { "" } else { PLAIN };
        write!(f, "{colour}{}{end}", visible(&line.what()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_under_each_other_and_colours_end_with_the_line() {
        let withdraw = json!({
            "type": "update", "announced": false, "timeReceivedNs": "1500000000", "routerAddr": "10.0.0.1",
            "peerAddr": "10.0.0.2", "peerAsn": 64512, "ribView": "loc-rib", "prefix": "192.0.2.0/24", "withdrawReason": "explicit",
        });
        let event = json!({"type": "router", "kind": "initiation", "timeReceivedNs": "0", "routerAddr": "10.0.0.1", "sysName": "\u{1b}[2J"});
        let on = |message, colours| ScreenLine { message, colours }.to_string();
        assert_eq!(
            on(&withdraw, Colours::None),
            "1970-01-01T00:00:01.500Z 10.0.0.1        10.0.0.2        AS64512  loc-rib          - 192.0.2.0/24 explicit"
        );
        assert!(on(&withdraw, Colours::Shown).ends_with("\u{1b}[31m- 192.0.2.0/24 explicit\u{1b}[0m"));
        assert_eq!(
            on(&event, Colours::Shown),
            "1970-01-01T00:00:00.000Z 10.0.0.1        \u{1b}[33mrouter initiation \\u001b[2J\u{1b}[0m"
        );
    }
}
