//! The messages of a recorded stream.

use arancini_wire::bmp::frame_length;

/// The messages of a stream, as far as it can be framed.
pub(crate) fn frames(stream: &[u8]) -> Vec<&[u8]> {
    let mut rest = stream;
    let mut frames = Vec::new();
    while let Ok(Some(length)) = frame_length(rest, 1 << 20)
        && let Some((frame, after)) = rest.split_at_checked(length)
    {
        frames.push(frame);
        rest = after;
    }
    frames
}
