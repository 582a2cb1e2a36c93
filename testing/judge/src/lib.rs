//! The independent judge of a published stream: rebuilds the routers' tables, and checks order and truth.
//!
//! In the order of a judgement: a payload of the stream is read into [`message`]s, each names a [`route`] or speaks of a
//! session; [`order`] and [`sequences`] say whether it may stand where it stands; the [`book`] keeps what consumers hold;
//! the [`judge`] compares each update with the book, and writes each broken promise down as a [`finding`].
//! [`source`] reads a whole stream from NATS or from segment files, and the program `arancini-judge` prints what it says.
//!
//! The judge shares no code with the collector, its core, or the client, so a mistake there can't hide itself here. The
//! one file that both read is `update_capnp.rs`, which the Cap'n Proto compiler made from the schema; it is compiled into
//! this crate a second time, so this crate depends on no other crate of the workspace.
#![forbid(unsafe_code)]

pub mod message;
pub mod route;
pub mod order;
pub mod sequences;
pub mod book;
pub mod attributes;
pub mod judge;
pub mod finding;
#[cfg(feature = "sources")]
pub mod source;

/// The schema's reader, as the Cap'n Proto compiler wrote it.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, clippy::unwrap_used)]
#[path = "../../../crates/schema/src/generated/update_capnp.rs"]
#[rustfmt::skip]
pub mod update_capnp;

pub use book::{Book, MapBook};
pub use finding::{Finding, FindingKind, Findings};
pub use judge::{Judge, Rule, Rules, Sweeps};
pub use message::{Kind, Said, Value, What, Withdrawn};
pub use route::{Family, Name, Route, Table};
