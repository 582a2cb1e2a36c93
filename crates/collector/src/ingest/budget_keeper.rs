//! The task that keeps a worker's budget for unfinished messages.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use tracing::warn;

use super::arrive::entrance::Entrance;
use super::arrive::waiting::Place;
use super::connection::Connection;
use super::end::EndReason;
use super::lane::Lane;

/// A connection that holds no more than this is never closed for its unfinished message. The longest Route Monitoring message
/// about an UPDATE without extended messages (RFC 8654) has 4,144 bytes.
const SHORT_BYTES: usize = 8 * 1024;

/// The connection that holds the most.
enum Largest {
    Session(Rc<Connection>, usize),
    Waiting(Rc<Place>),
}

/// Keeps the budget of a worker for as long as the worker lives.
pub async fn keep_budget(entrance: Rc<Entrance>) {
    let lane = &*entrance.sessions.lane;
    loop {
        lane.unfinished.called().await;
        // A call that comes during a pass finds the budget exceeded still.
        while lane.exceeds_unfinished() && close_largest(&entrance) {
            lane.turnstile.pass().await;
        }
    }
}

/// Closes the connection that holds the most. Returns whether there is one whose message is not short.
fn close_largest(entrance: &Entrance) -> bool {
    let lane = &*entrance.sessions.lane;
    match largest(entrance) {
        Some(Largest::Session(connection, bytes)) => {
            log(lane, connection.router, connection.remote, bytes);
            entrance.sessions.give_up(&connection, EndReason::Unfinished);
            true
        }
        Some(Largest::Waiting(place)) => {
            log(lane, place.router, place.remote, place.held());
            // Its bytes are freed when its task runs. Until then they no longer count.
            place.hold(lane, 0);
            place.call_off(EndReason::Unfinished);
            true
        }
        None => false,
    }
}

fn largest(entrance: &Entrance) -> Option<Largest> {
    let lane = &*entrance.sessions.lane;
    // What waits for a PROXY protocol header holds less than a short message.
    let waiting = [entrance.waiting.largest(), entrance.naming.largest()];
    let waiting = waiting.into_iter().flatten().max_by_key(|place| place.held());
    let of_waiting = waiting.as_ref().map_or(0, |place| place.held());
    let session = lane.shard.borrow().largest_unfinished();
    match session {
        Some((router, bytes)) if bytes > SHORT_BYTES.max(of_waiting) => {
            let connection = entrance.sessions.of_router(router)?;
            Some(Largest::Session(connection, bytes))
        }
        _ => waiting
            .filter(|place| place.held() > SHORT_BYTES)
            .map(Largest::Waiting),
    }
}

fn log(lane: &Lane, router: IpAddr, remote: SocketAddr, held_bytes: usize) {
    if lane.may_log(router) {
        let budget_bytes = lane.unfinished.budget;
        warn!(%router, %remote, held_bytes, budget_bytes, "connection closed: unfinished BMP messages of this worker's connections exceeded budget_bytes, and this connection held the most; if this router is not yours, exclude it with limits.allow, else look for the reason why its messages stay unfinished");
    }
}
