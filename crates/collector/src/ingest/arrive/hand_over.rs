//! Stage: the move of a connection to the worker that owns its router.

use super::arriving::Arriving;
use super::claim::Claimed;
use crate::ingest::counters::WorkerCounters;
use crate::ingest::mail::Mail;

/// Sends a connection to its owner by mail, and counts it for the worker that accepted it.
pub fn hand_over(claimed: Arriving<Claimed>, mailboxes: &[kanal::Sender<Mail>], counters: &WorkerCounters) {
    counters.handed_over.add(1);
    let owner = claimed.known.claim.worker();
    // The mailbox is open as long as its worker lives.
    let _ = mailboxes[owner.get()].send(Mail::Adopt(Box::new(claimed)));
}
