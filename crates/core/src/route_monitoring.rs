//! Route Monitoring (RFC 7854 §4.6): from an UPDATE to what consumers have to hear of it.
//!
//! One UPDATE has up to four fields of routes. All of them are located and checked first; only then is the first
//! route curated, so that a message is taken whole or skipped whole. What routes share (attributes, fingerprint,
//! layout) is made once, and only if a route needs it.

use arancini_rib::Curation;
use arancini_schema::encode::{Carrier, WithdrawReason};
use arancini_schema::fingerprint;
use arancini_wire::WireError;
use arancini_wire::bgp::attribute::{Handling, PathAttributes};
use arancini_wire::bgp::nlri;
use arancini_wire::bgp::{AsWidth, Update};
use arancini_wire::bmp::{PerPeerHeader, RibView};
use arancini_wire::iana::AfiSafi;

use crate::counters::Quirk;
use crate::doomed::DoomedTable;
use crate::emitter::{Emitter, reason_of};
use crate::message::Arrival;
use crate::notice::NoticeKind;
use crate::outgoing::Outgoing;
use crate::peer::PeerIndex;
use crate::route::{announce_each, fields_of, withdraw_each};
use crate::router::{Router, SubjectKey, TablePlace};
use crate::sections::{Section, Sections};
use crate::table::{PeerTable, TableIndex};
use crate::table_key::TableKey;
use crate::time::Now;

/// Most tables of a peer: five views of some fifty families. A sender that makes families up gets no memory for it.
const MAX_TABLES_PER_PEER: usize = 256;

/// What the encoder has laid out at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LaidOut {
    Nothing,
    Announce,
    Withdraw(WithdrawReason),
}

/// Takes one UPDATE of a peer. `body` is the UPDATE without its header and starts at `body_offset` of the BMP message.
///
/// # Errors
/// The UPDATE can't be taken whole: nothing of it was taken.
// Out of line: else what it keeps is prepared for a loop over the messages of a frame, which nearly always has one turn.
#[inline(never)]
pub(crate) fn update(
    arrival: &mut Arrival<'_>,
    peer: PeerIndex,
    header: &PerPeerHeader<'_>,
    body: &[u8],
    body_offset: usize,
) -> Result<(), WireError> {
    let update = Update::new_checked(body).map_err(|error| error.at(body_offset))?;
    let view = header.view();
    if let Some(family) = update.end_of_rib() {
        end_of_rib(arrival, peer, view, family);
        return Ok(());
    }
    let Arrival {
        router, emitter, now, ..
    } = arrival;
    let as_width = if header.is_legacy_as_path() {
        AsWidth::Two
    } else {
        AsWidth::Four
    };
    let plain = if update.nlri().is_empty() {
        update.withdrawn()
    } else {
        update.nlri()
    };
    router.peers[peer].prefetch(view, AfiSafi::IPV4_UNICAST, plain);
    // Read in place: the struct is large enough for a move of it to show.
    let mut attributes = PathAttributes::unread(update.attributes(), as_width);
    attributes.read();
    let handling = judge(&attributes, &update, view, emitter).map_err(|error| error.at(body_offset))?;
    if attributes.quirk_as_width {
        quirk(router, emitter, peer, Quirk::AsWidth);
    }

    if let Some(mp) = &attributes.mp_reach {
        router.peers[peer].prefetch(view, mp.family, mp.nlri);
    }
    // In place, for the same reason.
    let mut sections = Sections::default();
    sections.add(&update, &attributes);
    for section in sections.iter_mut() {
        locate(router, emitter, peer, view, section)
            .map_err(|error| error.at(body_offset + section.offset))?;
    }
    let mut work = Work {
        attributes: &attributes,
        time_bmp_header_ns: header.timestamp_ns(),
        withdraw_reason: WithdrawReason::Explicit,
        now: *now,
    };
    for section in sections.iter_mut() {
        count_received(&mut router.peers[peer].tables[section.table], emitter, section);
        if section.announces && handling == Some(Handling::TreatAsWithdraw) {
            work.withdraw_reason = WithdrawReason::TreatAsWithdraw;
            withdraw(router, emitter, peer, &work, section);
        } else if section.announces {
            announce(router, emitter, peer, &work, section);
        } else {
            withdraw(router, emitter, peer, &work, section);
        }
    }
    Ok(())
}

/// What is the same for all routes of one UPDATE.
struct Work<'a> {
    attributes: &'a PathAttributes<'a>,
    time_bmp_header_ns: u64,
    withdraw_reason: WithdrawReason,
    now: Now,
}

