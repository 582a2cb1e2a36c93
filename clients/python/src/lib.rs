//! The native part of the Python package `arancini-client`.
//!
//! In the order of a message's way: [`batch`] reads the payload of one message of the stream, [`update`] and [`event`] make
//! Python objects of its records, and [`table`] keeps the routes that follow from them. The Python part connects to NATS.
#![forbid(unsafe_code)]

mod batch;
mod update;
mod event;
mod problem;
mod text;
mod table;

/// The native module.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::problem::BatchError;
    #[pymodule_export]
    use crate::table::Table;

    /// Version of the schema that this package reads completely.
    #[pymodule_export]
    const SCHEMA_VERSION: u16 = arancini_schema::SCHEMA_VERSION;
}
