//! Termination (RFC 7854 §4.5): the router says why it ends the session.

use arancini_schema::events::RouterEventKind;
use arancini_wire::bmp::Termination;

use crate::context::RouterContext;
use crate::event_limits::information;
use crate::events::router_message_event;
use crate::session::SessionError;

/// Takes a Termination: publishes the reason, and ends the turn and the session. Whatever the router sends behind it is
/// not read.
pub(crate) fn termination(context: &mut RouterContext<'_>, message: &Termination<'_>) {
    let reason = message.reason().map_or("no reason given", |reason| reason.name());
    let information = information(message.tlvs());
    router_message_event(
        context,
        RouterEventKind::Terminated,
        reason,
        information.as_deref(),
    );
    context.shared.end_session(SessionError::Terminated);
}
