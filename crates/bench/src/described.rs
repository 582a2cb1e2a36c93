//! Descriptions of loads for the report.

use std::fmt;

use serde_json::Value;

/// A load that describes itself: in words through `Display`, and as a JSON object.
pub trait Described: fmt::Display {
    /// Returns the description as a JSON object.
    fn to_json(&self) -> Value;
}
