//! Messages as JSON Lines: one object and a newline per message.
//!
//! Field names are the names of the schema. An absent value has no field: without MULTI_EXIT_DISC there is no field, not a 0.
//! Addresses and identifiers are text. Names of enumerations are lower case with hyphens. Bytes are hexadecimal. All 64-bit
//! values (sequence, times, counters, fingerprint, distinguishers) are text, because many readers of JSON round numbers above
//! 2^53. The field `type` says which kind of message it is.
//! `docs/schema.md` has the table.

mod line;
mod update;
mod event;
mod object;
mod text;
mod time;
mod damaged;
mod visible;
mod read;

pub use line::{write_lines, write_message};
pub use read::{JsonError, JsonErrorKind, read_lines};
pub use text::{Distinguisher, ExtendedCommunity, Hex, Name, Named, address, prefix_address};
pub use time::UnixTime;
pub use update::write_attributes_of;
pub use visible::visible;
