//! The receive backend `readiness`: a task per connection waits until its socket is readable, then receives into the one
//! slot of its worker, which stays hot in the cache.

use std::cell::RefCell;
use std::rc::Rc;

use rustix::net::RecvFlags;

use super::backend::Driver;
use super::connection::Connection;
use super::descriptor;
use super::end::{End, EndReason};
use super::lane::Lane;

/// The slot of one worker.
pub struct Readiness {
    /// Borrowed from the receive until the core has taken the bytes. Nothing that is called meanwhile knows the slot.
    slot: RefCell<Box<[u8]>>,
    driver: Driver,
}

impl Readiness {
    /// A slot of this size, below a runtime with this driver.
    pub fn new(slot_bytes: usize, driver: Driver) -> Self {
        Self {
            slot: RefCell::new(vec![0; slot_bytes].into_boxed_slice()),
            driver,
        }
    }

    /// Receives from a connection until it ends.
    pub async fn receive(&self, lane: &Rc<Lane>, connection: &Connection) -> End {
        loop {
            if let Err(end) = connection.finish_rest(lane).await {
                return end;
            }
            if let Err(error) = connection.stream.readable(false).await {
                return connection.failed(&error);
            }
            lane.outlet.room().await;
            if lane.is_stopping() {
                return EndReason::Stopping.into();
            }
            if let Err(end) = self.receive_slot(lane, connection) {
                return end;
            }
            if self.answers_at_once() || connection.has_rest() {
                // Otherwise a router that never pauses would be the only one served.
                lane.turnstile.pass().await;
            }
        }
    }

    /// Whether a socket that has bytes is reported as readable without a wait. With epoll it is; with io_uring the answer
    /// always takes the way through the ring, and the other tasks have their turn meanwhile.
    fn answers_at_once(&self) -> bool {
        self.driver == Driver::Epoll
    }

    /// Fills the slot once and passes its bytes on.
    fn receive_slot(&self, lane: &Lane, connection: &Connection) -> Result<(), End> {
        let mut slot = self.slot.borrow_mut();
        let received = match rustix::net::recv(
            descriptor::borrow(&connection.stream),
            &mut slot[..],
            RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => return Err(connection.closed()),
            Ok((received, _)) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(connection.failed(&error.into())),
        };
        lane.counters.receive_calls.add(1);
        connection.take(lane, &slot[..received])
    }
}
