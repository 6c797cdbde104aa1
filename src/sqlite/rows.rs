//! Rows as they come out of SQLite.

#![forbid(unsafe_code)]

use rusqlite::Statement;
use rusqlite::types::{Value, ValueRef};

/// The values of one row.
pub type Row = Vec<Value>;

/// What a statement that reads answers with.
#[derive(Debug, Default)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Their values.
    pub rows: Vec<Row>,
}

/// Runs a statement whose parameters are bound, and collects its first rows. The names of the columns are those of the first
/// row: SQLite compiles a statement anew with its first step when the schema has changed.
pub(super) fn collect(statement: &mut Statement<'_>, limit: usize) -> rusqlite::Result<Rows> {
    let mut rows = statement.raw_query();
    let mut next = rows.next()?;
    let Some(first) = next else {
        drop(rows);
        return Ok(Rows { columns: columns(statement), rows: Vec::new() });
    };
    let columns = columns(first.as_ref());
    let mut collected = Vec::new();
    while let Some(row) = next {
        collected.push((0..columns.len()).map(|column| row.get_ref(column).map(to_value)).collect::<Result<_, _>>()?);
        if collected.len() == limit {
            break;
        }
        next = rows.next()?;
    }
    Ok(Rows { columns, rows: collected })
}

/// The names of the columns.
pub(super) fn columns(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

/// Invalid UTF-8 in a TEXT becomes U+FFFD, as wherever such bytes meet a JavaScript string.
fn to_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
    }
}
