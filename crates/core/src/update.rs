//! One UPDATE of a peer (RFC 4271 §4.3): from its bytes to its tables.
//!
//! An UPDATE has up to four fields of routes. All of them are located and checked first, and only then is the first route
//! curated, so that a message is taken whole or skipped whole.

use arancini_schema::encode::WithdrawReason;
use arancini_wire::WireError;
use arancini_wire::bgp::attribute::{Handling, PathAttributes};
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bgp::{AsWidth, Pdu, Update};
use arancini_wire::bmp::PerPeerHeader;
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::curation::{Overruling, UpdateWork, announce, withdraw, withdraw_unless_announced};
use crate::emission::MessageTimes;
use crate::end_of_rib::end_of_rib;
use crate::handling::attribute_handling;
use crate::locate::{count_received, locate};
use crate::peer::PeerIndex;
use crate::progress::{PartOfUpdate, Taken};
use crate::router::TablePlace;
use crate::sections::{FieldKind, Section, Sections};

/// The bytes of one UPDATE, and where they stand.
#[derive(Clone, Copy)]
pub(crate) struct UpdateBytes<'a> {
    /// The UPDATE without its header.
    pub body: &'a [u8],
    /// Where the body starts in the BMP message.
    pub offset: usize,
}

impl<'a> UpdateBytes<'a> {
    /// The UPDATE that a BGP message is.
    #[inline]
    pub const fn of(pdu: &Pdu<'a>) -> Self {
        Self {
            body: pdu.body,
            offset: pdu.offset + HEADER_LEN,
        }
    }
}

/// Takes one UPDATE of a peer, or a part of one that is too much for this turn: then `part` says how far, and the next call
/// goes on from there.
///
/// # Errors
/// The UPDATE cannot be taken whole. Nothing of it was taken.
// Not inlined: otherwise the compiler prepares its locals for the loop over the messages of a frame, which nearly always has
// one turn.
#[inline(never)]
pub(crate) fn update(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    header: &PerPeerHeader<'_>,
    bytes: UpdateBytes<'_>,
    part: &mut Option<PartOfUpdate>,
) -> Result<Taken, WireError> {
    let update = Update::new_checked(bytes.body).map_err(|error| error.at(bytes.offset))?;
    let view = header.view();
    if let Some(family) = update.end_of_rib() {
        end_of_rib(context, peer, view, family);
        return Ok(Taken::Whole);
    }
    let mut prefetched =
        context.router.peers[peer].prefetch(view, AfiSafi::IPV4_UNICAST, plain_field(&update));
    // Read in place, because the struct is large: moving it would cost time.
    let mut attributes = PathAttributes::unread(update.attributes(), as_width(header));
    attributes.read();
    if let Some(mp) = &attributes.mp_reach {
        prefetched = context.router.peers[peer]
            .prefetch(view, mp.family, mp.nlri)
            .or(prefetched);
    }
    // Filled in place, because moving it would cost time too.
    let mut sections = Sections::default();
    sections.add(&update, &attributes);
    let handling = if let Some(part) = part {
        sections.resume(&part.fields);
        part.handling
    } else {
        let handling =
            attribute_handling(&attributes, &update, view).map_err(|error| error.at(bytes.offset))?;
        for section in sections.iter_mut() {
            locate(context, peer, view, section, prefetched)
                .map_err(|error| error.at(bytes.offset + section.offset))?;
        }
        // Only now: a message that is skipped shows no quirk.
        count_attributes(context, peer, &attributes, handling);
        handling
    };
    let mut work = UpdateWork {
        attributes: &attributes,
        times: MessageTimes {
            received: context.now,
            bmp_header_ns: header.timestamp_ns(),
        },
        withdraw_reason: WithdrawReason::Explicit,
    };
    let overruling = if handling == Some(Handling::TreatAsWithdraw) {
        None
    } else {
        sections.overruling()
    };
    let route_work = route_work(&attributes, update.attributes().len());
    let mut taken = Taken::Whole;
    for section in sections.iter_mut() {
        if section.routes == 0 {
            // Taken in an earlier turn.
            continue;
        }
        let work_of_field = section.routes as u64 * route_work;
        let head;
        let (field, whole) = if context.shared.has_room_for(work_of_field) {
            context.shared.work += work_of_field;
            (&*section, true)
        } else {
            let routes = context.shared.use_up() / route_work;
            head = section.split_off(routes.max(1) as usize);
            (&head, false)
        };
        // The only call, so that the compiler lays the usual way out in one piece.
        let overruling = overruling
            .as_ref()
            .map(|announced| Overruling { announced, part });
        take_field(context, peer, &mut work, field, handling, overruling);
        if !whole {
            taken = Taken::Part;
            break;
        }
        section.routes = 0;
    }
    match taken {
        Taken::Part => {
            let part = part.get_or_insert_default();
            part.handling = handling;
            part.fields = sections.progress();
        }
        Taken::Whole if part.is_some() => *part = None,
        Taken::Whole => {}
    }
    Ok(taken)
}

/// Cost of one route of an UPDATE, counted in routes with few attributes. An update can be some six times as large as its
/// attributes on the wire. The routes themselves are no attributes, though MP_REACH_NLRI and MP_UNREACH_NLRI carry them.
#[inline]
fn route_work(attributes: &PathAttributes<'_>, length: usize) -> u64 {
    let reach = attributes.mp_reach.as_ref().map_or(0, |mp| mp.nlri.len());
    let unreach = attributes.mp_unreach.as_ref().map_or(0, |mp| mp.nlri.len());
    1 + ((length - reach - unreach) as u64 >> 8)
}

/// Width of AS numbers in AS_PATH, as the per-peer header says.
#[inline]
pub(crate) fn as_width(header: &PerPeerHeader<'_>) -> AsWidth {
    if header.is_legacy_as_path() {
        AsWidth::Two
    } else {
        AsWidth::Four
    }
}

/// The field of IPv4 unicast routes that most UPDATEs have.
#[inline]
const fn plain_field<'a>(update: &Update<'a>) -> &'a [u8] {
    if update.nlri().is_empty() {
        update.withdrawn()
    } else {
        update.nlri()
    }
}

/// Counts the quirks and the discarded attributes of an UPDATE.
#[inline]
fn count_attributes(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    attributes: &PathAttributes<'_>,
    handling: Option<Handling>,
) {
    if handling == Some(Handling::AttributeDiscard) {
        let discarded = attributes.faults.as_slice().len() as u64;
        context.shared.counters.discarded_attributes.add(discarded);
    }
    if attributes.quirk_as_width {
        context.count_quirk(peer, Quirk::AsWidth);
    }
    if attributes.absent_next_hop().is_some() {
        context.count_quirk(peer, Quirk::NextHopAbsent);
    }
}

/// Takes the routes of a field, or of the first part of one.
#[inline]
fn take_field(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    work: &mut UpdateWork<'_>,
    section: &Section<'_>,
    handling: Option<Handling>,
    overruling: Option<Overruling<'_, '_>>,
) {
    let table = section.table;
    let place = TablePlace { peer, table };
    count_received(context, place, section);
    let announced = section.kind == FieldKind::Announced;
    if announced && handling != Some(Handling::TreatAsWithdraw) {
        announce(context, place, work, section);
    } else {
        if announced {
            work.withdraw_reason = WithdrawReason::TreatAsWithdraw;
        }
        match overruling {
            None => withdraw(context, place, work, section),
            Some(overruling) => withdraw_unless_announced(context, place, work, section, overruling),
        }
    }
}
