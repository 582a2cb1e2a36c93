//! Columns of one value a row: the values of a row group, until they are written.

use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::Type;

/// A column: its type, and its values of the present row group.
pub(super) trait Column {
    /// Its type in the schema of the file.
    fn definition(&self) -> Result<Type>;

    /// How many bytes of values are in memory.
    fn bytes(&self) -> usize;

    /// Writes the values, and forgets them.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()>;
}

/// Which rows have a value.
#[derive(Debug)]
pub(super) enum Presence {
    /// All.
    Always,
    /// Those with a 1.
    Levels(Vec<i16>),
}

impl Presence {
    pub(super) const fn optional() -> Self {
        Self::Levels(Vec::new())
    }

    #[inline]
    pub(super) fn note(&mut self, is_present: bool) {
        if let Self::Levels(levels) = self {
            levels.push(i16::from(is_present));
        }
    }

    fn repetition(&self) -> Repetition {
        match self {
            Self::Always => Repetition::REQUIRED,
            Self::Levels(_) => Repetition::OPTIONAL,
        }
    }

    fn levels(&self) -> Option<&[i16]> {
        match self {
            Self::Always => None,
            Self::Levels(levels) => Some(levels),
        }
    }

    fn clear(&mut self) {
        if let Self::Levels(levels) = self {
            levels.clear();
        }
    }
}

/// A column of numbers or truth values.
pub(super) struct Scalars<D: DataType> {
    name: &'static str,
    meaning: Option<LogicalType>,
    values: Vec<D::T>,
    presence: Presence,
}

impl<D: DataType> Scalars<D> {
    const fn new(name: &'static str, meaning: Option<LogicalType>, presence: Presence) -> Self {
        Self {
            name,
            meaning,
            values: Vec::new(),
            presence,
        }
    }

    /// Makes every row optional.
    pub(super) fn or_null(mut self) -> Self {
        self.presence = Presence::optional();
        self
    }
}

/// An unsigned number of at most 32 bits, or none.
pub(super) type Numbers = Scalars<Int32Type>;
/// A 64-bit number or a time, or none.
pub(super) type LongNumbers = Scalars<Int64Type>;
/// A truth value.
pub(super) type Flags = Scalars<BoolType>;

impl Numbers {
    /// A column of unsigned numbers with 8, 16 or 32 bits.
    pub(super) fn unsigned(name: &'static str, bits: i8) -> Self {
        Self::new(name, Some(LogicalType::integer(bits, false)), Presence::Always)
    }

    #[inline]
    pub(super) fn push(&mut self, value: impl Into<u32>) {
        self.presence.note(true);
        self.values.push(value.into().cast_signed());
    }

    #[inline]
    pub(super) fn push_some(&mut self, value: Option<impl Into<u32>>) {
        self.presence.note(value.is_some());
        self.values.extend(value.map(|value| value.into().cast_signed()));
    }
}

impl LongNumbers {
    /// A column of unsigned numbers with 64 bits; 0 stands for none.
    pub(super) fn unsigned(name: &'static str) -> Self {
        Self::new(name, Some(LogicalType::integer(64, false)), Presence::optional())
    }

    /// A column of times in nanoseconds; 0 stands for none.
    pub(super) fn time(name: &'static str) -> Self {
        let meaning = LogicalType::timestamp(true, TimeUnit::NANOS);
        Self::new(name, Some(meaning), Presence::optional())
    }

    #[inline]
    pub(super) fn push(&mut self, value: Option<u64>) {
        self.presence.note(value.is_some());
        self.values.extend(value.map(u64::cast_signed));
    }
}

impl Flags {
    pub(super) fn new_flag(name: &'static str) -> Self {
        Self::new(name, None, Presence::Always)
    }

    #[inline]
    pub(super) fn push(&mut self, value: bool) {
        self.push_some(Some(value));
    }

    #[inline]
    pub(super) fn push_some(&mut self, value: Option<bool>) {
        self.presence.note(value.is_some());
        self.values.extend(value);
    }
}

