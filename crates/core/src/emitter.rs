//! The way out: from a curated change to the open batch of its subject.

use std::sync::Arc;

use arancini_rib::Doom;
use arancini_schema::encode::{Carrier, UpdateEncoder, WithdrawReason};
use arancini_schema::events::{
    EventOrigin, MalformedMessage, PeerEvent, RouterEvent, StatisticsCounter, write_malformed_message,
    write_peer_event, write_router_event, write_statistics_event,
};
use arancini_schema::fingerprint;
use arancini_wire::bmp::RibView;

use crate::batcher::{Batcher, SubjectId};
use crate::counters::Counters;
use crate::notice::Notices;
use crate::outgoing::Outgoing;
use crate::peer::Peer;
use crate::route::fields_of;
use crate::router::{Router, SubjectKey, TablePlace};
use crate::settings::Settings;
use crate::time::Now;

/// What all routers of a worker share on their way out. Beside the routers, so that one of them can be borrowed
/// together with it.
pub(crate) struct Emitter {
    pub settings: Settings,
    pub counters: Arc<Counters>,
    pub batcher: Batcher,
    pub encoder: UpdateEncoder,
    pub scratch: fingerprint::Scratch,
    pub notices: Notices,
    /// A table began to settle: it has to be looked at later.
    pub table_settles: bool,
    /// Routes decided, and what messages cost beside theirs, in routes, since the shell handed bytes over.
    pub work: u64,
}

/// Why a synthetic withdraw is made, in the words of the schema.
pub(crate) const fn reason_of(doom: Doom) -> WithdrawReason {
    match doom {
        Doom::PeerDown => WithdrawReason::PeerDown,
        Doom::SessionLost => WithdrawReason::SessionLost,
        Doom::NotReannounced => WithdrawReason::NotReannounced,
    }
}

impl Emitter {
    /// Appends one event to the subject, behind everything the router has said so far and before everything it says
    /// next: open batches are closed first, and the event's own batch at once.
    fn event(
        &mut self,
        router: &mut Router,
        key: SubjectKey,
        now: Now,
        write: impl FnOnce(&EventOrigin, &mut Vec<u8>),
    ) {
        router.close_batches(&mut self.batcher);
        let subject = router.subject(key, &self.settings.subject_base, &mut self.batcher);
        self.append(router, subject, now, write);
        self.batcher.close(subject);
    }

    fn append(
        &mut self,
        router: &mut Router,
        subject: SubjectId,
        now: Now,
        write: impl FnOnce(&EventOrigin, &mut Vec<u8>),
    ) {
        let origin = EventOrigin {
            sequence: router.next_sequence(),
            time_received_ns: now.unix_ns,
            router_address: router.address,
            router_port: router.port,
        };
        self.batcher
            .append(subject, origin.sequence, now.monotonic_ns, |out| {
                write(&origin, out)
            });
        self.counters.events.add(1);
    }

    pub fn router_event(&mut self, router: &mut Router, now: Now, event: &RouterEvent<'_>) {
        self.event(router, SubjectKey::Routers, now, |origin, out| {
            write_router_event(origin, event, out)
        });
    }

    pub fn peer_event(&mut self, router: &mut Router, now: Now, event: &PeerEvent<'_>) {
        let key = SubjectKey::Peers(event.peer.asn);
        self.event(router, key, now, |origin, out| {
            write_peer_event(origin, event, out)
        });
    }

    /// Statistics are no barrier: they say nothing about any route.
    pub fn statistics(
        &mut self,
        router: &mut Router,
        now: Now,
        time_bmp_header_ns: u64,
        peer: &arancini_schema::events::Peer,
        counters: &[StatisticsCounter<'_>],
    ) {
        let key = SubjectKey::Statistics(peer.asn);
        let subject = router.subject(key, &self.settings.subject_base, &mut self.batcher);
        self.append(router, subject, now, |origin, out| {
            write_statistics_event(origin, time_bmp_header_ns, peer, counters, out);
        });
    }

    pub fn malformed(&mut self, router: &mut Router, now: Now, message: &MalformedMessage<'_>) {
        let subject = router.subject(
            SubjectKey::Malformed,
            &self.settings.subject_base,
            &mut self.batcher,
        );
        self.append(router, subject, now, |origin, out| {
            write_malformed_message(origin, message, out)
        });
    }

    /// Withdraws a slice of a table's doomed routes; returns how many.
    pub fn sweep(&mut self, router: &mut Router, place: TablePlace, now: Now) -> u64 {
        let Self { batcher, encoder, .. } = self;
        let Outgoing {
            table,
            source,
            mut writer,
        } = Outgoing::of(router, place, (batcher, encoder), now, 0);
        let view = table.key.view;
        let mut laid_out = None;
        let mut swept = 0;
        table.sweep(|key, doom| {
            if laid_out != Some(doom) {
                writer
                    .encoder
                    .lay_out_withdraw(&source, Carrier::UpdateField, reason_of(doom));
                laid_out = Some(doom);
            }
            writer.put(&mut fields_of(&key));
            swept += 1;
        });
        self.counters.emitted_withdraws.of(view).add(swept);
        self.counters.synthetic_withdraws.add(swept);
        swept
    }
}

/// What the tables of a peer have in common with its events.
pub(crate) const fn event_peer(peer: &Peer, view: RibView) -> arancini_schema::events::Peer {
    arancini_schema::events::Peer {
        address: peer.identity.address,
        asn: peer.asn,
        bgp_id: peer.identity.bgp_id,
        peer_type: peer.identity.peer_type,
        distinguisher: peer.identity.distinguisher,
        view,
    }
}
