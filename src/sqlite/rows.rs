//! Rows as values, and the names of their columns.

#![forbid(unsafe_code)]

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Statement};

use super::authorizer::Authorizer;
use super::{Error, memory, raw};

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
pub(super) fn collect(statement: &mut Statement<'_>, names: &Names<'_>, limit: usize) -> Result<Rows, Error> {
    let mut rows = statement.raw_query();
    let mut next = rows.next()?;
    let Some(first) = next else {
        drop(rows);
        return Ok(Rows { columns: names.of(statement)?, rows: Vec::new() });
    };
    let columns = names.of(first.as_ref())?;
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

/// How the names of the columns of a statement are read.
#[derive(Clone, Copy)]
pub(super) struct Names<'n> {
    pub(super) connection: &'n Connection,
    pub(super) authorizer: &'n Authorizer,
    /// The text of the statement.
    pub(super) sql: &'n str,
}

impl Names<'_> {
    /// The names, with U+FFFD for what is no UTF-8.
    pub(super) fn of(&self, statement: &Statement<'_>) -> Result<Vec<String>, Error> {
        if self.authorizer.has_other_names() {
            Ok(raw::column_names(self.connection, statement, self.sql)?)
        } else {
            Ok(statement.column_names().map(str::to_owned).collect())
        }
    }

    /// Puts the names into `known`, if they are others. Says whether they are.
    pub(super) fn update(&self, statement: &Statement<'_>, known: &mut Vec<String>) -> Result<bool, Error> {
        let is_quick = !self.authorizer.has_other_names();
        if is_quick && statement.column_names().eq(known.iter().map(String::as_str)) {
            return Ok(false);
        }
        let names = self.of(statement)?;
        let changed = names != *known;
        *known = names;
        Ok(changed)
    }
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
