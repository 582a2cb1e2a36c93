//! Routes of a restored router as the updates that announce them, for readers of snapshots.

use arancini_rib::{KeyShape, RouteKey};
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;

use crate::peer::Peer;
use crate::route::fields_of;
use crate::route_attributes::{RouteAttributes, SetReader};
use crate::router::Router;
use crate::table::{PeerTable, key_shape};

/// A table of a router that was restored from a snapshot.
#[derive(Clone, Copy)]
pub struct RestoredTable<'a> {
    /// The router.
    pub router: &'a Router,
    /// The peer of the router.
    pub peer: &'a Peer,
    /// The table of the peer.
    pub table: &'a PeerTable,
}

/// Writes routes of restored tables as `Update` messages.
#[derive(Default)]
pub struct RestoredRouteWriter {
    encoder: UpdateEncoder,
    reader: SetReader,
}

impl RestoredRouteWriter {
    /// Makes a writer with its scratch space.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the `Update` that announces a route of this table. Its times and its sequence number are 0. A route of which only
    /// the fingerprint is known has no attributes.
    pub fn write(
        &mut self,
        place: &RestoredTable<'_>,
        key: &RouteKey<'_>,
        fingerprint: u64,
        out: &mut Vec<u8>,
    ) {
        let RestoredTable { router, peer, table } = *place;
        let family = table.key.family;
        let source = RouteSource {
            time_received_ns: 0,
            time_bmp_header_ns: 0,
            router_address: router.address,
            router_port: router.port,
            peer_address: peer.identity.address,
            peer_bgp_id: table.key.peer.bgp_id,
            peer_asn: table.key.peer_asn,
            peer_type: peer.identity.peer_type,
            peer_distinguisher: peer.identity.distinguisher,
            view: table.key.view,
            table_name: peer.table_name(family),
            family,
        };
        let attributes = router.restored_attributes(fingerprint);
        let content = attributes.as_ref().map(RouteAttributes::content);
        let is_laid_out = content
            .as_ref()
            .is_some_and(|content| self.reader.lay_out(&mut self.encoder, &source, content));
        if !is_laid_out {
            let none = PathAttributes::unread(&[], AsWidth::Four);
            self.encoder
                .lay_out_announce(&source, Carrier::UpdateField, &none);
        }
        // In an NLRI that stays raw, the labels are part of the NLRI.
        let labels = content.filter(|_| key_shape(family) != KeyShape::Opaque);
        let fields = RouteFields {
            labels: labels.map_or(&[], |content| content.labels),
            fingerprint,
            ..fields_of(key)
        };
        self.encoder.append(&fields, out);
    }
}
