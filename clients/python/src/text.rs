//! Texts that are the same in many records.

use std::fmt::Write as _;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// The Python text of a value, kept until another value comes. Records of one batch have mostly the same router and peer.
pub(crate) struct LastText<'py, K> {
    last: Option<(K, Bound<'py, PyString>)>,
}

impl<K> Default for LastText<'_, K> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<'py, K: Copy + PartialEq> LastText<'py, K> {
    /// Returns the text of `key`, which `write` makes if the last key was another one.
    pub(crate) fn of(
        &mut self,
        py: Python<'py>,
        key: K,
        write: impl FnOnce(K) -> String,
    ) -> Bound<'py, PyString> {
        match &self.last {
            Some((last, text)) if *last == key => text.clone(),
            _ => {
                let text = PyString::new(py, &write(key));
                self.last = Some((key, text.clone()));
                text
            }
        }
    }
}

/// Returns a text that is written into `buffer`, so that no memory is allocated beside the Python object.
pub(crate) fn text<'py>(
    py: Python<'py>,
    buffer: &mut String,
    value: impl std::fmt::Display,
) -> Bound<'py, PyString> {
    buffer.clear();
    // Writing to a String cannot fail.
    let _ = write!(buffer, "{value}");
    PyString::new(py, buffer)
}
