//! Rows as they come out of SQLite.

#![forbid(unsafe_code)]

use rusqlite::Statement;
use rusqlite::types::{Value, ValueRef};

use super::{Error, memory};

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
pub(super) fn collect(statement: &mut Statement<'_>, limit: usize) -> Result<Rows, Error> {
    let mut rows = statement.raw_query();
    let mut next = rows.next()?;
    let Some(first) = next else {
        drop(rows);
        return Ok(Rows { columns: columns(statement), rows: Vec::new() });
    };
    let columns = columns(first.as_ref());
    let mut collected = Vec::new();
    while let Some(row) = next {
        let value = |column| to_value(row.get_ref(column)?);
        collected.push((0..columns.len()).map(value).collect::<Result<_, Error>>()?);
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
fn to_value(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => {
            let mut own = String::new();
            memory::push_text(&mut own, text)?;
            Value::Text(own)
        }
        ValueRef::Blob(blob) => Value::Blob(memory::copy(blob)?),
    })
}
