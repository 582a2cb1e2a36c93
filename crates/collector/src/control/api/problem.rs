//! Errors of the API as problem details (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request has no answer, and what to do about it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI for the kind of problem. `about:blank`: the status says it all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The HTTP status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong.
    detail: String,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// What to do about it.
    remedy: String,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// The problems that every resource can have, for the description of the API.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "the description is made from the type alone")]
pub enum Problems {
    /// A parameter has no meaning.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(#[to_schema] Problem),
    /// The request does not carry the token of `control.token_file`, or comes without a client certificate.
    #[response(status = 401, content_type = "application/problem+json")]
    Token(#[to_schema] Problem),
    /// The request is for a foreign name, from a foreign page, or wants more than its certificate allows.
    #[response(status = 403, content_type = "application/problem+json")]
    Access(#[to_schema] Problem),
    /// The collector can't answer now; `Retry-After` says when to ask again.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(#[to_schema] Problem),
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            remedy: remedy.into(),
            retry_after_s: None,
        }
    }

    /// 400: a parameter has a value that it does not accept.
    pub fn invalid(field: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, remedy).about(field)
    }

    /// 404: what a parameter names is not there.
    pub fn not_found(field: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail, remedy).about(field)
    }

    /// 503: the collector can't answer now, and can after some seconds.
    pub fn later(seconds: u32, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail, remedy)
        }
    }

    /// The whole answer as on the wire. The connection ends with it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = serde_json::to_string(self).unwrap_or_default();
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\nx-content-type-options: nosniff\r\n\
             cache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.status,
            self.title,
            body.len()
        )
        .into_bytes()
    }

    /// What is wrong, and the remedy.
    pub fn into_parts(self) -> (String, String) {
        (self.detail, self.remedy)
    }

    /// Names the parameter that is wrong.
    pub fn about(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_s = self.retry_after_s;
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
