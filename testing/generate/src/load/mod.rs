//! Named loads: BMP traffic that resembles what real routers send, for measurements.
//!
//! Each load has a file of its own. A load consists of pieces. A piece that several peers send alike is held once, and each
//! peer sends it with its own per-peer header, so that a load of millions of elements needs little memory.
//!
//! The constants were measured in two places. Sizes of UPDATEs, lengths of AS paths, and the attributes of internal sessions
//! are those of a full table of 2015 (577,737 IPv4 prefixes in 89,675 UPDATEs), which RIPE NCC ships as a test file with its
//! reader bgpdump. That table has one community on each route and no large communities, so the attributes of external
//! sessions are those of streams that were recorded from BIRD 2.17.5 and GoBGP 3.36.

mod name;
mod named_load;
mod make;
mod full_packed;
mod full_single;
mod reconnect;
mod churn;
mod ipv6;
mod vpn;
mod named_tables;
mod add_path;
mod dump;
mod single;
mod table;
mod sizes;
mod mix;
mod form;
mod session;
mod writer;
mod weighted;
mod counts;
mod piece;

pub use counts::Counts;
pub use name::LoadName;
pub use named_load::{NamedLoad, RouterLoad};
pub use piece::Piece;
