//! One BMP message of a router, handed to the module of its type (RFC 7854 §4).

use arancini_wire::WireError;
use arancini_wire::bmp::Message;

use crate::context::RouterContext;
use crate::initiation::initiation;
use crate::lane::{self, Lanes};
use crate::malformed::malformed;
use crate::peer_down::peer_down;
use crate::peer_up::peer_up;
use crate::progress::{Progress, Taken};
use crate::route_monitoring::route_monitoring;
use crate::statistics::statistics;
use crate::termination::termination;

/// Fixed cost of one BMP message, counted as this many routes.
const MESSAGE_WORK: u64 = 4;

/// Takes one whole BMP message, or a part of one that is too much for this turn: then `progress` says how far. A message that
/// cannot be read does not end the session. `behind` are the bytes behind the message.
#[inline]
pub(crate) fn dispatch(
    context: &mut RouterContext<'_>,
    frame: &[u8],
    behind: &[u8],
    progress: &mut Option<Box<Progress>>,
    lanes: &mut Lanes,
) -> Taken {
    context.shared.work += MESSAGE_WORK;
    if progress.is_none() {
        context.router.messages += 1;
        context.shared.counters.count_message(frame);
        if lane::take(context, lanes, frame, behind) {
            context.shared.counters.short_way.add(1);
            return Taken::Whole;
        }
    }
    let error = match Message::new_checked(frame) {
        Ok(Message::RouteMonitoring(message)) => match route_monitoring(context, &message, progress) {
            Ok(taken) => {
                if context.shared.settings.short_way {
                    lanes.open(context, frame);
                }
                return taken;
            }
            Err(error) => error,
        },
        Ok(other) => {
            lanes.clear();
            match event_message(context, &other) {
                Ok(()) => return Taken::Whole,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    malformed(context, frame, error);
    Taken::Whole
}

/// Takes a message that carries no routes.
///
/// # Errors
/// The message cannot be read. Nothing of it was taken.
fn event_message(context: &mut RouterContext<'_>, message: &Message<'_>) -> Result<(), WireError> {
    match message {
        Message::StatisticsReport(message) => statistics(context, message),
        Message::PeerDown(message) => peer_down(context, message),
        Message::PeerUp(message) => peer_up(context, message),
        Message::Initiation(message) => initiation(context, message)?,
        Message::Termination(message) => termination(context, message),
        // A mirrored message is a verbatim copy of what a peer sent, not a route of a table (RFC 7854 §4.7). "A BMP
        // implementation MUST ignore unrecognized message types" (§4.1). Both are counted by type.
        Message::RouteMonitoring(_) | Message::RouteMirroring(_) | Message::Unknown { .. } => {}
    }
    Ok(())
}
