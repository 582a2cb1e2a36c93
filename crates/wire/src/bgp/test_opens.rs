//! OPENs for the tests of this folder.
#![allow(clippy::unwrap_used)]

/// An OPEN of AS 64512 with this length field and these parameters.
pub(super) fn open_bytes(length: u8, parameters: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    let total = u16::try_from(29 + parameters.len()).unwrap();
    bytes.extend_from_slice(&total.to_be_bytes());
    bytes.extend_from_slice(&[1, 4, 0xfc, 0, 0, 180, 192, 0, 2, 1, length]);
    bytes.extend_from_slice(parameters);
    bytes
}

/// An OPEN of AS 64512 with these capabilities in one parameter.
pub(super) fn open_with(capabilities: &[u8]) -> Vec<u8> {
    let length = u8::try_from(capabilities.len()).unwrap();
    let mut parameters = vec![2, length];
    parameters.extend_from_slice(capabilities);
    open_bytes(length + 2, &parameters)
}
