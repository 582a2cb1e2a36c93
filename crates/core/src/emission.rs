//! The routes of one table on their way out. The parts are taken out of their router, so that table, layout and batch can be
//! worked on together.

use arancini_schema::encode::{RouteFields, RouteSource, UpdateEncoder};

use crate::batcher::{Batcher, SubjectId};
use crate::peer::{Peer, name_of};
use crate::router::{Router, TablePlace};
use crate::table::PeerTable;
use crate::time::Now;

/// When a message was received, and when the router says that it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageTimes {
    pub received: Now,
    /// Timestamp of the per-peer header, Unix nanoseconds; 0 where there is none.
    pub bmp_header_ns: u64,
}

impl MessageTimes {
    /// The times of routes that are published without a message of the router.
    pub const fn without_message(now: Now) -> Self {
        Self {
            received: now,
            bmp_header_ns: 0,
        }
    }
}

/// A table, and what it takes to publish its routes.
pub(crate) struct Emission<'s> {
    pub table: &'s mut PeerTable,
    /// What all routes of the table have in common within one message.
    pub source: RouteSource<'s>,
    pub writer: RouteWriter<'s>,
}

/// Appends routes to the open batch of their subject, each with the router's next sequence number.
pub(crate) struct RouteWriter<'s> {
    /// Holds the layout of the routes.
    pub encoder: &'s mut UpdateEncoder,
    batcher: &'s mut Batcher,
    sequence: &'s mut u64,
    subject: SubjectId,
    now_ns: u64,
}

impl<'s> Emission<'s> {
    /// Takes one table of a router and everything that publishing its routes needs.
    #[inline]
    pub fn of(
        router: &'s mut Router,
        TablePlace { peer, table }: TablePlace,
        batcher: &'s mut Batcher,
        encoder: &'s mut UpdateEncoder,
        times: MessageTimes,
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
        // Made in place, because moving the source would cost time.
        Self {
            source: RouteSource {
                time_received_ns: times.received.unix_ns,
                time_bmp_header_ns: times.bmp_header_ns,
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
            },
            writer: RouteWriter {
                encoder,
                batcher,
                sequence,
                subject: table.subject,
                now_ns: times.received.monotonic_ns,
            },
            table,
        }
    }
}

impl RouteWriter<'_> {
    /// Appends one route in the present layout.
    #[inline(always)]
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
        let room = encoder.room(fields);
        let mut batch = batcher.open_batch(*subject, **sequence, *now_ns, room);
        let length = encoder.write(fields, batch.room());
        batch.push(length, **sequence);
    }
}
