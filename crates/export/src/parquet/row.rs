//! An update whose parts have all been looked at, so that reading them again cannot fail in the middle of a row.

use std::borrow::Cow;

use arancini_schema::update_capnp::{
    as_path_segment, community, extended_community, large_community, raw_attribute, update,
};
use capnp::{data, primitive_list, struct_list, text};

/// The parts of an update that lie behind pointers.
pub(super) struct Row<'a> {
    pub(super) update: update::Reader<'a>,
    pub(super) router: Option<[u8; 16]>,
    pub(super) peer: Option<[u8; 16]>,
    pub(super) prefix: Option<[u8; 16]>,
    pub(super) next_hop: Option<[u8; 16]>,
    pub(super) link_local_next_hop: Option<[u8; 16]>,
    pub(super) raw_nlri: Option<data::Reader<'a>>,
    pub(super) table_name: Option<Cow<'a, str>>,
    pub(super) origin: Option<Cow<'a, str>>,
    pub(super) labels: primitive_list::Reader<'a, u32>,
    pub(super) as_path: primitive_list::Reader<'a, u32>,
    pub(super) segments: struct_list::Reader<'a, as_path_segment::Owned>,
    pub(super) communities: struct_list::Reader<'a, community::Owned>,
    pub(super) extended_communities: struct_list::Reader<'a, extended_community::Owned>,
    pub(super) large_communities: struct_list::Reader<'a, large_community::Owned>,
    pub(super) cluster_list: primitive_list::Reader<'a, u32>,
    pub(super) unknown_attributes: struct_list::Reader<'a, raw_attribute::Owned>,
}

impl<'a> Row<'a> {
    /// Reads an update.
    ///
    /// # Errors
    /// A part of the update is damaged.
    pub(super) fn read(update: update::Reader<'a>) -> capnp::Result<Self> {
        let raw_nlri = update.get_raw_nlri()?;
        let has_prefix = raw_nlri.is_empty();
        let row = Self {
            update,
            router: address(update.get_router_addr()?),
            peer: address(update.get_peer_addr()?),
            prefix: address(update.get_prefix_addr()?).filter(|_| has_prefix),
            next_hop: address(update.get_next_hop()?).filter(|_| update.get_has_next_hop()),
            link_local_next_hop: address(update.get_link_local_next_hop()?),
            raw_nlri: Some(raw_nlri).filter(|raw| !raw.is_empty()),
            table_name: text_of(update.get_table_name()?),
            origin: text_of(update.get_origin()?),
            labels: update.get_labels()?,
            as_path: update.get_as_path()?,
            segments: update.get_as_path_segments()?,
            communities: update.get_communities()?,
            extended_communities: update.get_extended_communities()?,
            large_communities: update.get_large_communities()?,
            cluster_list: update.get_cluster_list()?,
            unknown_attributes: update.get_unknown_attributes()?,
        };
        for segment in row.segments {
            segment.get_asns()?;
        }
        for member in row.extended_communities {
            member.get_value()?;
        }
        for attribute in row.unknown_attributes {
            attribute.get_value()?;
        }
        Ok(row)
    }
}

/// An address of 16 octets; `None` for any other length.
#[inline]
fn address(octets: data::Reader<'_>) -> Option<[u8; 16]> {
    octets.try_into().ok()
}

/// Text from outside; `None` if it is empty. Octets that are not UTF-8 are replaced.
#[inline]
fn text_of(text: text::Reader<'_>) -> Option<Cow<'_, str>> {
    let octets = text.0;
    (!octets.is_empty()).then(|| String::from_utf8_lossy(octets))
}
