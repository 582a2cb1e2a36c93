//! One BMP message of a router: what it changes, and what consumers hear of it (RFC 7854 §4).

use std::collections::VecDeque;

use arancini_rib::Doom;
use arancini_schema::events::{
    self, InformationTlv, MalformedMessage, PeerEvent, PeerEventKind, RouterEvent, RouterEventKind,
    StatisticsCounter,
};
use arancini_wire::WireError;
use arancini_wire::bgp::MessageType as BgpMessageType;
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bmp::{
    COMMON_HEADER_LEN, Initiation, LossyText, Message, MessageType, PeerDown, PeerUp, PerPeerHeader,
    RouteMonitoring, StatisticValue, StatisticsReport, Termination, Tlvs,
};
use arancini_wire::iana::AfiSafi;

use crate::counters::Quirk;
use crate::doomed::DoomedTable;
use crate::emitter::{Emitter, event_peer};
use crate::notice::NoticeKind;
use crate::peer::{PeerIndex, PeerState};
use crate::route_monitoring::{quirk, update};
use crate::router::{Router, TablePlace};
use crate::table::TableIndex;
use crate::time::Now;

/// Flags that RFC 9069 §4.2 defines for Loc-RIB: F.
const LOC_RIB_FLAGS: u8 = 0x80;

/// Where a message arrives: its router, and what that shares with the worker's other routers.
pub(crate) struct Arrival<'s> {
    pub router: &'s mut Router,
    pub emitter: &'s mut Emitter,
    /// Tables with doomed routes, to be swept in slices.
    pub doomed: &'s mut VecDeque<DoomedTable>,
    pub now: Now,
}

