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

/// Runs a statement whose parameters are bound, and collects its first rows.
pub(super) fn collect(statement: &mut Statement<'_>, limit: usize) -> rusqlite::Result<Rows> {
    let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
    let mut collected = Vec::new();
    let mut rows = statement.raw_query();
    while collected.len() < limit
        && let Some(row) = rows.next()?
    {
        collected.push((0..columns.len()).map(|column| row.get_ref(column).map(to_value)).collect::<Result<_, _>>()?);
    }
    Ok(Rows { columns, rows: collected })
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
