//! Answers to what the HTTP server does not read.

use axum::http::StatusCode;

use super::problem::Problem;

/// Answers a request that is longer than the control port reads, as bytes: it never becomes a request of the HTTP server.
/// `has_first_line` tells whether its headers are too long, or its URL.
pub(crate) fn refusal_of_long_request(has_first_line: bool) -> Vec<u8> {
    let problem = if has_first_line {
        Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request is longer than 16 KiB",
            "send fewer or shorter headers, and no body",
        )
    } else {
        Problem::new(
            StatusCode::URI_TOO_LONG,
            "the URL is longer than 16 KiB",
            "write shorter parameters",
        )
    };
    problem.to_bytes()
}

/// Answers a request without TLS at a port with TLS.
pub(crate) fn refusal_of_plain_http() -> Vec<u8> {
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        "the control port speaks HTTPS",
        "write https:// in place of http://",
    );
    problem.to_bytes()
}
