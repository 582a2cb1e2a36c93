//! Keys of routes within a table.

use arancini_schema::table_key::address_of;
use arancini_schema::update_capnp::update;
use arancini_wire::bgp::nlri::{OpaqueBuffer, split_opaque};
use arancini_wire::iana::AfiSafi;

use super::unreadable::UnreadableRecord;

/// The destination of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nlri {
    /// A prefix; an IPv4 address is IPv4-mapped, and the length counts from the beginning of the IPv4 address.
    Prefix {
        /// The address.
        address: [u8; 16],
        /// The prefix length.
        length: u8,
    },
    /// The key octets of an NLRI, for families without prefixes (`docs/interop.md`).
    Opaque(Box<[u8]>),
}

/// Key of a route within its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The destination.
    pub nlri: Nlri,
    /// The route distinguisher, for VPN families.
    pub route_distinguisher: Option<u64>,
    /// The path identifier, where the session has negotiated Add-Path.
    pub path_id: Option<u32>,
}

impl RouteKey {
    /// Reads the key of the route that an update is about. Only an opaque NLRI allocates.
    ///
    /// # Errors
    /// A field cannot be read.
    #[inline]
    pub fn of_update(update: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        let raw = update.get_raw_nlri()?;
        let nlri = if raw.is_empty() {
            Nlri::Prefix {
                address: address_of(update.get_prefix_addr())?,
                length: update.get_prefix_len(),
            }
        } else {
            let family = AfiSafi::new(update.get_afi(), update.get_safi());
            let mut buffer = OpaqueBuffer::new();
            Nlri::Opaque(split_opaque(family, raw, &mut buffer).key.into())
        };
        Ok(Self {
            nlri,
            route_distinguisher: update
                .get_has_route_distinguisher()
                .then(|| update.get_route_distinguisher()),
            path_id: update.get_has_path_id().then(|| update.get_path_id()),
        })
    }
}
