//! Inputs. The bytes to read stand first, the settings for reading them last. So a mutation that inserts or removes bytes
//! leaves the settings alone, and a recorded message with a few bytes behind it is an input.

/// Takes numbers off the end of an input.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Takes the last byte; 0 if no byte is left.
    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_last() {
            Some((last, rest)) => {
                self.bytes = rest;
                *last
            }
            None => 0,
        }
    }

    /// Takes the last two bytes.
    pub fn short(&mut self) -> u16 {
        let low = self.byte();
        u16::from_be_bytes([self.byte(), low])
    }

    /// The bytes that are left.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}
