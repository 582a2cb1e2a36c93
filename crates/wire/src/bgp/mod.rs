//! BGP-4 messages as they appear inside BMP.

mod session_context;
pub use session_context::{AsWidth, FamilySet, SessionContext};

pub mod attribute;
pub mod nlri;
