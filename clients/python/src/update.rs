//! Updates as Python objects: the members of the schema's JSON, with 64-bit numbers as `int`.
//!
//! `tests/test_decode.py` compares every member with the JSON of `arancini tail`.

use arancini_schema::json::{Distinguisher, ExtendedCommunity, Hex, Name, Named, address, prefix_address};
use arancini_schema::update_capnp::update;
use capnp::NotInSchema;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use pyo3::{IntoPyObject, intern};

use std::net::Ipv4Addr;

use crate::problem::Unreadable;
use crate::text::{LastText, text};

/// Makes Python objects of the updates of a batch.
pub(crate) struct UpdateReader<'py> {
    py: Python<'py>,
    router: LastText<'py, [u8; 16]>,
    peer: LastText<'py, [u8; 16]>,
    next_hop: LastText<'py, [u8; 16]>,
    peer_bgp_id: LastText<'py, u32>,
    buffer: String,
}

/// Sets a member of `$object`. The name is made only once.
macro_rules! set {
    ($object:expr, $name:literal, $value:expr) => {
        $object.set_item(intern!($object.py(), $name), $value)?
    };
}

impl<'py> UpdateReader<'py> {
    pub(crate) fn new(py: Python<'py>) -> Self {
        Self {
            py,
            router: LastText::default(),
            peer: LastText::default(),
            next_hop: LastText::default(),
            peer_bgp_id: LastText::default(),
            buffer: String::new(),
        }
    }

