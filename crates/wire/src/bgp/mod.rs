//! The BGP-4 messages that appear inside BMP.

pub mod header;
mod open;
mod optional_parameter;
mod capability;
mod negotiated;
mod session_context;
mod notification;
mod update;
mod end_of_rib;
pub mod attribute;
pub mod nlri;
#[cfg(test)]
mod test_opens;

pub use capability::{
    ADD_PATH_RECEIVE, ADD_PATH_SEND, AddPathFamilies, Capabilities, Capability, ExtendedNextHops,
};
pub use header::{MessageType, Pdu, Pdus};
pub use negotiated::Negotiated;
pub use notification::Notification;
pub use open::Open;
pub use session_context::{AsWidth, FamilySet, SessionContext};
pub use update::Update;
