//! Network Layer Reachability Information: the routes of an UPDATE, family by family.
//!
//! Families of prefixes are decoded to prefixes, with route distinguisher and labels. Other families keep the bytes of each
//! NLRI. [`shape()`] says for each family which of the two applies and how NLRI are framed; nothing else depends on the
//! family. Of an NLRI that is kept as bytes, [`split_opaque`] finds the key. A field that is not exactly a sequence of NLRI is an error (RFC 7606 §5.3), which names the byte.
//!
//! The fast way for IPv4 and IPv6 unicast is [`decide_add_path`] (or [`count`]) once, and then [`Ipv4Prefixes`] or
//! [`Ipv6Prefixes`] over the checked field.

mod add_path;
mod field;
mod shape;
mod route;
mod path_id;
mod prefix;
mod labelled;
mod opaque;
mod opaque_key;
#[cfg(test)]
mod tests;

pub use add_path::{PathIdDecision, decide_add_path};
pub use field::{NlriIter, count, iter};
pub use opaque_key::{OpaqueBuffer, OpaqueNlri, split_opaque};
pub use prefix::{Ipv4Prefixes, Ipv6Prefixes, PrefixBits};
pub use route::{Nlri, Route};
pub use shape::{LengthField, NlriShape, shape};
