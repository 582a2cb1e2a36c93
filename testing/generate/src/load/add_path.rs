//! The load `add-path`: IPv4 tables with three paths of each prefix (RFC 7911).

use std::num::NonZeroU32;

use arancini_wire::iana::AfiSafi;

use super::dump::{Dump, dumps};
use super::form::Form;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport, next_hop_v4};
use super::table::Families;

/// How many paths each prefix has.
const PATHS: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// Generates the load. Half of the peers announce their routes in the field of the UPDATE, as most routers do, and the other
/// half in MP_REACH_NLRI, as BIRD does.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let all = [Session::Internal, Session::External].map(|session| {
        let next_hop = next_hop_v4(session);
        let form = match session {
            Session::Internal => Form::Classic { next_hop },
            Session::External => Form::MultiProtocol {
                family: AfiSafi::IPV4_UNICAST,
                next_hop: next_hop.octets().to_vec(),
                head: Vec::new(),
            },
        };
        Dump {
            session,
            transport: Transport::V4,
            families: Families::Ipv4,
            forms: vec![form],
            paths: Some(PATHS),
            route_targets: false,
        }
    });
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV4_UNICAST],
        add_path: vec![AfiSafi::IPV4_UNICAST],
    };
    dumps(load, &all, &negotiated)
}