    /// Makes a `dict` of an update.
    pub(crate) fn read(&mut self, update: update::Reader<'_>) -> Result<Bound<'py, PyDict>, Unreadable> {
        let object = PyDict::new(self.py);
        set!(object, "type", intern!(self.py, "update"));
        set!(object, "announced", update.get_announced());
        set!(object, "synthetic", update.get_synthetic());
        self.source(&object, update)?;
        self.route(&object, update)?;
        if update.get_announced() {
            let fingerprint = update.get_attribute_fingerprint();
            let fingerprint = text(self.py, &mut self.buffer, format_args!("{fingerprint:016x}"));
            set!(object, "attributeFingerprint", fingerprint);
            self.attributes(&object, update)?;
        } else {
            let reason = name(self.py, update.get_withdraw_reason());
            set!(object, "withdrawReason", reason);
        }
        Ok(object)
    }

    fn source(&mut self, object: &Bound<'py, PyDict>, update: update::Reader<'_>) -> Result<(), Unreadable> {
        let py = self.py;
        set!(object, "timeReceivedNs", update.get_time_received_ns());
        if update.get_time_bmp_header_ns() != 0 {
            set!(object, "timeBmpHeaderNs", update.get_time_bmp_header_ns());
        }
        set!(object, "sequence", update.get_sequence());
        if let Some(router) = address_text(py, &mut self.router, update.get_router_addr()?) {
            set!(object, "routerAddr", router);
        }
        set!(object, "routerPort", update.get_router_port());
        if let Some(peer) = address_text(py, &mut self.peer, update.get_peer_addr()?) {
            set!(object, "peerAddr", peer);
        }
        let bgp_id = self
            .peer_bgp_id
            .of(py, update.get_peer_bgp_id(), |id| Ipv4Addr::from(id).to_string());
        set!(object, "peerBgpId", bgp_id);
        set!(object, "peerAsn", update.get_peer_asn());
        set!(object, "peerType", update.get_peer_type());
        if update.get_peer_distinguisher() != 0 {
            let distinguisher = Distinguisher(update.get_peer_distinguisher());
            set!(
                object,
                "peerDistinguisher",
                text(py, &mut self.buffer, distinguisher)
            );
        }
        set!(object, "ribView", name(py, update.get_rib_view()));
        set!(object, "isPostPolicy", update.get_is_post_policy());
        set!(object, "isAdjRibOut", update.get_is_adj_rib_out());
        let table = update.get_table_name()?;
        if !table.is_empty() {
            set!(object, "tableName", String::from_utf8_lossy(table.as_bytes()));
        }
        Ok(())
    }

    fn route(&mut self, object: &Bound<'py, PyDict>, update: update::Reader<'_>) -> Result<(), Unreadable> {
        let (py, afi) = (self.py, update.get_afi());
        set!(object, "afi", afi);
        set!(object, "safi", update.get_safi());
        let raw = update.get_raw_nlri()?;
        if !raw.is_empty() {
            set!(object, "rawNlri", text(py, &mut self.buffer, Hex(raw)));
        } else if let Some(prefix) = prefix_address(update.get_prefix_addr()?, afi) {
            let length = update.get_prefix_len();
            let whole = text(py, &mut self.buffer, format_args!("{prefix}/{length}"));
            set!(object, "prefix", whole);
            let end = self.buffer.rfind('/').unwrap_or_default();
            set!(object, "prefixAddr", PyString::new(py, &self.buffer[..end]));
            set!(object, "prefixLen", length);
        }
        if update.get_has_path_id() {
            set!(object, "pathId", update.get_path_id());
        }
        if update.get_has_route_distinguisher() {
            let distinguisher = Distinguisher(update.get_route_distinguisher());
            set!(
                object,
                "routeDistinguisher",
                text(py, &mut self.buffer, distinguisher)
            );
        }
        let labels = update.get_labels()?;
        if !labels.is_empty() {
            set!(object, "labels", list(py, labels.iter())?);
        }
        let reach = (update.get_mp_reach_afi(), update.get_mp_reach_safi());
        if reach != (0, 0) {
            set!(object, "mpReachAfi", reach.0);
            set!(object, "mpReachSafi", reach.1);
        }
        let unreach = (update.get_mp_unreach_afi(), update.get_mp_unreach_safi());
        if unreach != (0, 0) {
            set!(object, "mpUnreachAfi", unreach.0);
            set!(object, "mpUnreachSafi", unreach.1);
        }
        Ok(())
    }

    fn attributes(
        &mut self,
        object: &Bound<'py, PyDict>,
        update: update::Reader<'_>,
    ) -> Result<(), Unreadable> {
        let py = self.py;
        let origin = update.get_origin()?;
        match origin.as_bytes() {
            b"" => {}
            b"IGP" => set!(object, "origin", intern!(py, "IGP")),
            other => set!(object, "origin", String::from_utf8_lossy(other)),
        }
        let path = update.get_as_path()?;
        if !path.is_empty() {
            set!(object, "asPath", list(py, path.iter())?);
        }
        let segments = update.get_as_path_segments()?;
        if !segments.is_empty() {
            let array = PyList::empty(py);
            for segment in segments {
                let element = PyDict::new(py);
                set!(element, "kind", name(py, segment.get_kind()));
                let asns = segment.get_asns()?;
                if !asns.is_empty() {
                    set!(element, "asns", list(py, asns.iter())?);
                }
                array.append(element)?;
            }
            set!(object, "asPathSegments", array);
        }
        if update.get_has_next_hop()
            && let Some(next_hop) = address_text(py, &mut self.next_hop, update.get_next_hop()?)
        {
            set!(object, "nextHop", next_hop);
        }
        if let Some(link_local) = address(update.get_link_local_next_hop()?) {
            set!(object, "linkLocalNextHop", text(py, &mut self.buffer, link_local));
        }
        self.scalars(object, update)?;
        self.communities(object, update)?;
        if update.get_has_originator_id() {
            let originator = Ipv4Addr::from(update.get_originator_id());
            set!(object, "originatorId", text(py, &mut self.buffer, originator));
        }
        let clusters = update.get_cluster_list()?;
        if !clusters.is_empty() {
            let clusters = clusters.iter().map(|id| Ipv4Addr::from(id).to_string());
            set!(object, "clusterList", PyList::new(py, clusters)?);
        }
        self.unknown(object, update)
    }

    fn scalars(&self, object: &Bound<'py, PyDict>, update: update::Reader<'_>) -> Result<(), Unreadable> {
        if update.get_has_multi_exit_disc() {
            set!(object, "multiExitDisc", update.get_multi_exit_disc());
        }
        if update.get_has_local_preference() {
            set!(object, "localPreference", update.get_local_preference());
        }
        if update.get_has_only_to_customer() {
            set!(object, "onlyToCustomer", update.get_only_to_customer());
        }
        if update.get_atomic_aggregate() {
            set!(object, "atomicAggregate", true);
        }
        if update.get_has_aggregator() {
            set!(object, "aggregatorAsn", update.get_aggregator_asn());
            let id = Ipv4Addr::from(update.get_aggregator_bgp_id()).to_string();
            set!(object, "aggregatorBgpId", id);
        }
        Ok(())
    }

    fn communities(
        &mut self,
        object: &Bound<'py, PyDict>,
        update: update::Reader<'_>,
    ) -> Result<(), Unreadable> {
        let (py, buffer) = (self.py, &mut self.buffer);
        let communities = update.get_communities()?;
        if !communities.is_empty() {
            let texts = PyList::empty(py);
            for member in communities {
                let (asn, value) = (member.get_asn(), member.get_value());
                texts.append(text(py, buffer, format_args!("{asn}:{value}")))?;
            }
            set!(object, "communities", texts);
        }
        let communities = update.get_extended_communities()?;
        if !communities.is_empty() {
            let texts = PyList::empty(py);
            for member in communities {
                let community = ExtendedCommunity {
                    type_high: member.get_type_high(),
                    type_low: member.get_type_low(),
                    value: member.get_value()?,
                };
                texts.append(text(py, buffer, community))?;
            }
            set!(object, "extendedCommunities", texts);
        }
        let communities = update.get_large_communities()?;
        if !communities.is_empty() {
            let texts = PyList::empty(py);
            for member in communities {
                let [one, two] = [member.get_local_data_part1(), member.get_local_data_part2()];
                let admin = member.get_global_admin();
                texts.append(text(py, buffer, format_args!("{admin}:{one}:{two}")))?;
            }
            set!(object, "largeCommunities", texts);
        }
        Ok(())
    }

    fn unknown(&mut self, object: &Bound<'py, PyDict>, update: update::Reader<'_>) -> Result<(), Unreadable> {
        let unknown = update.get_unknown_attributes()?;
        if unknown.is_empty() {
            return Ok(());
        }
        let array = PyList::empty(self.py);
        for attribute in unknown {
            let element = PyDict::new(self.py);
            set!(element, "flags", attribute.get_flags());
            set!(element, "typeCode", attribute.get_type_code());
            let value = text(self.py, &mut self.buffer, Hex(attribute.get_value()?));
            set!(element, "value", value);
            array.append(element)?;
        }
        set!(object, "unknownAttributes", array);
        Ok(())
    }
}

/// Returns the text of an address of 16 bytes; `None` for any other length.
fn address_text<'py>(
    py: Python<'py>,
    last: &mut LastText<'py, [u8; 16]>,
    bytes: &[u8],
) -> Option<Bound<'py, PyString>> {
    let key: [u8; 16] = bytes.try_into().ok()?;
    let write = |key: [u8; 16]| address(&key).map(|address| address.to_string());
    Some(last.of(py, key, |key| write(key).unwrap_or_default()))
}

/// Returns the name of an enumeration's value, as Python keeps names: once.
fn name<'py, T: Named>(py: Python<'py>, value: Result<T, NotInSchema>) -> Bound<'py, PyString> {
    match value {
        Ok(value) => PyString::intern(py, value.name()),
        Err(_) => PyString::new(py, &Name(value).to_string()),
    }
}

fn list<'py, V: IntoPyObject<'py>>(
    py: Python<'py>,
    values: impl ExactSizeIterator<Item = V>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, values)
}