/// What RFC 7606 makes of the attributes: `None` or discarded attributes let the routes stand.
///
/// A missing attribute counts only in what the peer itself sent: in the other views the router wrote the UPDATE, of a
/// route that it holds (`docs/rfc7606.md`).
fn judge(
    attributes: &PathAttributes<'_>,
    update: &Update<'_>,
    view: RibView,
    emitter: &Emitter,
) -> Result<Option<Handling>, WireError> {
    let mut handling = attributes.faults.worst();
    let announces = !update.nlri().is_empty() || attributes.mp_reach.is_some_and(|mp| !mp.nlri.is_empty());
    if announces
        && view == RibView::AdjRibInPre
        && let Some(fault) = attributes.missing_mandatory(!update.nlri().is_empty())
    {
        handling = handling.max(Some(fault.handling));
    }
    match handling {
        Some(Handling::SkipMessage) => {
            let fault = attributes
                .faults
                .as_slice()
                .iter()
                .find(|fault| fault.handling == Handling::SkipMessage);
            let (type_code, offset) = fault.map_or((0, 0), |fault| (fault.type_code, fault.offset as usize));
            let offset = update.attributes_offset() + offset;
            return Err(WireError::invalid(
                offset,
                "path attribute that can't be read",
                u64::from(type_code),
            ));
        }
        Some(Handling::AttributeDiscard) => {
            emitter
                .counters
                .discarded_attributes
                .add(attributes.faults.as_slice().len() as u64);
        }
        Some(Handling::TreatAsWithdraw) | None => {}
    }
    Ok(handling)
}

/// Finds the table of a field, and whether its NLRI carries path identifiers: as negotiated, unless the bytes prove
/// otherwise.
#[inline]
fn locate(
    router: &mut Router,
    emitter: &mut Emitter,
    peer_index: PeerIndex,
    view: RibView,
    section: &mut Section<'_>,
) -> Result<(), WireError> {
    let key = router.peers[peer_index].table_key(view, section.family);
    let table_index = match router.peers[peer_index].find_table(&key) {
        Some(index) => index,
        None if router.peers[peer_index].tables.len() < MAX_TABLES_PER_PEER => {
            add_table(router, emitter, peer_index, key)
        }
        None => {
            let family = u64::from(section.family.afi) << 8 | u64::from(section.family.safi);
            return Err(WireError::invalid(
                0,
                "AFI and SAFI, of one table more than a peer may have,",
                family,
            ));
        }
    };
    let table = &mut router.peers[peer_index].tables[table_index];
    let decision = nlri::decide_add_path(
        section.family,
        section.field,
        table.add_path,
        table.path_ids_absent,
    )?;
    if table.add_path {
        // A field that only reads with path identifiers shows that the peer sends them after all.
        table.path_ids_absent = !decision.add_path;
    }
    if decision.contradiction {
        let which = if table.add_path {
            Quirk::PathIdsAbsent
        } else {
            Quirk::PathIdsNotNegotiated
        };
        quirk(router, emitter, peer_index, which);
    }
    section.table = table_index;
    section.add_path = decision.add_path;
    section.routes = decision.routes;
    Ok(())
}

#[inline]
fn count_received(table: &mut PeerTable, emitter: &mut Emitter, section: &Section<'_>) {
    let routes = section.routes as u64;
    emitter.work += routes;
    if section.announces {
        table.received_announces += routes;
        emitter.counters.received_announces.of(table.key.view).add(routes);
    } else {
        table.received_withdraws += routes;
        emitter.counters.received_withdraws.of(table.key.view).add(routes);
    }
}

#[cold]
fn add_table(router: &mut Router, emitter: &mut Emitter, peer_index: PeerIndex, key: TableKey) -> TableIndex {
    let Emitter {
        settings, batcher, ..
    } = emitter;
    let subject = router.subject(
        SubjectKey::Updates(key.peer_asn, key.family),
        &settings.subject_base,
        batcher,
    );
    let peer = &mut router.peers[peer_index];
    let add_path = peer.negotiated_add_path(key.view, key.family);
    peer.add_table(PeerTable::new(key, subject, add_path, settings.curation))
}

#[cold]
pub(crate) fn quirk(router: &mut Router, emitter: &mut Emitter, peer_index: PeerIndex, quirk: Quirk) {
    emitter.counters.quirks[quirk as usize].add(1);
    let peer = &mut router.peers[peer_index];
    let seen = &mut peer.quirks[quirk as usize];
    *seen += 1;
    if *seen == 1 {
        emitter
            .notices
            .push(router.id, Some(peer.address()), NoticeKind::Quirk(quirk));
    }
}

