//! Problems: what cannot be read, with its remedy.

use pyo3::exceptions::PyValueError;
use pyo3::{PyErr, create_exception};

create_exception!(
    arancini_client,
    BatchError,
    PyValueError,
    "A message of the stream is no batch of a collector. `args` has the cause and the remedy."
);

/// The remedy for bytes that are no batch.
pub(crate) const DAMAGED: &str = "find out who publishes on this subject; if a collector published the message, its router is right \
     again after `arancini resync ROUTER`";
/// The remedy for what only a later version can have written.
pub(crate) const NEWER: &str = "upgrade arancini-client to the version of the collector";

/// Why a record cannot become a Python object.
pub(crate) enum Unreadable {
    /// The record is damaged, or of a later schema.
    Record(String),
    /// Python has raised an exception.
    Python(PyErr),
}

impl From<PyErr> for Unreadable {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<capnp::Error> for Unreadable {
    fn from(error: capnp::Error) -> Self {
        Self::Record(error.to_string())
    }
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self::Record(error.to_string())
    }
}
