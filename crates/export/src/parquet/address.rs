//! An address as two columns: text, and 16 octets.

use super::column::{Addresses16, Column, Texts};
use super::text::push_address;

/// Addresses as text and as octets. Rows of the same UPDATE have the same addresses, so the text of the last one is kept.
pub(super) struct Addresses {
    text: Texts,
    octets: Addresses16,
    last: [u8; 16],
    last_text: Vec<u8>,
}

impl Addresses {
    /// Makes the two columns.
    pub(super) fn new(name: &'static str, octets_name: &'static str) -> Self {
        Self {
            text: Texts::new(name).or_null(),
            octets: Addresses16::new(octets_name),
            last: [0; 16],
            last_text: b"::".to_vec(),
        }
    }

    #[inline]
    pub(super) fn push_some(&mut self, address: Option<[u8; 16]>) {
        self.octets.push_some(address);
        if let Some(address) = address.filter(|address| *address != self.last) {
            self.last = address;
            self.last_text.clear();
            push_address(address, &mut self.last_text);
        }
        self.text.push_some(address.map(|_| &self.last_text));
    }

    pub(super) fn columns(&mut self) -> [&mut dyn Column; 2] {
        [&mut self.text, &mut self.octets]
    }
}
