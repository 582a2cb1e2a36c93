//! The exchange between the control port and a worker: a question about the worker's routers, and its outcome.

use std::sync::Arc;
use std::time::Instant;

use arancini_core::ask::{Outcome, Question};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A request to a worker: answer a question.
#[derive(Debug)]
pub struct QuestionRequest {
    /// The question.
    pub question: Question,
    /// When the worker answers with what it has found so far.
    pub deadline: Instant,
    /// Where the worker sends the outcome. The asker is gone if nobody waits for it any more.
    pub out: oneshot::Sender<Outcome>,
    /// The place of the question among those that run at the same time. It is given back when every worker is done.
    pub place: Arc<OwnedSemaphorePermit>,
}
