//! The words for an event: what happened to a router or a peer, statistics, a malformed message.

use std::fmt::{self, Write};

use arancini_wire::iana::bmp::PeerDownReason;
use serde_json::Value;

/// The text of an event given in its JSON form, without its time and its router. Bytes are left out; `--json` has them.
pub(super) struct EventText<'a>(pub(super) &'a Value);

/// Octets of a malformed message that are shown.
const SHOWN_OCTETS: usize = 24;

impl fmt::Display for EventText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text("type") {
            Some("router") => self.router(f),
            Some("peer") => self.of_peer(f),
            Some("statistics") => self.statistics(f),
            Some("malformed") => self.malformed(f),
            other => f.write_str(other.unwrap_or("-")),
        }
    }
}

impl<'a> EventText<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// Names the peer of the event; empty if it has none.
    fn peer(&self) -> String {
        let Some(peer) = self.0.get("peer") else {
            return String::new();
        };
        let text = |name: &str| peer.get(name).and_then(Value::as_str);
        let asn = peer.get("asn").and_then(Value::as_u64).unwrap_or_default();
        let distinguisher = text("distinguisher").map_or_else(String::new, |text| format!(" rd {text}"));
        let (address, view) = (text("address").unwrap_or("-"), text("ribView").unwrap_or("-"));
        format!(" peer {address} AS{asn}{distinguisher} {view}")
    }

    fn router(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "router {}", self.text("kind").unwrap_or("-"))?;
        for name in ["routerName", "sysName", "sysDescr"] {
            if let Some(text) = self.text(name) {
                write!(f, " {}", shown(text))?;
            }
        }
        f.write_str(&self.peer())?;
        if let Some(family) = self.text("family") {
            write!(f, " family {family}")?;
        }
        if self.text("kind") == Some("resync-end") {
            let all_withdrawn = self.0.get("allWithdrawn").and_then(Value::as_bool);
            f.write_str(match all_withdrawn {
                Some(true) => " (all withdrawn)",
                _ => " (to be swept)",
            })?;
        }
        self.reason(f)
    }

    fn of_peer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.peer().trim_start())?;
        write!(f, " {}", self.text("kind").unwrap_or("-"))?;
        if let Some(table) = self.text("tableName") {
            write!(f, " table {}", shown(table))?;
        }
        if let Some(code) = self.number("downReason") {
            let name = u8::try_from(code).map_or("unknown", |code| PeerDownReason::from_code(code).name());
            write!(f, ": reason {code}, {}", name.replace('_', " "))?;
        }
        if let Some(local) = self.text("localAddr") {
            write!(f, " local {local}")?;
        }
        let families = self.0.get("addPath").and_then(Value::as_array);
        if let Some(families) = families.filter(|families| !families.is_empty()) {
            let families: Vec<_> = families.iter().filter_map(Value::as_str).collect();
            write!(f, " add-path {}", families.join(","))?;
        }
        Ok(())
    }

    fn statistics(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("statistics")?;
        f.write_str(&self.peer())?;
        let counters = self.0.get("counters").and_then(Value::as_array);
        for counter in counters.into_iter().flatten() {
            let number = |name: &str| counter.get(name).and_then(Value::as_u64);
            f.write_char(' ')?;
            match counter.get("name").and_then(Value::as_str) {
                Some(name) => f.write_str(name)?,
                None => write!(f, "type {}", number("type").unwrap_or_default())?,
            }
            if let (Some(afi), Some(safi)) = (number("afi"), number("safi")) {
                write!(f, "({afi}/{safi})")?;
            }
            write!(
                f,
                "={}",
                counter.get("value").and_then(Value::as_str).unwrap_or("-")
            )?;
        }
        Ok(())
    }

    fn malformed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed message")?;
        f.write_str(&self.peer())?;
        self.reason(f)?;
        let offset = self.number("offset").unwrap_or_default();
        let raw = self.text("raw").unwrap_or_default();
        let octets = self.number("rawLength").unwrap_or(raw.len() as u64 / 2);
        let shown = raw.get(..2 * SHOWN_OCTETS).unwrap_or(raw);
        let more = if shown.len() < raw.len() { "…" } else { "" };
        write!(f, " at octet {offset} of {octets}: {shown}{more}")
    }

    fn reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text("reason") {
            Some(reason) => write!(f, ": {}", shown(reason)),
            None => Ok(()),
        }
    }
}

/// A text from outside, such as the name of a router. Control characters, which a terminal would obey, are escaped as in JSON.
fn shown(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_words() {
        let peer = json!({"address": "10.0.0.2", "asn": 64512, "bgpId": "10.0.0.2", "type": 0, "ribView": "adj-rib-in-pre"});
        for (event, expected) in [
            (
                json!({"type": "router", "kind": "initiation", "sysName": "edge-1", "sysDescr": "FRR", "information": [{"type": 1, "value": "46"}]}),
                "router initiation edge-1 FRR",
            ),
            (
                json!({"type": "router", "kind": "lost", "reason": "closed by the router"}),
                "router lost: closed by the router",
            ),
            (
                json!({"type": "router", "kind": "resync-end", "allWithdrawn": true, "family": "1/1"}),
                "router resync-end family 1/1 (all withdrawn)",
            ),
            (
                json!({"type": "router", "kind": "resync-end", "allWithdrawn": false}),
                "router resync-end (to be swept)",
            ),
            (
                json!({"type": "peer", "kind": "up", "peer": peer, "localAddr": "10.0.0.1", "addPath": ["1/1", "2/1"], "sentOpen": "ff"}),
                "peer 10.0.0.2 AS64512 adj-rib-in-pre up local 10.0.0.1 add-path 1/1,2/1",
            ),
            (
                json!({"type": "statistics", "peer": peer, "counters": [
                    {"type": 7, "name": "routes_adj_rib_in", "value": "8", "raw": "08"}, {"type": 9, "name": "x", "afi": 1, "safi": 1, "value": "4"},
                    {"type": 65531, "value": "0"}]}),
                "statistics peer 10.0.0.2 AS64512 adj-rib-in-pre routes_adj_rib_in=8 x(1/1)=4 type 65531=0",
            ),
            (
                json!({"type": "malformed", "reason": "too short", "offset": 6, "raw": "03".repeat(30)}),
                &format!(
                    "malformed message: too short at octet 6 of 30: {}…",
                    "03".repeat(24)
                ),
            ),
        ] {
            assert_eq!(EventText(&event).to_string(), expected);
        }
        let down = json!({"type": "peer", "kind": "down", "peer": peer, "downReason": 2, "downData": "0000"});
        let text = EventText(&down).to_string();
        assert!(
            text.starts_with("peer 10.0.0.2 AS64512 adj-rib-in-pre down: reason 2, "),
            "{text}"
        );
    }
}
