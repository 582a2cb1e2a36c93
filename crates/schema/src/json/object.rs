//! A writer of JSON objects and arrays that keeps nothing in memory.

use std::fmt::Display;
use std::io::{self, Write};

use super::visible::visible;

use capnp::text;

/// An open object or array. It separates its members by commas; [`Members::end`] closes it.
pub(super) struct Members<'w, W: Write> {
    out: &'w mut W,
    first: bool,
    close: &'static [u8],
}

impl<'w, W: Write> Members<'w, W> {
    /// Opens an object.
    pub(super) fn object(out: &'w mut W) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self {
            out,
            first: true,
            close: b"}",
        })
    }

    fn separate(&mut self) -> io::Result<()> {
        if !self.first {
            self.out.write_all(b",")?;
        }
        self.first = false;
        Ok(())
    }

    /// Writes the name of a member. Names are the names of the schema, which need no escaping.
    fn name(&mut self, name: &str) -> io::Result<()> {
        self.separate()?;
        write!(self.out, "\"{name}\":")
    }

    /// Writes a number or a truth value.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        self.name(name)?;
        write!(self.out, "{value}")
    }

    /// Writes a number; no member if it is 0.
    pub(super) fn nonzero(&mut self, name: &str, value: u64) -> io::Result<()> {
        if value == 0 {
            return Ok(());
        }
        self.plain(name, value)
    }

    /// Writes a 64-bit number as text; no member if it is 0.
    ///
    /// JavaScript and DuckDB read JSON numbers as 64-bit floating point numbers, which are exact only up to 2^53.
    pub(super) fn nonzero_text(&mut self, name: &str, value: u64) -> io::Result<()> {
        if value == 0 {
            return Ok(());
        }
        self.safe_text(name, value)
    }

    /// Writes text that needs no escaping: addresses, names, hexadecimal digits.
    pub(super) fn safe_text(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        self.name(name)?;
        write!(self.out, "\"{value}\"")
    }

    /// Writes text from outside; no member if it is empty. Bytes that are not UTF-8 are replaced, and characters that a
    /// terminal obeys or hides are escaped.
    pub(super) fn text(&mut self, name: &str, value: text::Reader<'_>) -> io::Result<()> {
        if value.as_bytes().is_empty() {
            return Ok(());
        }
        self.name(name)?;
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = serde_json::to_string(&value).map_err(io::Error::from)?;
        self.out.write_all(visible(&value).as_bytes())
    }

    /// Opens an object as a member.
    pub(super) fn inner(&mut self, name: &str) -> io::Result<Members<'_, W>> {
        self.name(name)?;
        Members::object(self.out)
    }

    /// Opens an array as a member.
    pub(super) fn array(&mut self, name: &str) -> io::Result<Members<'_, W>> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        Ok(Members {
            out: self.out,
            first: true,
            close: b"]",
        })
    }

    /// Writes an array of numbers; no member if it is empty.
    pub(super) fn numbers(
        &mut self,
        name: &str,
        values: impl ExactSizeIterator<Item = u32>,
    ) -> io::Result<()> {
        if values.len() == 0 {
            return Ok(());
        }
        let mut array = self.array(name)?;
        for value in values {
            array.separate()?;
            write!(array.out, "{value}")?;
        }
        array.end()
    }

    /// Writes an array of texts that need no escaping; no member if it is empty.
    pub(super) fn safe_texts<T: Display>(
        &mut self,
        name: &str,
        values: impl ExactSizeIterator<Item = io::Result<T>>,
    ) -> io::Result<()> {
        if values.len() == 0 {
            return Ok(());
        }
        let mut array = self.array(name)?;
        for value in values {
            array.separate()?;
            write!(array.out, "\"{}\"", value?)?;
        }
        array.end()
    }

    /// Opens the next object of an array.
    pub(super) fn element(&mut self) -> io::Result<Members<'_, W>> {
        self.separate()?;
        Members::object(self.out)
    }

    /// Closes the object or array.
    pub(super) fn end(self) -> io::Result<()> {
        self.out.write_all(self.close)
    }
}
