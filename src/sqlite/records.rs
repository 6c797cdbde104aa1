//! The table of the records API: `records(id, name, value)`.

#![forbid(unsafe_code)]

use rusqlite::{Connection, params};

use super::{Error, Rows, rows};

const CREATE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS main.records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)";
const INSERT: &str = "INSERT INTO main.records (name, value) VALUES (?1, ?2)";
const UPDATE: &str = "UPDATE main.records SET value = ?2 WHERE id = ?1";
const SELECT_ONE: &str = "SELECT id, name, value FROM main.records WHERE id = ?1";
const SELECT_ALL: &str = "SELECT id, name, value FROM main.records ORDER BY id";

/// Inserts a record.
pub(super) fn create(connection: &Connection, name: &str, value: i64) -> Result<(), Error> {
    match with_table(connection, || connection.prepare_cached(INSERT)?.execute(params![name, value]))? {
        0 => Err(Error::ignored("the record was not inserted: its table or a trigger ignored it").in_statement(INSERT)),
        _ => Ok(()),
    }
}

/// Sets the value of a record.
pub(super) fn update(connection: &Connection, id: i64, value: i64) -> Result<(), Error> {
    with_table(connection, || connection.prepare_cached(UPDATE)?.execute(params![id, value])).map(drop)
}

/// The record with that id. A database without the table has none.
pub(super) fn get(connection: &Connection, id: i64) -> Result<Rows, Error> {
    read(connection, SELECT_ONE, Some(id))
}

/// All records in the order of their ids.
pub(super) fn get_all(connection: &Connection) -> Result<Rows, Error> {
    read(connection, SELECT_ALL, None)
}

fn read(connection: &Connection, sql: &str, id: Option<i64>) -> Result<Rows, Error> {
    let outcome = connection.prepare_cached(sql).and_then(|mut statement| {
        if let Some(id) = id {
            statement.raw_bind_parameter(1, id)?;
        }
        rows::collect(&mut statement, usize::MAX)
    });
    match outcome {
        Ok(rows) => Ok(rows),
        Err(_) if is_missing(connection)? => Ok(Rows::default()),
        Err(error) => Err(Error::from(error).in_statement(sql)),
    }
}

/// Makes the table if `write` fails for want of it, and writes again.
fn with_table(connection: &Connection, write: impl Fn() -> rusqlite::Result<usize>) -> Result<usize, Error> {
    match write() {
        Ok(changed) => Ok(changed),
        Err(_) if is_missing(connection)? => {
            connection.execute_batch(CREATE_TABLE)?;
            Ok(write()?)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_missing(connection: &Connection) -> Result<bool, Error> {
    Ok(!connection.table_exists(Some("main"), "records")?)
}
