//! One BMP message of a router, handed to the module of its type (RFC 7854 §4).

use arancini_wire::bmp::Message;

use crate::context::RouterContext;
use crate::initiation::initiation;
use crate::malformed::malformed;
use crate::peer_down::peer_down;
use crate::peer_up::peer_up;
use crate::route_monitoring::route_monitoring;
use crate::statistics::statistics;
use crate::termination::termination;

/// Place of the message type in the common header (RFC 7854 §4.1).
const TYPE_OFFSET: usize = 5;

/// Takes one whole BMP message. A message that cannot be read does not end the session.
#[inline]
pub(crate) fn dispatch(context: &mut RouterContext<'_>, frame: &[u8]) {
    context.router.messages += 1;
    let type_number = frame
        .get(TYPE_OFFSET)
        .map_or(usize::MAX, |&number| usize::from(number));
    let counters = &context.shared.counters.messages;
    counters[type_number.min(counters.len() - 1)].add(1);
    let error = match Message::new_checked(frame) {
        Ok(Message::RouteMonitoring(message)) => match route_monitoring(context, &message) {
            Ok(()) => return,
            Err(error) => error,
        },
        Ok(Message::StatisticsReport(message)) => return statistics(context, &message),
        Ok(Message::PeerDown(message)) => return peer_down(context, &message),
        Ok(Message::PeerUp(message)) => return peer_up(context, &message),
        Ok(Message::Initiation(message)) => return initiation(context, &message),
        Ok(Message::Termination(message)) => return termination(context, &message),
        // A mirrored message is a verbatim copy of what a peer sent, not a route of a table (RFC 7854 §4.7). "A BMP
        // implementation MUST ignore unrecognized message types" (§4.1). Both are counted by type above.
        Ok(Message::RouteMirroring(_) | Message::Unknown { .. }) => return,
        Err(error) => error,
    };
    malformed(context, frame, error);
}
