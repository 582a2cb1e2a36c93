//! A worker's answer to a question, in slices, beside the way of messages.

use std::rc::Rc;
use std::time::Instant;

use super::lane::Lane;
use super::question_request::QuestionRequest;

/// Routes that a question looks at in one go before the worker's other tasks get their turn: some 100 µs.
const SLICE_ROUTES: usize = 4000;

/// Answers a question. Gives up when the asker is gone or the worker stops.
pub async fn answer(lane: Rc<Lane>, request: QuestionRequest) {
    let QuestionRequest {
        mut question,
        deadline,
        out,
        place: _place,
    } = request;
    loop {
        if out.is_closed() || lane.is_stopping() {
            return;
        }
        let more = lane.shard.borrow().poll_question(&mut question, SLICE_ROUTES);
        if !more || Instant::now() >= deadline {
            break;
        }
        lane.turnstile.pass().await;
    }
    let _ = out.send(question.finish());
}
