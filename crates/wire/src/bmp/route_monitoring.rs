//! Route Monitoring (RFC 7854 §4.6): routes of one peer, as a BGP UPDATE.

use super::per_peer_header::{PEER_BODY_OFFSET, PerPeerHeader};
use crate::bgp::header::{HEADER_LEN, Pdus};
use crate::error::WireError;

/// A Route Monitoring message.
#[derive(Debug, Clone, Copy)]
pub struct RouteMonitoring<'a> {
    peer: PerPeerHeader<'a>,
    update: &'a [u8],
}

impl<'a> RouteMonitoring<'a> {
    #[inline]
    pub(super) fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let (peer, update) = PerPeerHeader::split(body)?;
        if update.len() < HEADER_LEN {
            return Err(WireError::truncated(PEER_BODY_OFFSET, HEADER_LEN, update.len()));
        }
        Ok(Self { peer, update })
    }

    /// The peer of the routes.
    #[inline]
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// All bytes behind the per-peer header: the UPDATE, BGP header included. [`Self::pdus`] frames them.
    #[inline]
    #[must_use]
    pub const fn update_pdu(&self) -> &'a [u8] {
        self.update
    }

    /// The BGP messages, at least one item.
    ///
    /// The RFC allows one UPDATE here, but some senders put several back to back. Offsets count from the start of the BMP
    /// message.
    #[inline]
    #[must_use]
    pub const fn pdus(&self) -> Pdus<'a> {
        Pdus::new(self.update, PEER_BODY_OFFSET)
    }

    /// The BGP messages behind the first `done` bytes of [`Self::update_pdu`], which are whole BGP messages. Offsets count as
    /// those of [`Self::pdus`].
    #[must_use]
    pub fn pdus_from(&self, done: usize) -> Pdus<'a> {
        let rest = self.update.get(done..).unwrap_or_default();
        Pdus::new(rest, PEER_BODY_OFFSET + done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::{body, pdu, peer_frame};
    use super::*;
    use crate::iana::bgp_message::MessageType;

    fn route_monitoring(frame: &[u8]) -> RouteMonitoring<'_> {
        RouteMonitoring::new(body(frame)).unwrap()
    }

    #[test]
    fn updates_may_stand_back_to_back() {
        let mut updates = pdu(2, &[0, 0, 0, 0]);
        updates.extend(pdu(2, &[0, 0, 0, 0]));
        let frame = peer_frame(0, &updates);
        let message = route_monitoring(&frame);
        assert_eq!(message.update_pdu(), updates);
        let found: Vec<_> = message
            .pdus()
            .map(|pdu| pdu.map(|pdu| (pdu.kind(), pdu.offset)).unwrap())
            .collect();
        assert_eq!(found, [(MessageType::Update, 48), (MessageType::Update, 71)]);
    }

    #[test]
    fn an_update_cut_short_is_named_with_its_offset() {
        let whole = pdu(2, &[0, 0, 0, 0]);
        let frame = peer_frame(0, &whole[..20]);
        let mut pdus = route_monitoring(&frame).pdus();
        assert_eq!(
            pdus.next().unwrap().unwrap_err(),
            WireError::truncated(48, 23, 20)
        );
        assert!(pdus.next().is_none());
    }

    #[test]
    fn no_update_at_all_is_refused() {
        assert_eq!(
            RouteMonitoring::new(body(&peer_frame(0, &[]))).unwrap_err(),
            WireError::truncated(48, 19, 0)
        );
    }
}
