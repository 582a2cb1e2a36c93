//! Where a tail begins, and what it does at the end.

/// Where a tail begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// With the oldest message that is kept.
    #[default]
    Beginning,
    /// With the first message that is published from now on.
    New,
    /// With this stream sequence. Segment files have no such sequence; there it means the beginning.
    Sequence(u64),
    /// With the first message that was stored at this time or later, in Unix nanoseconds. Segment files have no such times; there
    /// it means the beginning.
    Time(u64),
}

/// What a tail does at the end of what has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// Stops.
    #[default]
    Stop,
    /// Stops, but not before this stream sequence. A replica that lags behind sees an earlier end than the stream has. Segment
    /// files have no such sequence; there it means [`AtEnd::Stop`].
    StopBehind(u64),
    /// Waits for more.
    Follow,
}
