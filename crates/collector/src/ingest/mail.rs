//! Orders to a worker from other threads.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arancini_core::Batch;

use super::arrive::arriving::Arriving;
use super::arrive::claim::Claimed;
use super::question_request::QuestionRequest;
use super::repeat_request::RepeatRequest;
use super::signal::Turnstile;
use super::snapshot_request::SnapshotRequest;

/// Orders that a worker takes before its other tasks get their turn.
pub const ORDERS_PER_TURN: u32 = 32;

/// An order to a worker.
pub enum Mail {
    /// Serve a connection of a router that this worker owns.
    Adopt(Box<Arriving<Claimed>>),
    /// Write a snapshot.
    Snapshot(Box<SnapshotRequest>),
    /// Answer a question about the worker's routers.
    Question(Box<QuestionRequest>),
    /// Resync all routers, because the stream was lost.
    Resync,
    /// Do the same for these routers only.
    ResyncRouters(Arc<[IpAddr]>),
    /// A message was larger than the sink takes, so consumers did not get it: repair that.
    SetAside(Arc<Batch>),
    /// Publish tables of a router again, because somebody requested it.
    Repeat(Box<RepeatRequest>),
    /// Stop.
    Stop(StopOrder),
}

/// The orders of one worker, taken in short turns.
pub struct Mailbox {
    orders: kanal::AsyncReceiver<Mail>,
    /// Orders taken since other tasks had their turn.
    taken: u32,
}

impl Mailbox {
    /// The mailbox at this end of the channel.
    pub fn new(orders: kanal::Receiver<Mail>) -> Self {
        Self {
            orders: orders.to_async(),
            taken: 0,
        }
    }

    /// Waits for the next order. Returns nothing once nobody can send one any more.
    pub async fn next(&mut self, turnstile: &Turnstile) -> Option<Mail> {
        if self.taken == ORDERS_PER_TURN {
            self.taken = 0;
            turnstile.pass().await;
        }
        self.taken += 1;
        self.orders.recv().await.ok()
    }
}

/// How a worker has to stop.
pub struct StopOrder {
    /// Until when the worker hands to the bridge what it has decoded.
    pub deadline: Instant,
    /// The last snapshot to be written, if one is wanted.
    pub last_snapshot: Option<Box<SnapshotRequest>>,
}
