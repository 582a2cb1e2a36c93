//! BGP-4 messages as they appear inside BMP.

mod capability;
pub mod header;
mod negotiated;
mod notification;
mod open;
mod session_context;
pub use capability::{
    ADD_PATH_RECEIVE, ADD_PATH_SEND, AddPathFamilies, Capabilities, Capability, ExtendedNextHops,
};
pub use header::{MessageType, Pdu, Pdus};
pub use negotiated::Negotiated;
pub use notification::Notification;
pub use open::Open;
pub use session_context::{AsWidth, FamilySet, SessionContext};

pub mod attribute;
mod end_of_rib;
pub mod nlri;
mod update;
pub use update::Update;
