//! Lines for a terminal: columns under each other, announces green, withdraws red, events yellow.

use std::fmt;

use arancini_schema::json::visible;
use serde_json::Value;

use super::line::Line;
use crate::fold::{Break, fold};

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
    /// Columns of the terminal, if it says them.
    pub width: Option<usize>,
}

/// Whether the terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// It does.
    Shown,
    /// It does not, or `NO_COLOR` is set.
    None,
}

/// A terminal with fewer columns gets short times and no padding, because the route itself would hardly fit beside the columns.
const WIDE: usize = 120;

impl ScreenLine<'_> {
    /// What stands before the route or event: time, router, and peer and view of an update.
    fn head(&self, is_wide: bool) -> String {
        let line = Line(self.message);
        let time = line.time().to_string();
        // Names of routers come from outside: what controls a terminal is made visible before colours are added.
        let (router, peer, view) = (visible(line.router()), visible(line.peer()), visible(line.view()));
        let asn = format!("AS{}", line.peer_asn());
        match (is_wide, line.is_announce().is_some()) {
            (true, true) => format!("{time} {router:<15} {peer:<15} {asn:<8} {view:<16} "),
            (true, false) => format!("{time} {router:<15} "),
            (false, true) => format!("{} {router} {peer} {asn} {view} ", time_of_day(&time)),
            (false, false) => format!("{} {router} ", time_of_day(&time)),
        }
    }
}

/// The time of day of a time like `2026-11-30T16:20:05.123Z`.
fn time_of_day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, of_day)| of_day)
}

impl fmt::Display for ScreenLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = Line(self.message);
        let head = self.head(self.width.is_none_or(|width| width >= WIDE));
        let text = format!("{head}{}", visible(&line.what()));
        let text = match self.width {
            Some(width) => fold(&text, width, Break::Words),
            None => text,
        };
        let colour = match (self.colours, line.is_announce()) {
            (Colours::None, _) => return f.write_str(&text),
            (Colours::Shown, None) => YELLOW,
            (Colours::Shown, Some(true)) => GREEN,
            (Colours::Shown, Some(false)) => RED,
        };
        let (head, what) = text.split_at(behind(&head, &text));
        write!(f, "{head}{colour}{what}{PLAIN}")
    }
}

/// Where the text goes on behind its head. Folding has changed only the spaces.
fn behind(head: &str, text: &str) -> usize {
    let in_head = head.chars().filter(|letter| !letter.is_whitespace()).count();
    let letters = text.char_indices().filter(|(_, letter)| !letter.is_whitespace());
    letters.map(|(at, _)| at).nth(in_head).unwrap_or(text.len())
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
        let on = |message, colours| {
            ScreenLine {
                message,
                colours,
                width: None,
            }
            .to_string()
        };
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

    #[test]
    fn a_narrow_terminal_gets_short_times_and_folded_lines_with_the_colour_of_the_route() {
        let announce = json!({
            "type": "update", "announced": true, "timeReceivedNs": "1500000000", "routerAddr": "192.0.2.1", "peerAddr": "203.0.113.7",
            "peerAsn": 64512, "ribView": "adj-rib-in-pre", "prefix": "2001:db8:ffff:ffff::/64", "nextHop": "2001:db8::1",
            "asPath": [64512, 64513, 64514, 64515], "origin": "IGP",
        });
        let line = ScreenLine {
            message: &announce,
            colours: Colours::Shown,
            width: Some(80),
        };
        assert_eq!(
            line.to_string(),
            "00:00:01.500Z 192.0.2.1 203.0.113.7 AS64512 adj-rib-in-pre \u{1b}[32m+\n        2001:db8:ffff:ffff::/64 next-hop \
             2001:db8::1 path 64512 64513 64514\n        64515 IGP\u{1b}[0m"
        );
    }
}
