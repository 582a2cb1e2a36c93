//! `Update` messages, written straight into the open batch buffer.
//!
//! The encoder lays out a finished message once per UPDATE, with everything that the routes of the UPDATE share
//! ([`UpdateEncoder::lay_out_announce`], [`UpdateEncoder::lay_out_withdraw`]). Each route is then one copy of that message
//! with a few stores ([`UpdateEncoder::append`]). The bytes have the standard unpacked stream framing with one segment. The
//! encoder allocates nothing after its scratch space has grown to the largest UPDATE.

mod encoder;
mod route;
mod announce;
mod direct;
mod template;
mod layout;

pub use crate::update_capnp::WithdrawReason;
pub use direct::{DirectRoute, LaidOut, RouteLabel, TableLayout, Times, WINDOW};
pub use encoder::UpdateEncoder;
pub use route::{Carrier, RouteFields, RouteSource};