impl Arrival<'_> {
    /// Takes one whole BMP message. What can't be read is counted and published raw; the session goes on.
    #[inline]
    pub fn message(&mut self, frame: &[u8]) {
        self.router.messages += 1;
        let type_number = frame.get(5).map_or(usize::MAX, |&number| usize::from(number));
        let counters = &self.emitter.counters.messages;
        counters[type_number.min(counters.len() - 1)].add(1);
        let taken = match Message::new_checked(frame) {
            Ok(Message::RouteMonitoring(message)) => self.route_monitoring(&message),
            Ok(Message::StatisticsReport(message)) => self.statistics_report(&message),
            Ok(Message::PeerDown(message)) => self.peer_down(&message),
            Ok(Message::PeerUp(message)) => self.peer_up(&message),
            Ok(Message::Initiation(message)) => self.initiation(&message),
            Ok(Message::Termination(message)) => self.termination(&message),
            // Mirrored messages are copies of what a peer sent, not routes of a table; unknown types are skipped
            // (RFC 7854 §4.1). Both are counted by type.
            Ok(Message::RouteMirroring(_) | Message::Unknown { .. }) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            self.malformed(frame, error);
        }
    }

    fn route_monitoring(&mut self, message: &RouteMonitoring<'_>) -> Result<(), WireError> {
        let header = message.peer();
        let Some(peer) = self.peer_of(&header) else {
            return Ok(());
        };
        if header.is_loc_rib() && header.flags() & !LOC_RIB_FLAGS != 0 {
            quirk(self.router, self.emitter, peer, Quirk::LocRibFlags);
        }
        let mut updates = 0;
        for pdu in message.pdus() {
            let pdu = pdu?;
            if pdu.kind() != BgpMessageType::Update {
                quirk(self.router, self.emitter, peer, Quirk::NotAnUpdate);
                continue;
            }
            updates += 1;
            update(self, peer, &header, pdu.body, pdu.offset + HEADER_LEN)?;
        }
        if updates > 1 {
            quirk(self.router, self.emitter, peer, Quirk::SeveralUpdates);
        }
        Ok(())
    }

    /// The peer of a message that only makes sense for a peer that is up. `None` if there are too many already.
    #[inline]
    fn peer_of(&mut self, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
        match self.router.find_peer(header) {
            Some(index) if self.router.peers[index].state != PeerState::Down => Some(index),
            known => self.provisional_peer(header, known),
        }
    }

    /// The router never said that this peer is up, but speaks of it: taken as up, and said so (quirk 3 of
    /// `docs/interop.md`). Nothing was negotiated as far as we know.
    #[cold]
    fn provisional_peer(
        &mut self,
        header: &PerPeerHeader<'_>,
        known: Option<PeerIndex>,
    ) -> Option<PeerIndex> {
        let index = match known {
            Some(index) => index,
            None => self.add_peer(header)?,
        };
        let peer = &mut self.router.peers[index];
        peer.state = PeerState::Provisional;
        peer.set_negotiated(None);
        let event = PeerEvent {
            time_bmp_header_ns: header.timestamp_ns(),
            provisional: true,
            ..peer_event(PeerEventKind::Up, event_peer(peer, header.view()))
        };
        self.emitter.peer_event(self.router, self.now, &event);
        quirk(self.router, self.emitter, index, Quirk::NoPeerUp);
        Some(index)
    }

    fn add_peer(&mut self, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
        if self.router.peers.len() >= self.emitter.settings.max_peers_per_router {
            self.emitter.counters.peer_limit_exceeded.add(1);
            self.emitter
                .notices
                .push(self.router.id, None, NoticeKind::PeerLimit);
            return None;
        }
        Some(self.router.add_peer(header.identity(), header.asn()))
    }

    /// Peer Up (RFC 7854 §4.10): what its OPENs agree on says how its UPDATEs are read.
    fn peer_up(&mut self, message: &PeerUp<'_>) -> Result<(), WireError> {
        let header = message.peer();
        self.emitter.counters.peers_up.add(1);
        let known = self.router.find_peer(&header);
        let Some(index) = known.or_else(|| self.add_peer(&header)) else {
            return Ok(());
        };
        let peer = &mut self.router.peers[index];
        if peer.asn != header.asn() || peer.identity.bgp_id != header.bgp_id() {
            // Its routes are published under another subject or key from now on: those under the old one are gone.
            self.doom_peer(index, Doom::PeerDown);
        } else if peer.state == PeerState::Provisional
            || peer.state == PeerState::Up && !peer.is_repeated(message)
        {
            for table in &mut peer.tables {
                table.mark_stale(self.now.monotonic_ns);
            }
            self.emitter.table_settles = true;
        }
        if self.router.peers[index].state == PeerState::Up {
            quirk(self.router, self.emitter, index, Quirk::PeerUpTwice);
        }
        let negotiated = message.negotiated();
        self.router.identify_peer(index, header.identity());
        let peer = &mut self.router.peers[index];
        peer.asn = header.asn();
        peer.set_table_name(message.table_name().map(text).unwrap_or_default(), message);
        peer.set_negotiated(Some(negotiated));
        peer.state = PeerState::Up;
        peer.remember_session(message);

        let context = negotiated.context(header.view());
        let add_path: Vec<AfiSafi> = context.add_path.iter().collect();
        let information = information(message.tlvs());
        let table_name = peer.last_name().to_owned();
        let event = PeerEvent {
            time_bmp_header_ns: header.timestamp_ns(),
            table_name: &table_name,
            local_address: message.local_address(),
            local_port: message.local_port(),
            remote_port: message.remote_port(),
            sent_open: message.sent_open().as_bytes(),
            received_open: message.received_open().as_bytes(),
            four_octet_asn: negotiated.four_octet_as,
            add_path: &add_path,
            information: &information,
            ..peer_event(PeerEventKind::Up, event_peer(peer, header.view()))
        };
        let address = peer.address();
        self.emitter.peer_event(self.router, self.now, &event);
        self.emitter
            .notices
            .push(self.router.id, Some(address), NoticeKind::PeerUp);
        Ok(())
    }

    /// Peer Down (RFC 7854 §4.9): every route of the peer is gone.
    fn peer_down(&mut self, message: &PeerDown<'_>) -> Result<(), WireError> {
        let header = message.peer();
        self.emitter.counters.peers_down.add(1);
        let known = self.router.find_peer(&header);
        let Some(index) = known.or_else(|| self.add_peer(&header)) else {
            return Ok(());
        };
        let peer = &mut self.router.peers[index];
        let was_up = peer.state != PeerState::Down;
        peer.state = PeerState::Down;
        let (address, table_name) = (peer.address(), peer.last_name().to_owned());
        let event = PeerEvent {
            time_bmp_header_ns: header.timestamp_ns(),
            table_name: &table_name,
            down_reason: message.reason().code(),
            down_data: message.raw_data(),
            ..peer_event(PeerEventKind::Down, event_peer(peer, header.view()))
        };
        self.emitter.peer_event(self.router, self.now, &event);
        self.doom_peer(index, Doom::PeerDown);
        if !was_up {
            quirk(self.router, self.emitter, index, Quirk::PeerDownWithoutUp);
        }
        let what = NoticeKind::PeerDown(message.reason().code());
        self.emitter.notices.push(self.router.id, Some(address), what);
        Ok(())
    }

    fn doom_peer(&mut self, peer: PeerIndex, doom: Doom) {
        for (index, table) in self.router.peers[peer].tables.iter_mut().enumerate() {
            if table.doom_all(doom) {
                self.doomed.push_back(DoomedTable {
                    router: self.router.id,
                    place: TablePlace {
                        peer,
                        table: TableIndex(index),
                    },
                });
            }
        }
    }

    fn statistics_report(&mut self, message: &StatisticsReport<'_>) -> Result<(), WireError> {
        let header = message.peer();
        // Statistics alone do not make a peer: some routers report on peers they are still bringing up.
        let peer = header_peer(&header);
        let counters: Vec<StatisticsCounter<'_>> = message
            .counters()
            .map_while(Result::ok)
            .map(|statistic| {
                let (value, family) = match statistic.decode() {
                    StatisticValue::Counter32(value) => (u64::from(value), None),
                    StatisticValue::Gauge64(value) => (value, None),
                    StatisticValue::FamilyGauge64 { family, value } => (value, Some(family)),
                    StatisticValue::Raw(_) => (0, None),
                };
                let name = statistic.name();
                StatisticsCounter {
                    statistics_type: statistic.stat_type,
                    name,
                    value,
                    family,
                    raw: statistic.value,
                }
            })
            .collect();
        if !message.count_is_true()
            && let Some(index) = self.router.find_peer(&header)
        {
            quirk(self.router, self.emitter, index, Quirk::StatisticsCount);
        }
        self.emitter
            .statistics(self.router, self.now, header.timestamp_ns(), &peer, &counters);
        Ok(())
    }

    fn initiation(&mut self, message: &Initiation<'_>) -> Result<(), WireError> {
        self.router.sys_name = message.sys_name().map(text).unwrap_or_default();
        self.router.sys_descr = message.sys_descr().map(text).unwrap_or_default();
        let information = information(message.tlvs());
        self.router_event(RouterEventKind::Initiation, "", &information);
        Ok(())
    }

    fn termination(&mut self, message: &Termination<'_>) -> Result<(), WireError> {
        let reason = message.reason().map_or("no reason given", |reason| reason.name());
        let information = information(message.tlvs());
        self.router_event(RouterEventKind::Terminated, reason, &information);
        Ok(())
    }

    /// Tells consumers of the router itself.
    pub fn router_event(&mut self, kind: RouterEventKind, reason: &str, information: &[InformationTlv<'_>]) {
        let (name, description) = (self.router.sys_name.clone(), self.router.sys_descr.clone());
        let event = RouterEvent {
            kind,
            system_name: &name,
            system_description: &description,
            reason,
            information,
            peer: None,
            family: None,
        };
        self.emitter.router_event(self.router, self.now, &event);
    }

    #[cold]
    fn malformed(&mut self, frame: &[u8], error: WireError) {
        self.router.malformed += 1;
        self.emitter.counters.malformed.add(1);
        let header = per_peer_header(frame);
        let reason = error.to_string();
        let message = MalformedMessage {
            time_bmp_header_ns: header.map_or(0, |header| header.timestamp_ns()),
            peer: header.as_ref().map(header_peer),
            reason: &reason,
            offset: u32::try_from(error.offset).unwrap_or(u32::MAX),
            raw: frame,
        };
        self.emitter.malformed(self.router, self.now, &message);
        let address = header.map(|header| std::net::IpAddr::from(header.address()).to_canonical());
        self.emitter
            .notices
            .push(self.router.id, address, NoticeKind::Malformed(reason));
    }
}