#[inline]
fn announce(
    router: &mut Router,
    emitter: &mut Emitter,
    peer: PeerIndex,
    work: &Work<'_>,
    section: &Section<'_>,
) {
    let carrier = section.carrier;
    let Emitter {
        batcher,
        encoder,
        scratch,
        counters,
        ..
    } = emitter;
    let way = (batcher, encoder);
    let Outgoing {
        table,
        source,
        mut writer,
    } = Outgoing::of(
        router,
        TablePlace {
            peer,
            table: section.table,
        },
        way,
        work.now,
        work.time_bmp_header_ns,
    );
    let view = table.key.view;
    let shared = fingerprint::of_parsed(work.attributes, carrier, scratch);
    counters.attribute_fingerprints.add(1);
    let rib = table.of(section.add_path);
    let mut laid_out = LaidOut::Nothing;
    let (mut announces, mut withdraws, mut suppressed) = (0, 0, 0);
    announce_each(rib, section, shared, |key, labels, fingerprint, curation| {
        if curation == Curation::Suppress {
            suppressed += 1;
            return;
        }
        let mut fields = fields_of(&key);
        if let Curation::EmitAfterWithdraw(doom) = curation {
            let reason = reason_of(doom);
            if laid_out != LaidOut::Withdraw(reason) {
                writer
                    .encoder
                    .lay_out_withdraw(&source, Carrier::UpdateField, reason);
                counters.layouts.add(1);
                laid_out = LaidOut::Withdraw(reason);
            }
            writer.put(&mut fields);
            withdraws += 1;
        }
        if laid_out != LaidOut::Announce {
            writer.encoder.lay_out_announce(&source, carrier, work.attributes);
            counters.layouts.add(1);
            laid_out = LaidOut::Announce;
        }
        fields.labels = labels;
        fields.fingerprint = fingerprint;
        writer.put(&mut fields);
        announces += 1;
    });
    counters.emitted_announces.of(view).add(announces);
    counters.suppressed.of(view).add(suppressed);
    if withdraws > 0 {
        counters.emitted_withdraws.of(view).add(withdraws);
        counters.synthetic_withdraws.add(withdraws);
    }
}

#[inline]
fn withdraw(
    router: &mut Router,
    emitter: &mut Emitter,
    peer: PeerIndex,
    work: &Work<'_>,
    section: &Section<'_>,
) {
    let Section {
        carrier, announces, ..
    } = *section;
    let Emitter {
        batcher,
        encoder,
        counters,
        ..
    } = emitter;
    let way = (batcher, encoder);
    let Outgoing {
        table,
        source,
        mut writer,
    } = Outgoing::of(
        router,
        TablePlace {
            peer,
            table: section.table,
        },
        way,
        work.now,
        work.time_bmp_header_ns,
    );
    let view = table.key.view;
    let rib = table.of(section.add_path);
    let mut laid_out = false;
    let (mut withdraws, mut suppressed) = (0, 0);
    // An announced field that is treated as withdraw came in MP_REACH_NLRI, not in MP_UNREACH_NLRI.
    let carrier = if announces { Carrier::UpdateField } else { carrier };
    withdraw_each(rib, section, |key, curation| {
        if curation == Curation::Suppress {
            suppressed += 1;
            return;
        }
        if !laid_out {
            writer
                .encoder
                .lay_out_withdraw(&source, carrier, work.withdraw_reason);
            counters.layouts.add(1);
            laid_out = true;
        }
        writer.put(&mut fields_of(&key));
        withdraws += 1;
    });
    counters.emitted_withdraws.of(view).add(withdraws);
    counters.suppressed.of(view).add(suppressed);
    if announces {
        counters.treated_as_withdraw.add(withdraws + suppressed);
    }
}

/// The dump of this view and family is complete (RFC 7854 §5, RFC 4724 §2).
fn end_of_rib(arrival: &mut Arrival<'_>, peer: PeerIndex, view: RibView, family: AfiSafi) {
    arrival.emitter.counters.end_of_ribs.add(1);
    let tables = &mut arrival.router.peers[peer];
    if let Some(index) = tables.find_table(&tables.table_key(view, family))
        && tables.tables[index].settle()
    {
        arrival.doomed.push_back(DoomedTable {
            router: arrival.router.id,
            place: TablePlace { peer, table: index },
        });
    }
}
