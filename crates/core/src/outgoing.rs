//! One table's routes on their way out, taken apart from their router so that table, layout and batch can be worked on
//! together.

use arancini_schema::encode::{RouteFields, RouteSource, UpdateEncoder};

use crate::batcher::{Batcher, SubjectId};
use crate::peer::{Peer, name_of};
use crate::router::{Router, TablePlace};
use crate::table::PeerTable;
use crate::time::Now;

/// A table and the way its routes take.
pub(crate) struct Outgoing<'s> {
    /// The table itself.
    pub table: &'s mut PeerTable,
    /// What all its routes of one message have in common.
    pub source: RouteSource<'s>,
    /// Where they go.
    pub writer: Writer<'s>,
}

/// Appends routes to the open batch of their subject, each with the router's next sequence number.
pub(crate) struct Writer<'s> {
    /// Holds what is laid out.
    pub encoder: &'s mut UpdateEncoder,
    batcher: &'s mut Batcher,
    sequence: &'s mut u64,
    subject: SubjectId,
    now_ns: u64,
}

impl<'s> Outgoing<'s> {
    /// The way out of one table of a peer, for a message with this timestamp (0: for none).
    #[inline]
    pub fn of(
        router: &'s mut Router,
        TablePlace { peer, table }: TablePlace,
        (batcher, encoder): (&'s mut Batcher, &'s mut UpdateEncoder),
        now: Now,
        time_bmp_header_ns: u64,
    ) -> Self {
        let Router {
            peers,
            sequence,
            address,
            port,
            ..
        } = router;
        let Peer {
            identity,
            names,
            tables,
            ..
        } = &mut peers[peer];
        let table = &mut tables[table];
        let source = RouteSource {
            time_received_ns: now.unix_ns,
            time_bmp_header_ns,
            router_address: *address,
            router_port: *port,
            peer_address: identity.address,
            peer_bgp_id: table.key.peer.bgp_id,
            peer_asn: table.key.peer_asn,
            peer_type: identity.peer_type,
            peer_distinguisher: identity.distinguisher,
            view: table.key.view,
            table_name: name_of(names, table),
            family: table.key.family,
        };
        let writer = Writer {
            encoder,
            batcher,
            sequence,
            subject: table.subject,
            now_ns: now.monotonic_ns,
        };
        Self {
            table,
            source,
            writer,
        }
    }
}

impl Writer<'_> {
    /// Appends one route as it is laid out.
    #[inline]
    pub fn put(&mut self, fields: &mut RouteFields<'_>) {
        let Self {
            encoder,
            batcher,
            sequence,
            subject,
            now_ns,
        } = self;
        **sequence += 1;
        fields.sequence = **sequence;
        batcher.append(*subject, **sequence, *now_ns, |out| encoder.append(fields, out));
    }
}