/// The per-peer header of a message that has one; of a damaged one too, as long as it is there.
fn per_peer_header(frame: &[u8]) -> Option<PerPeerHeader<'_>> {
    let (common, rest) = frame.split_at_checked(COMMON_HEADER_LEN)?;
    match MessageType::from_code(*common.last()?) {
        MessageType::Initiation | MessageType::Termination | MessageType::Unknown(_) => None,
        _ => rest.first_chunk().map(PerPeerHeader::new),
    }
}

/// The peer as a header names it.
fn header_peer(header: &PerPeerHeader<'_>) -> events::Peer {
    let identity = header.identity();
    events::Peer {
        address: identity.address,
        asn: header.asn(),
        bgp_id: identity.bgp_id,
        peer_type: identity.peer_type,
        distinguisher: identity.distinguisher,
        view: header.view(),
    }
}

/// A peer event that says nothing yet but who and what.
const fn peer_event(kind: PeerEventKind, peer: events::Peer) -> PeerEvent<'static> {
    PeerEvent {
        kind,
        time_bmp_header_ns: 0,
        peer,
        provisional: false,
        table_name: "",
        local_address: [0; 16],
        local_port: 0,
        remote_port: 0,
        sent_open: &[],
        received_open: &[],
        four_octet_asn: false,
        add_path: &[],
        information: &[],
        down_reason: 0,
        down_data: &[],
    }
}

fn information(tlvs: Tlvs<'_>) -> Vec<InformationTlv<'_>> {
    tlvs.map_while(Result::ok)
        .map(|tlv| (tlv.tlv_type, tlv.value))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    LossyText(bytes).to_string()
}
