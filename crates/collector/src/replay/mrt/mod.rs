//! MRT files (RFC 6396, RFC 8050): their records become the BMP messages of a made-up router, so that the core reads them.
//!
//! A file is read twice. The first time tells each session's families with path identifiers and the width of its AS numbers
//! ([`sessions`]): a Peer Up has to say them before the first UPDATE. The second time writes the messages ([`convert`]).

mod record;
mod bgp4mp;
mod table_dump;
mod update;
mod sessions;
mod bmp;
mod convert;

pub(super) use convert::{Converted, convert};
pub(super) use record::is_mrt;
