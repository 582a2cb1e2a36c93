//! Bytes that are sent as they are, or with the per-peer header of another peer.

use std::ops::Range;
use std::sync::Arc;

use arancini_wire::bmp::frame_length;

use crate::bmp::Peer;

/// The octets of a BMP message that name the peer: distinguisher, address, AS and BGP identifier (RFC 7854 §4.2).
const IDENTITY: Range<usize> = 8..40;
const IDENTITY_LEN: usize = IDENTITY.end - IDENTITY.start;

/// Whole BMP messages of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    bytes: Arc<Vec<u8>>,
    /// The peer in whose name all messages are sent; `None` leaves the messages as they are.
    identity: Option<[u8; IDENTITY_LEN]>,
}

impl Piece {
    /// Makes a piece that is sent as it is.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Arc::new(bytes),
            identity: None,
        }
    }

    /// Returns this piece as another peer sends it. All messages of the piece must have a per-peer header. Their peer type
    /// and flags stay.
    #[must_use]
    pub fn from_peer(&self, peer: &Peer) -> Self {
        Self {
            bytes: Arc::clone(&self.bytes),
            identity: Some(peer.identity()),
        }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the bytes, if they are sent as they are.
    #[must_use]
    pub fn as_sent(&self) -> Option<&[u8]> {
        self.identity.is_none().then_some(self.bytes.as_slice())
    }

    /// Passes the piece to `send`, in chunks of about this many bytes. Only one chunk at a time is in memory if the messages
    /// get another peer.
    ///
    /// # Errors
    /// Fails if `send` does.
    pub fn each_chunk<E>(
        &self,
        chunk_bytes: usize,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(identity) = &self.identity else {
            return self.bytes.chunks(chunk_bytes.max(1)).try_for_each(send);
        };
        let mut chunk = Vec::with_capacity(chunk_bytes);
        let mut rest = self.bytes.as_slice();
        // Generated messages are whole.
        while let Ok(Some(length)) = frame_length(rest, usize::MAX) {
            let (message, behind) = rest.split_at(length);
            if chunk.len() + length > chunk_bytes && !chunk.is_empty() {
                send(&chunk)?;
                chunk.clear();
            }
            let begin = chunk.len();
            chunk.extend_from_slice(message);
            chunk[begin + IDENTITY.start..begin + IDENTITY.end].copy_from_slice(identity);
            rest = behind;
        }
        if chunk.is_empty() { Ok(()) } else { send(&chunk) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::bmp::route_monitoring;
    use crate::update::end_of_rib;
    use arancini_wire::iana::AfiSafi;

    fn sent(piece: &Piece, chunk_bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let done: Result<(), Infallible> = piece.each_chunk(chunk_bytes, |chunk| {
            all.extend_from_slice(chunk);
            Ok(())
        });
        done.unwrap();
        all
    }

    #[test]
    fn another_peer_sends_what_it_would_have_written_itself() {
        let peer = |last| {
            let address = Ipv4Addr::new(192, 0, 2, last);
            Peer::new(address.into(), 64_500 + u32::from(last), address)
        };
        let message = |last| route_monitoring(&peer(last), &end_of_rib(AfiSafi::IPV6_UNICAST));
        let piece = Piece::new([message(1), message(1), message(1)].concat());
        assert_eq!(piece.len(), 3 * message(1).len());
        for chunk_bytes in [1, 100, 1000] {
            assert_eq!(sent(&piece, chunk_bytes), message(1).repeat(3));
            assert_eq!(
                sent(&piece.from_peer(&peer(2)), chunk_bytes),
                message(2).repeat(3)
            );
        }
    }
}
