//! The entry of a route in a table: `fingerprint (8) ‖ epoch (3) ‖ key (N)` bytes, 16 bytes for an IPv4 route.

/// The largest epoch an entry can carry.
pub(crate) const MAXIMUM_EPOCH: u32 = (1 << 24) - 1;

/// Fingerprint of a route of which nobody knows what consumers believe.
///
/// No announce counts as a repetition of such a route, in any [`CurationMode`](crate::CurationMode): presence stores 0, and an announce whose
/// attributes have this fingerprint by chance is published every time.
pub const DOUBT: u64 = u64::MAX;

/// One route of a table. All fields are bytes, so that the entry has no padding.
#[derive(Clone, Copy)]
pub(crate) struct Entry<const N: usize> {
    pub fingerprint: [u8; 8],
    epoch: [u8; 3],
    pub key: [u8; N],
}

impl<const N: usize> Entry<N> {
    pub(crate) const EMPTY: Self = Self {
        fingerprint: [0; 8],
        epoch: [0; 3],
        key: [0; N],
    };

    #[inline]
    pub(crate) fn new(key: [u8; N], value: Value) -> Self {
        let [a, b, c, _] = value.epoch.to_le_bytes();
        Self {
            fingerprint: value.fingerprint.to_le_bytes(),
            epoch: [a, b, c],
            key,
        }
    }

    /// Gives the route another value.
    #[inline]
    pub(crate) fn set(&mut self, value: Value) {
        let [a, b, c, _] = value.epoch.to_le_bytes();
        self.fingerprint = value.fingerprint.to_le_bytes();
        self.epoch = [a, b, c];
    }

    #[inline]
    pub(crate) fn value(&self) -> Value {
        let [a, b, c] = self.epoch;
        Value {
            fingerprint: u64::from_le_bytes(self.fingerprint),
            epoch: u32::from_le_bytes([a, b, c, 0]),
        }
    }
}

/// Fingerprint and epoch that a table keeps for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Fingerprint of the route's attributes. In a table that names attribute sets, the word of [`SetId`](crate::SetId).
    pub fingerprint: u64,
    /// The epoch in which the route was last announced: 1 to [`MAXIMUM_EPOCH`].
    pub epoch: u32,
}
