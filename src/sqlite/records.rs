//! The table of the records API: `records(id, name, value)`.

#![forbid(unsafe_code)]

use rusqlite::{Connection, Statement, ToSql};

use super::query::Source;
use super::{Error, Rows, rows, run};

const CREATE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS main.records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)";
const INSERT: &str = "INSERT INTO main.records (name, value) VALUES (?1, ?2)";
const UPDATE: &str = "UPDATE main.records SET value = ?2 WHERE id = ?1";
const SELECT_ONE: &str = "SELECT id, name, value FROM main.records WHERE id = ?1";
const SELECT_ALL: &str = "SELECT id, name, value FROM main.records ORDER BY id";

/// Inserts a record.
pub(super) fn create(connection: &Connection, name: &str, value: i64) -> Result<(), Error> {
    match write(connection, INSERT, &[&name, &value])? {
        0 => Err(Error::ignored("the record was not inserted: its table or a trigger ignored it").in_statement(INSERT)),
        _ => Ok(()),
    }
}

/// Sets the value of a record.
pub(super) fn update(connection: &Connection, id: i64, value: i64) -> Result<(), Error> {
    write(connection, UPDATE, &[&id, &value]).map(drop)
}

impl Source<'_> {
    /// The record with that id. A database without the table has none.
    pub(crate) fn record(&self, id: i64) -> Result<Rows, Error> {
        read(self, SELECT_ONE, Some(id))
    }

    /// All records in the order of their ids.
    pub(crate) fn records(&self) -> Result<Rows, Error> {
        read(self, SELECT_ALL, None)
    }
}

fn read(source: &Source<'_>, sql: &str, id: Option<i64>) -> Result<Rows, Error> {
    let read = |statement: &mut Statement<'_>| {
        if let Some(id) = id {
            statement.raw_bind_parameter(1, id)?;
        }
        rows::collect(statement, &source.names(sql), usize::MAX)
    };
    match kept(source.connection, sql, read) {
        Ok(rows) => Ok(rows),
        Err(_) if is_missing(source.connection)? => Ok(Rows::default()),
        Err(error) => Err(error.in_statement(sql)),
    }
}

/// Runs a statement that writes. Makes the table if it fails for want of it, and writes again.
fn write(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize, Error> {
    let write = || kept(connection, sql, |statement| Ok(statement.execute(values)?));
    match write() {
        Err(_) if is_missing(connection)? => {
            connection.execute_batch(CREATE_TABLE)?;
            write()
        }
        outcome => outcome,
    }
}

/// Does `work` with a statement of ours, which is kept.
fn kept<T>(
    connection: &Connection,
    sql: &str,
    mut work: impl FnMut(&mut Statement<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    run::retried(connection, |refused| run::watched(&mut *connection.prepare_cached(sql)?, refused, &mut work))
}

fn is_missing(connection: &Connection) -> Result<bool, Error> {
    Ok(!connection.table_exists(Some("main"), "records")?)
}
