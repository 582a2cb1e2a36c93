//! Parquet: one row for each update, in flat columns with the names of the schema. `docs/export.md` lists the columns.

mod text;
mod column;
mod address;
mod list;
mod row;
mod columns;
mod writer;

pub use writer::Parquet;
