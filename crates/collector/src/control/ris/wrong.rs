//! Why a request of a client is refused.

use std::borrow::Cow;

use axum::body::Bytes;

use crate::live::error_message;

/// Why a request is refused, and what to do about it. The connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    field: Option<Cow<'static, str>>,
    detail: String,
    remedy: Cow<'static, str>,
}

impl Wrong {
    /// A request that is wrong as a whole.
    pub fn new(detail: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: None,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    /// Names the field that is wrong.
    pub fn in_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// What is wrong, and the remedy.
    pub fn into_parts(self) -> (String, String) {
        (self.detail, self.remedy.into_owned())
    }

    /// The `ris_error` for the client.
    pub fn message(&self) -> Bytes {
        error_message(self.field.as_deref(), &self.detail, &self.remedy)
    }
}
