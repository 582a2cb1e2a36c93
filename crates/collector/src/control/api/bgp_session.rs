//! The BGP session of a peer, as its last Peer Up tells it.

use std::net::{IpAddr, Ipv4Addr};

use arancini_core::Opens;
use arancini_schema::json::Hex;
use arancini_wire::bgp::{Capability, Open};
use arancini_wire::iana::bgp_message::CapabilityCode;
use serde::Serialize;

use super::text;

/// The BGP session of the last Peer Up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpSession {
    /// The router's own address.
    #[schema(value_type = String)]
    local_addr: IpAddr,
    /// The router's own port.
    local_port: u16,
    /// The peer's port.
    remote_port: u16,
    /// The OPEN that the router sent. Absent if it is damaged or longer than 1024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_open: Option<OpenMessage>,
    /// The OPEN that the peer sent, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    received_open: Option<OpenMessage>,
}

/// An OPEN.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenMessage {
    /// AS number.
    asn: u32,
    /// BGP identifier.
    #[schema(value_type = String)]
    bgp_id: Ipv4Addr,
    /// Hold time in seconds.
    hold_time: u16,
    /// The capabilities.
    capabilities: Vec<CapabilityText>,
}

/// A capability of an OPEN.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CapabilityText {
    /// Its code.
    code: u8,
    /// Its name; `unknown` if it has none here.
    name: &'static str,
    /// Its value in words, else in hexadecimal digits. Absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl BgpSession {
    pub(super) fn of(opens: &Opens) -> Self {
        let open = |bytes: &Option<Box<[u8]>>| bytes.as_deref().and_then(OpenMessage::read);
        Self {
            local_addr: opens.local_address,
            local_port: opens.local_port,
            remote_port: opens.remote_port,
            sent_open: open(&opens.sent),
            received_open: open(&opens.received),
        }
    }
}

impl OpenMessage {
    fn read(bytes: &[u8]) -> Option<Self> {
        let open = Open::new_checked(bytes).ok()?;
        Some(Self {
            asn: open.asn(),
            bgp_id: Ipv4Addr::from(open.bgp_id()),
            hold_time: open.hold_time(),
            capabilities: open.capabilities().flatten().map(|it| capability(&it)).collect(),
        })
    }
}

fn capability(capability: &Capability<'_>) -> CapabilityText {
    let bytes = |bytes: &[u8]| text::filled(Hex(bytes).to_string());
    let (code, value) = match *capability {
        Capability::MultiProtocol(family) => (CapabilityCode::MultiProtocol, Some(text::family(family))),
        Capability::RouteRefresh => (CapabilityCode::RouteRefresh, None),
        Capability::ExtendedNextHop(families) => {
            let families = families
                .iter()
                .map(|(family, afi)| format!("{} by AFI {afi}", text::family(family)));
            (CapabilityCode::ExtendedNextHop, Some(joined(families)))
        }
        Capability::ExtendedMessage => (CapabilityCode::ExtendedMessage, None),
        Capability::Role(role) => (CapabilityCode::Role, Some(role.to_string())),
        Capability::GracefulRestart(value) => (CapabilityCode::GracefulRestart, bytes(value)),
        Capability::FourOctetAs(asn) => (CapabilityCode::FourOctetAs, Some(asn.to_string())),
        Capability::AddPath(families) => {
            let families = families.iter().map(|(family, direction)| {
                let direction = match direction {
                    1 => "receive",
                    2 => "send",
                    _ => "both",
                };
                format!("{} {direction}", text::family(family))
            });
            (CapabilityCode::AddPath, Some(joined(families)))
        }
        Capability::EnhancedRouteRefresh => (CapabilityCode::EnhancedRouteRefresh, None),
        Capability::LongLivedGracefulRestart(value) => {
            (CapabilityCode::LongLivedGracefulRestart, bytes(value))
        }
        Capability::Fqdn { host, domain } => {
            let names = [host, domain].into_iter().filter(|name| !name.is_empty());
            let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
            (CapabilityCode::Fqdn, text::filled(names.join(".")))
        }
        Capability::Unknown { code, value } => (CapabilityCode::Unknown(code), bytes(value)),
    };
    CapabilityText {
        code: code.code(),
        name: code.name(),
        value,
    }
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
