//! The client: what a program needs that reads what a collector has published.
//!
//! In the order in which a batch reaches a reader: the [`settings`] say where the stream is, [`connect`](mod@connect)
//! logs in, [`streams`] finds the stream, the [`headers`] say what a batch is, its payload is [decompressed](compression)
//! and consists of [`records`], which also fill the [`segments`] of the file sink. A [tail] follows either, and the
//! [`tables`] keep the routes that follow from it. A client says why something cannot be done by a [`Trouble`], which names
//! cause and remedy.
#![forbid(unsafe_code)]

pub mod settings;
mod trouble;
#[cfg(feature = "nats")]
pub mod connect;
#[cfg(feature = "nats")]
pub mod streams;
#[cfg(feature = "nats")]
pub mod headers;
pub mod compression;
pub mod form;
pub mod records;
pub mod readable;
pub mod segments;
#[cfg(feature = "nats")]
pub mod tail;
pub mod tables;
#[cfg(feature = "nats")]
mod acknowledgements;

#[cfg(feature = "nats")]
pub use acknowledgements::Acknowledgements;
pub use compression::Compression;
pub use form::{Format, PayloadError, PayloadForm};
pub use settings::{Authentication, ClientCertificate, Secret, ServerSettings, StreamSource, TlsSettings};
pub use trouble::{Reason, Trouble};