impl<D: DataType> Column for Scalars<D> {
    fn definition(&self) -> Result<Type> {
        Type::primitive_type_builder(self.name, D::get_physical_type())
            .with_repetition(self.presence.repetition())
            .with_logical_type(self.meaning.clone())
            .build()
    }

    fn bytes(&self) -> usize {
        self.values.len() * D::get_type_size()
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        writer
            .typed::<D>()
            .write_batch(&self.values, self.presence.levels(), None)?;
        self.values.clear();
        self.presence.clear();
        Ok(())
    }
}

/// Values of octets, back to back.
#[derive(Debug, Default)]
pub(super) struct Octets {
    data: Vec<u8>,
    ends: Vec<usize>,
}

impl Octets {
    /// Appends a value that `write` writes.
    #[inline]
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.data);
        self.ends.push(self.data.len());
    }

    pub(super) const fn bytes(&self) -> usize {
        self.data.len() + self.ends.len() * size_of::<usize>()
    }

    /// Takes all values.
    pub(super) fn take<T: From<ByteArray>>(&mut self) -> Vec<T> {
        let data = Bytes::from(std::mem::take(&mut self.data));
        let mut begin = 0;
        let cut = self.ends.drain(..).map(|end| {
            let value = data.slice(begin..end);
            begin = end;
            T::from(ByteArray::from(value))
        });
        cut.collect()
    }
}

/// A column of texts, or of octets that are no text.
pub(super) struct Texts {
    name: &'static str,
    meaning: Option<LogicalType>,
    values: Octets,
    presence: Presence,
}

impl Texts {
    const fn with_meaning(name: &'static str, meaning: Option<LogicalType>) -> Self {
        Self {
            name,
            meaning,
            values: Octets {
                data: Vec::new(),
                ends: Vec::new(),
            },
            presence: Presence::Always,
        }
    }

    /// A column of texts.
    pub(super) const fn new(name: &'static str) -> Self {
        Self::with_meaning(name, Some(LogicalType::String))
    }

    /// A column of octets.
    pub(super) const fn raw(name: &'static str) -> Self {
        Self::with_meaning(name, None)
    }

    /// Makes every row optional.
    pub(super) fn or_null(mut self) -> Self {
        self.presence = Presence::optional();
        self
    }

    /// Appends a value that `write` writes.
    #[inline]
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.presence.note(true);
        self.values.append(write);
    }

    /// Appends a value, or that there is none.
    #[inline]
    pub(super) fn push_some(&mut self, value: Option<impl AsRef<[u8]>>) {
        match value {
            Some(value) => self.append(|out| out.extend_from_slice(value.as_ref())),
            None => self.presence.note(false),
        }
    }
}

impl Column for Texts {
    fn definition(&self) -> Result<Type> {
        Type::primitive_type_builder(self.name, Physical::BYTE_ARRAY)
            .with_repetition(self.presence.repetition())
            .with_logical_type(self.meaning.clone())
            .build()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let values: Vec<ByteArray> = self.values.take();
        writer
            .typed::<ByteArrayType>()
            .write_batch(&values, self.presence.levels(), None)?;
        self.presence.clear();
        Ok(())
    }
}

/// A column of addresses as 16 octets.
pub(super) struct Addresses16 {
    name: &'static str,
    values: Octets,
    presence: Presence,
}

impl Addresses16 {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            values: Octets::default(),
            presence: Presence::optional(),
        }
    }

    #[inline]
    pub(super) fn push_some(&mut self, value: Option<[u8; 16]>) {
        self.presence.note(value.is_some());
        if let Some(value) = value {
            self.values.append(|out| out.extend_from_slice(&value));
        }
    }
}

impl Column for Addresses16 {
    fn definition(&self) -> Result<Type> {
        Type::primitive_type_builder(self.name, Physical::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_repetition(self.presence.repetition())
            .build()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let values: Vec<FixedLenByteArray> = self.values.take();
        writer
            .typed::<FixedLenByteArrayType>()
            .write_batch(&values, self.presence.levels(), None)?;
        self.presence.clear();
        Ok(())
    }
}
