//! One UPDATE of a peer (RFC 4271 §4.3): from its bytes to its tables.
//!
//! An UPDATE has up to four fields of routes. All of them are located and checked first, and only then is the first route
//! curated, so that a message is taken whole or skipped whole.

use arancini_schema::encode::WithdrawReason;
use arancini_wire::WireError;
use arancini_wire::bgp::attribute::{Handling, PathAttributes};
use arancini_wire::bgp::{AsWidth, Update};
use arancini_wire::bmp::PerPeerHeader;
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::curation::{UpdateWork, announce, withdraw};
use crate::emission::MessageTimes;
use crate::end_of_rib::end_of_rib;
use crate::handling::attribute_handling;
use crate::locate::{count_received, locate};
use crate::peer::PeerIndex;
use crate::router::TablePlace;
use crate::sections::{FieldKind, Sections};

/// Takes one UPDATE of a peer. `body` is the UPDATE without its header; it starts at `body_offset` of the BMP message.
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
    body: &[u8],
    body_offset: usize,
) -> Result<(), WireError> {
    let update = Update::new_checked(body).map_err(|error| error.at(body_offset))?;
    let view = header.view();
    if let Some(family) = update.end_of_rib() {
        end_of_rib(context, peer, view, family);
        return Ok(());
    }
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
    context.router.peers[peer].prefetch(view, AfiSafi::IPV4_UNICAST, plain);
    // Read in place, because the struct is large: moving it would cost time.
    let mut attributes = PathAttributes::unread(update.attributes(), as_width);
    attributes.read();
    let handling = attribute_handling(&attributes, &update, view, &context.shared.counters)
        .map_err(|error| error.at(body_offset))?;
    if attributes.quirk_as_width {
        context.count_quirk(peer, Quirk::AsWidth);
    }
    if attributes.absent_next_hop().is_some() {
        context.count_quirk(peer, Quirk::NextHopAbsent);
    }

    if let Some(mp) = &attributes.mp_reach {
        context.router.peers[peer].prefetch(view, mp.family, mp.nlri);
    }
    // Filled in place, because moving it would cost time too.
    let mut sections = Sections::default();
    sections.add(&update, &attributes);
    for section in sections.iter_mut() {
        locate(context, peer, view, section).map_err(|error| error.at(body_offset + section.offset))?;
    }
    let mut work = UpdateWork {
        attributes: &attributes,
        times: MessageTimes {
            received: context.now,
            bmp_header_ns: header.timestamp_ns(),
        },
        withdraw_reason: WithdrawReason::Explicit,
    };
    for section in sections.iter_mut() {
        let place = TablePlace {
            peer,
            table: section.table,
        };
        count_received(context, place, section);
        let announced = section.kind == FieldKind::Announced;
        if announced && handling == Some(Handling::TreatAsWithdraw) {
            work.withdraw_reason = WithdrawReason::TreatAsWithdraw;
            withdraw(context, place, &work, section);
        } else if announced {
            announce(context, place, &work, section);
        } else {
            withdraw(context, place, &work, section);
        }
    }
    Ok(())
}
