//! Frames for the tests of this folder.

use super::header::COMMON_HEADER_LEN;
use super::per_peer_header::PER_PEER_HEADER_LEN;

/// A message of this type around `body`.
pub(super) fn frame(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(6 + body.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![3];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(message_type);
    bytes.extend_from_slice(body);
    bytes
}

/// A message of this type around a per-peer header of 192.0.2.1 and `body`.
pub(super) fn peer_frame(message_type: u8, body: &[u8]) -> Vec<u8> {
    let mut with_peer = [0; PER_PEER_HEADER_LEN].to_vec();
    with_peer[22..26].copy_from_slice(&[192, 0, 2, 1]);
    with_peer.extend_from_slice(body);
    frame(message_type, &with_peer)
}

/// The bytes of a frame after the common header.
pub(super) fn body(frame: &[u8]) -> &[u8] {
    frame.get(COMMON_HEADER_LEN..).unwrap_or_default()
}

/// A BGP message of this type around `body`.
pub(super) fn pdu(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(message_type);
    bytes.extend_from_slice(body);
    bytes
}
