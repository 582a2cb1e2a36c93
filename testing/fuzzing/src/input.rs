//! Inputs: what is to be read stands first, how it is to be read last. So a mutation that inserts or removes bytes
//! leaves the settings alone, and a recorded message with a few bytes behind it is an input.

/// Takes numbers off the end of an input.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The last byte; 0 when there is none left.
    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_last() {
            Some((last, rest)) => {
                self.bytes = rest;
                *last
            }
            None => 0,
        }
    }

    /// The last two bytes.
    pub fn short(&mut self) -> u16 {
        let low = self.byte();
        u16::from_be_bytes([self.byte(), low])
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}
