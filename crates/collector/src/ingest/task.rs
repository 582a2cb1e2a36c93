//! Starting the tasks of a worker, with their turns measured.

use std::future::{Future, poll_fn};
use std::rc::Rc;

use super::lane::Lane;

/// Measures the turns of a task of this worker.
pub fn timed<F: Future>(lane: &Rc<Lane>, task: F) -> impl Future<Output = F::Output> + use<F> {
    let lane = Rc::clone(lane);
    let mut task = Box::pin(task);
    poll_fn(move |context| {
        let begin = lane.turn_clock.begin();
        let polled = task.as_mut().poll(context);
        lane.turn_clock.over(&lane.counters.turns, begin);
        polled
    })
}

/// Starts a task of this worker and measures its turns.
pub fn spawn_timed(lane: &Rc<Lane>, task: impl Future<Output = ()> + 'static) {
    monoio::spawn(timed(lane, task));
}
