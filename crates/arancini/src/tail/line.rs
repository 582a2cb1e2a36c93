//! Formats a message as one line of text for people.

use std::fmt;

use arancini_schema::json::UnixTime;
use serde_json::Value;

use super::event::EventText;

/// The line of text for a message given in its JSON form.
pub(crate) struct Line<'a>(pub(crate) &'a Value);

impl<'a> Line<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or("-")
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// When the message was received.
    pub(super) fn time(&self) -> UnixTime {
        UnixTime(self.text("timeReceivedNs").parse().unwrap_or_default())
    }

    /// The address of the router.
    pub(super) fn router(&self) -> &'a str {
        self.text("routerAddr")
    }

    /// Whether an update announces or withdraws; `None` for an event.
    pub(super) fn is_announce(&self) -> Option<bool> {
        (self.text("type") == "update").then(|| self.flag("announced"))
    }

    /// The address of an update's peer.
    pub(super) fn peer(&self) -> &'a str {
        self.text("peerAddr")
    }

    /// The AS number of an update's peer.
    pub(super) fn peer_asn(&self) -> u64 {
        self.0.get("peerAsn").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The RIB view of an update.
    pub(super) fn view(&self) -> &'a str {
        self.text("ribView")
    }

    /// What is said: the route of an update with its attributes, or an event in words.
    pub(super) fn what(&self) -> String {
        match self.is_announce() {
            None => EventText(self.0).to_string(),
            Some(_) => Route(self).to_string(),
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.time(), self.router())?;
        if self.is_announce().is_some() {
            write!(f, "{} AS{} {} ", self.peer(), self.peer_asn(), self.view())?;
        }
        f.write_str(&self.what())
    }
}

/// The route of an update, with its attributes or the reason of the withdraw.
struct Route<'l, 'a>(&'l Line<'a>);

impl fmt::Display for Route<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, message) = (self.0, self.0.0);
        let sign = if line.flag("announced") { '+' } else { '-' };
        let route = message.get("prefix").or_else(|| message.get("rawNlri"));
        write!(f, "{sign} {}", route.and_then(Value::as_str).unwrap_or("-"))?;
        if let Some(path_id) = message.get("pathId") {
            write!(f, " path-id {path_id}")?;
        }
        if let Some(distinguisher) = message.get("routeDistinguisher").and_then(Value::as_str) {
            write!(f, " rd {distinguisher}")?;
        }
        if !line.flag("announced") {
            write!(f, " {}", line.text("withdrawReason"))?;
            return f.write_str(if line.flag("synthetic") { " synthetic" } else { "" });
        }
        write!(f, " next-hop {} path", line.text("nextHop"))?;
        let path = message.get("asPath").and_then(Value::as_array);
        for asn in path.into_iter().flatten() {
            write!(f, " {asn}")?;
        }
        write!(f, " {}", line.text("origin"))?;
        for (name, shown) in [("multiExitDisc", "med"), ("localPreference", "local-pref")] {
            if let Some(value) = message.get(name) {
                write!(f, " {shown} {value}")?;
            }
        }
        for (name, shown) in [
            ("communities", "communities"),
            ("extendedCommunities", "ext-communities"),
            ("largeCommunities", "large-communities"),
        ] {
            let list = message.get(name).and_then(Value::as_array);
            if let Some(list) = list.filter(|list| !list.is_empty()) {
                let members: Vec<_> = list.iter().filter_map(Value::as_str).collect();
                write!(f, " {shown} {}", members.join(","))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_objects_of_an_event_are_not_json() {
        let event = json!({
            "type": "statistics", "timeReceivedNs": "0", "routerAddr": "10.0.0.1",
            "peer": {"address": "10.0.0.2", "asn": 64512, "ribView": "adj-rib-in-pre"},
            "counters": [{"type": 0, "name": "rejected", "value": "5"}, {"type": 7, "value": "8"}],
        });
        assert_eq!(
            Line(&event).to_string(),
            "1970-01-01T00:00:00.000Z 10.0.0.1 statistics peer 10.0.0.2 AS64512 adj-rib-in-pre rejected=5 type 7=8"
        );
    }

    #[test]
    fn an_update_is_one_line() {
        let update = json!({
            "type": "update", "announced": true, "timeReceivedNs": "1500000000", "routerAddr": "10.0.0.1",
            "peerAddr": "10.0.0.2", "peerAsn": 64512, "ribView": "adj-rib-in-pre", "prefix": "192.0.2.0/24",
            "nextHop": "10.0.0.2", "asPath": [64512, 64513], "origin": "IGP", "multiExitDisc": 5,
            "communities": ["64512:1", "64512:2"],
        });
        assert_eq!(
            Line(&update).to_string(),
            "1970-01-01T00:00:01.500Z 10.0.0.1 10.0.0.2 AS64512 adj-rib-in-pre + 192.0.2.0/24 \
             next-hop 10.0.0.2 path 64512 64513 IGP med 5 communities 64512:1,64512:2"
        );
    }
}
