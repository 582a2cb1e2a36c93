//! Tables of text with aligned columns.

use std::fmt;

/// A table for people: a line with the names of the columns, and a line for each row. Without rows it is empty.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let head = columns.iter().map(ToString::to_string).collect();
        Self { rows: vec![head] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.len() == 1 {
            return Ok(());
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_rows_has_no_header() {
        assert_eq!(Table::new(&["ROUTER", "AS"]).to_string(), "");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["ROUTER", "AS"]);
        table.row(vec!["192.0.2.1".to_owned(), "64500".to_owned()]);
        table.row(vec!["::".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "ROUTER     AS\n192.0.2.1  64500\n::\n");
    }
}
