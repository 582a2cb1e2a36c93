//! Writes messages and counts what they contain.

use arancini_wire::iana::AfiSafi;

use super::counts::Counts;
use super::piece::Piece;
use crate::bmp::{Peer, route_monitoring};
use crate::update::{bgp_message, end_of_rib};

/// The time between the timestamps of two messages.
const MESSAGE_INTERVAL_US: u64 = 10;

/// Messages that become a piece, with their counts.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    counts: Counts,
}

/// What an UPDATE does with its prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Announces them, new or with other attributes.
    Announce,
    /// Announces them as they are held.
    Repeat,
    /// Withdraws them. All of them are held.
    Withdraw,
}

impl Writer {
    /// Appends one message. `write` gets the number of the message.
    pub(super) fn message(&mut self, write: impl FnOnce(u64, &mut Vec<u8>)) {
        write(self.counts.messages, &mut self.bytes);
        self.counts.messages += 1;
    }

    /// Appends an UPDATE with this many prefixes. `body` is the BGP message without its header.
    pub(super) fn update(&mut self, peer: &Peer, body: &[u8], effect: Effect, prefixes: usize) {
        self.route_monitoring(peer, &bgp_message(2, body));
        let prefixes = prefixes as u64;
        self.counts.updates += 1;
        match effect {
            Effect::Announce => self.counts.announced += prefixes,
            Effect::Repeat => {
                self.counts.announced += prefixes;
                self.counts.suppressed += prefixes;
            }
            Effect::Withdraw => self.counts.withdrawn += prefixes,
        }
    }

    /// Appends the End-of-RIB of a family.
    pub(super) fn end_of_rib(&mut self, peer: &Peer, family: AfiSafi) {
        self.route_monitoring(peer, &end_of_rib(family));
    }

    /// Returns the piece and its counts.
    pub(super) fn finish(self) -> (Piece, Counts) {
        (Piece::new(self.bytes), self.counts)
    }

    fn route_monitoring(&mut self, peer: &Peer, bgp: &[u8]) {
        self.message(|number, out| {
            let elapsed = number * MESSAGE_INTERVAL_US;
            let peer = peer.at(
                peer.seconds + (elapsed / 1_000_000) as u32,
                (elapsed % 1_000_000) as u32,
            );
            out.extend(route_monitoring(&peer, bgp));
        });
    }
}
