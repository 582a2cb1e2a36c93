//! Reads back what was published: from the stream, or from a segment directory.
