//! Initiation (RFC 7854 §4.3): the router names itself.

use arancini_schema::events::RouterEventKind;
use arancini_wire::WireError;
use arancini_wire::bmp::Initiation;

use crate::context::RouterContext;
use crate::event_limits::information;
use crate::events::router_message_event;
use crate::information::text;
use crate::session::SessionError;

/// Takes an Initiation. "An initiation message MAY be sent at any point thereafter", so the last one counts. One with another
/// sysName than the one that identified the router is about another router, and ends the session.
///
/// # Errors
/// A TLV runs past the end of the message. The names of the last Initiation still count.
pub(crate) fn initiation(context: &mut RouterContext<'_>, message: &Initiation<'_>) -> Result<(), WireError> {
    if let Some(error) = message.tlvs().find_map(Result::err) {
        return Err(error);
    }
    if let (Some(identified_by), Some(name)) = (&context.router.identified_by, message.sys_name())
        && identified_by.as_bytes() != name
    {
        let reason = SessionError::OtherName(text(name));
        context.shared.end_session(reason);
        return Ok(());
    }
    context.router.sys_name = message.sys_name().map(text).unwrap_or_default();
    context.router.sys_descr = message.sys_descr().map(text).unwrap_or_default();
    let information = information(message.tlvs());
    router_message_event(context, RouterEventKind::Initiation, "", information.as_deref());
    Ok(())
}
