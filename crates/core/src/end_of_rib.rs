//! End-of-RIB (RFC 7854 §5, RFC 4724 §2): the dump of one view and family is complete.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::peer::PeerIndex;
use crate::router::TablePlace;

/// Settles the table: routes that the dump did not announce again are gone.
pub(crate) fn end_of_rib(context: &mut RouterContext<'_>, peer: PeerIndex, view: RibView, family: AfiSafi) {
    let RouterContext { router, shared, now } = context;
    shared.counters.end_of_ribs.add(1);
    router.shown.note(view, family);
    let known = &mut router.peers[peer];
    known.dump.end(view, family, now.unix_ns);
    if let Some(table) = known.find_table(&known.table_key(view, family))
        && known.tables[table].settle()
    {
        shared.doomed.push(router.id, TablePlace { peer, table });
    }
}
