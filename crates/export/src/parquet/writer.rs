//! The file: row groups of bounded size.

use std::io::{self, Write};
use std::sync::Arc;

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use parquet::basic::{Compression, Encoding, Repetition, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use super::columns::Columns;
use super::row::Row;
use crate::writer::{Finished, MessageWriter, WriteError};

/// Rows of a row group. Readers read row groups in parallel, and leave out those whose times do not fit a query.
const GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group's values in memory, if its rows are long.
const GROUP_BYTES: usize = 64 << 20;
/// How often the bytes are counted, in rows.
const COUNT_EVERY: usize = 1024;

/// Writes one row for each update, and leaves out everything else.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Columns,
    /// Rows of the present row group.
    rows: usize,
    /// Rows of all row groups.
    all_rows: u64,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        let mut columns = Columns::new();
        let begin = || -> Result<SerializedFileWriter<W>> {
            let mut fields = Vec::new();
            for column in columns.all() {
                fields.push(Arc::new(column.definition()?));
            }
            let schema = Type::group_type_builder("update")
                .with_repetition(Repetition::REQUIRED)
                .with_fields(fields)
                .build()?;
            SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties()?))
        };
        let file = { begin }().map_err(io_error)?;
        Ok(Self {
            file,
            columns,
            rows: 0,
            all_rows: 0,
        })
    }

    fn end_group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut write = || -> Result<()> {
            let mut group = self.file.next_row_group()?;
            for column in self.columns.all() {
                let Some(mut writer) = group.next_column()? else {
                    break;
                };
                column.write(&mut writer)?;
                writer.close()?;
            }
            group.close()?;
            Ok(())
        };
        write().map_err(io_error)?;
        self.all_rows += self.rows as u64;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> MessageWriter for Parquet<W> {
    fn write(&mut self, kind: MessageKind, message: &Message<'_>) -> std::result::Result<(), WriteError> {
        if kind != MessageKind::Updates {
            return Ok(());
        }
        let update = message
            .update()
            .map_err(|error| WriteError::Message(error.to_string()))?;
        let row = Row::read(update).map_err(|error| WriteError::Message(error.to_string()))?;
        self.columns.push(&row);
        self.rows += 1;
        let is_long = |columns: &mut Columns| {
            columns.all().iter().map(|column| column.bytes()).sum::<usize>() >= GROUP_BYTES
        };
        if self.rows >= GROUP_ROWS || (self.rows.is_multiple_of(COUNT_EVERY) && is_long(&mut self.columns)) {
            self.end_group()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<Finished> {
        self.end_group()?;
        self.file.finish().map_err(io_error)?;
        self.file.inner_mut().flush()?;
        Ok(Finished::whole(self.all_rows))
    }
}

/// How the file is laid out; `docs/export.md` has the measurement.
fn properties() -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("arancini {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(None);
    // Values that hardly ever repeat.
    for name in ["timeReceivedNs", "sequence"] {
        let path = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
