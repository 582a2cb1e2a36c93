//! The answers to requests.

use std::net::IpAddr;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

/// The answer to `ping`.
pub fn pong() -> Bytes {
    Bytes::from_static(b"{\"type\":\"pong\",\"data\":null}")
}

/// The acknowledgement of a subscription. It says that messages come without `raw`: the collector does not keep the octets
/// of an UPDATE.
pub fn subscribe_ok(subscription: Map<String, Value>) -> Bytes {
    let options = json!({"includeRaw": false, "acknowledge": true});
    let data = json!({"subscription": subscription, "socketOptions": options});
    Bytes::from(json!({"type": "ris_subscribe_ok", "data": data}).to_string())
}

/// The list of hosts.
pub fn host_list(hosts: &[IpAddr]) -> Bytes {
    Bytes::from(json!({"type": "ris_rrc_list", "data": hosts}).to_string())
}
