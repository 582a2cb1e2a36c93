//! Time, which the core gets as an argument.

/// One reading of both clocks. The core never reads a clock itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Nanoseconds of a clock that never goes back; for deadlines.
    pub monotonic_ns: u64,
    /// Nanoseconds since the Unix epoch; for what is published.
    pub unix_ns: u64,
}
