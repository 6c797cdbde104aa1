//! Rows as they come out of SQLite.

#![forbid(unsafe_code)]

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Params, Statement};

/// The values of one row.
pub type Row = Vec<Value>;

/// Runs a statement and collects its rows.
pub(super) fn collect(statement: &mut Statement<'_>, params: impl Params) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut rows = statement.query(params)?;
    let mut collected = Vec::new();
    while let Some(row) = rows.next()? {
        collected.push((0..columns).map(|column| row.get_ref(column).map(to_value)).collect::<Result<_, _>>()?);
    }
    Ok(collected)
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
