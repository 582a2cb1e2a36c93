//! Columns of lists.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::Type;

use super::column::{Column, Octets};

/// Level of a row without a list.
const NO_LIST: i16 = 0;
/// Level of an item. Level 1 would be an empty list, which no row has: a list without items is absent.
const ITEM: i16 = 2;

/// Which items begin a row, and which rows have none.
#[derive(Default)]
struct Levels {
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl Levels {
    /// Notes a row with this number of items.
    #[inline]
    fn note(&mut self, items: usize) {
        if items == 0 {
            self.definition.push(NO_LIST);
            self.repetition.push(0);
            return;
        }
        let end = self.definition.len() + items;
        self.definition.resize(end, ITEM);
        self.repetition.push(0);
        self.repetition.resize(end, 1);
    }

    fn clear(&mut self) {
        self.definition.clear();
        self.repetition.clear();
    }

    fn bytes(&self) -> usize {
        4 * self.definition.len()
    }
}

/// The type of a list as the Parquet specification writes it: three levels.
fn list_of(name: &str, physical: Physical, meaning: LogicalType) -> Result<Type> {
    let element = Type::primitive_type_builder("element", physical)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(meaning))
        .build()?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)])
        .build()
}

/// A column of lists of unsigned 32-bit numbers.
pub(super) struct NumberLists {
    name: &'static str,
    values: Vec<i32>,
    levels: Levels,
}

impl NumberLists {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            values: Vec::new(),
            levels: Levels::default(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, items: impl Iterator<Item = u32>) {
        let before = self.values.len();
        self.values.extend(items.map(u32::cast_signed));
        self.levels.note(self.values.len() - before);
    }
}

impl Column for NumberLists {
    fn definition(&self) -> Result<Type> {
        list_of(self.name, Physical::INT32, LogicalType::integer(32, false))
    }

    fn bytes(&self) -> usize {
        4 * self.values.len() + self.levels.bytes()
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let (definition, repetition) = (&self.levels.definition, &self.levels.repetition);
        writer
            .typed::<Int32Type>()
            .write_batch(&self.values, Some(definition), Some(repetition))?;
        self.values.clear();
        self.levels.clear();
        Ok(())
    }
}

/// A column of lists of texts.
pub(super) struct TextLists {
    name: &'static str,
    values: Octets,
    levels: Levels,
}

impl TextLists {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            values: Octets::default(),
            levels: Levels::default(),
        }
    }

    /// Appends a list; `write` writes the text of an item.
    #[inline]
    pub(super) fn push<T>(&mut self, items: impl Iterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
        let mut count = 0;
        for item in items {
            self.values.append(|out| write(item, out));
            count += 1;
        }
        self.levels.note(count);
    }
}

impl Column for TextLists {
    fn definition(&self) -> Result<Type> {
        list_of(self.name, Physical::BYTE_ARRAY, LogicalType::String)
    }

    fn bytes(&self) -> usize {
        self.values.bytes() + self.levels.bytes()
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let values: Vec<ByteArray> = self.values.take();
        let (definition, repetition) = (&self.levels.definition, &self.levels.repetition);
        writer
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(definition), Some(repetition))?;
        self.levels.clear();
        Ok(())
    }
}
