//! MRT (RFC 6396, RFC 8050): updates as BGP4MP_ET messages, and tables as TABLE_DUMP_V2.
//!
//! In the order of an update's way: [`wanted`] leaves out what MRT cannot tell apart, [`attributes`] and [`nlri`] write the
//! parts of a BGP UPDATE again from the fields of the update, and [`messages`] or [`tables`] put them into records.

mod registry;
mod record;
mod nlri;
mod attributes;
mod wanted;
mod messages;
mod tables;

pub use messages::MrtMessages;
pub use tables::MrtTables;
