//! Names that a configuration gives, and which of them can be used. The validation of the configuration and the start of the
//! publisher ask the same functions, so that both accept the same names.

/// Longest name of a stream that nats-server accepts.
const MOST_STREAM_NAME_BYTES: usize = 255;

/// Returns whether this can be the name of a collector. The name is part of message ids and of subjects.
#[must_use]
pub fn is_collector_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Returns whether nats-server accepts this name of a stream.
#[must_use]
pub fn is_stream_name(name: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    !name.is_empty() && name.len() <= MOST_STREAM_NAME_BYTES && !name.contains(refused)
}

/// Returns whether nats-server accepts this name of a bucket: the streams of its key-value bucket and of its object store are
/// `KV_` and `OBJ_` before the name.
#[must_use]
pub fn is_bucket_name(name: &str) -> bool {
    is_collector_name(name) && name.len() + "OBJ_".len() <= MOST_STREAM_NAME_BYTES
}

/// Returns whether the text consists of one or more non-empty subject tokens without wildcards.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || "*>".contains(c);
    text.split('.')
        .all(|token| !token.is_empty() && !token.contains(refused))
}

/// Returns whether subjects of updates can start with this text: a subject that does not start with `$`, because those belong
/// to the server.
#[must_use]
pub fn is_subject_base(text: &str) -> bool {
    is_subject(text) && !text.starts_with('$')
}

/// Returns whether this names a NATS server.
#[must_use]
pub fn is_server_url(url: &str) -> bool {
    url.parse::<async_nats::ServerAddr>().is_ok()
}
