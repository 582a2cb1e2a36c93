//! The attributes of a route, taken out of their set.
//!
//! A set holds the canonical form of the attributes ([`fingerprint::canonical`]). From it, the reader and the encoder of the hot
//! path make the update again, and its JSON form is that of the stream. Against the update that was published first, only
//! attributes without a field of their own can differ: they stand in the order of their types, with the flags of the
//! canonical form.

use std::net::Ipv6Addr;

use arancini_rib::{AttributeSets, Content, KeyShape, SetId};
use arancini_schema::decode::Messages;
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder};
use arancini_schema::fingerprint;
use arancini_schema::json::write_attributes_of;
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::table::key_shape;

/// The attributes of a route, as its set holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteAttributes {
    /// The canonical form of the path attributes, and the labels behind it.
    octets: Box<[u8]>,
    label_octets: usize,
    two_octet_asns: bool,
}

/// Reads the attributes of sets.
#[derive(Debug, Default)]
pub(crate) struct SetReader {
    field: Vec<u8>,
}

impl SetReader {
    /// Reads the attributes of a set, of which routes of this family have it. `None` if they cannot be read; attributes that a
    /// table took always can.
    pub fn read<'c>(
        &'c mut self,
        content: &Content<'c>,
        family: AfiSafi,
    ) -> Option<(Carrier, PathAttributes<'c>)> {
        let as_width = if content.two_octet_asns {
            AsWidth::Two
        } else {
            AsWidth::Four
        };
        let (carrier, field) = fingerprint::field_of_canonical(content.attributes, family, &mut self.field);
        Some((carrier, PathAttributes::parse(field, as_width).ok()?))
    }

    /// Lays out announces of this source with the attributes of a set. Returns whether the attributes can be read.
    pub fn lay_out(
        &mut self,
        encoder: &mut UpdateEncoder,
        source: &RouteSource<'_>,
        content: &Content<'_>,
    ) -> bool {
        match self.read(content, source.family) {
            Some((carrier, attributes)) => {
                encoder.lay_out_announce(source, carrier, &attributes);
                true
            }
            None => false,
        }
    }
}

impl RouteAttributes {
    /// The attributes of a set; `None` if only their fingerprint is known.
    pub(crate) fn of_set(sets: &AttributeSets, set: SetId) -> Option<Self> {
        let mut octets = Vec::new();
        let content = sets.content(set, &mut octets)?;
        let (label_octets, two_octet_asns) = (content.labels.len(), content.two_octet_asns);
        Some(Self {
            octets: octets.into(),
            label_octets,
            two_octet_asns,
        })
    }

    /// How many octets they take.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn content(&self) -> Content<'_> {
        let (attributes, labels) = self.octets.split_at(self.octets.len() - self.label_octets);
        Content {
            attributes,
            labels,
            two_octet_asns: self.two_octet_asns,
        }
    }
}

/// Writes attributes of routes as JSON, with the names of the schema.
#[derive(Default)]
pub struct AttributeWriter {
    encoder: UpdateEncoder,
    reader: SetReader,
    message: Vec<u8>,
}

impl AttributeWriter {
    /// Makes a writer with its scratch space.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the attributes of a route of this family to `out`, as an object. Returns whether they can be read.
    pub fn write(&mut self, attributes: &RouteAttributes, family: AfiSafi, out: &mut Vec<u8>) -> bool {
        let content = attributes.content();
        if !self.reader.lay_out(&mut self.encoder, &nowhere(family), &content) {
            return false;
        }
        self.message.clear();
        // In an NLRI that stays raw, the labels are part of the NLRI.
        let labels = match key_shape(family) {
            KeyShape::Opaque => &[],
            _ => content.labels,
        };
        self.encoder.append(&any_route(labels), &mut self.message);
        let Some(Ok(message)) = Messages::new(&self.message).next() else {
            return false;
        };
        let start = out.len();
        let written = message
            .update()
            .is_ok_and(|update| write_attributes_of(update, out).is_ok());
        if !written {
            out.truncate(start);
        }
        written
    }
}

/// The source of an update of which only the attributes are read.
const fn nowhere(family: AfiSafi) -> RouteSource<'static> {
    RouteSource {
        time_received_ns: 0,
        time_bmp_header_ns: 0,
        router_address: Ipv6Addr::UNSPECIFIED.octets(),
        router_port: 0,
        peer_address: Ipv6Addr::UNSPECIFIED.octets(),
        peer_bgp_id: 0,
        peer_asn: 0,
        peer_type: 0,
        peer_distinguisher: [0; 8],
        view: RibView::AdjRibInPre,
        table_name: "",
        family,
    }
}

/// A route of which only the labels are read.
const fn any_route(labels: &[u8]) -> RouteFields<'_> {
    RouteFields {
        prefix_address: [0; 16],
        prefix_length: 0,
        path_id: None,
        route_distinguisher: None,
        labels,
        raw_nlri: &[],
        sequence: 0,
        fingerprint: 0,
    }
}
