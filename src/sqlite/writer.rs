//! The writing connection. Whoever uses it holds the lock.

#![forbid(unsafe_code)]

use std::path::Path;

use rusqlite::Connection;

use super::connection::{self, ConnectionOptions};
use super::{Error, records};

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Inserts a record; results in its id.
    CreateRecord {
        /// Its name.
        name: String,
        /// Its value.
        value: i64,
    },
    /// Sets the value of a record; results in the number of records that have this id.
    UpdateRecord {
        /// Its id.
        id: i64,
        /// Its new value.
        value: i64,
    },
}

/// The connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    options: ConnectionOptions,
    prepared: bool,
}

impl Writer {
    pub(crate) fn open(path: &Path, options: ConnectionOptions) -> Result<Self, Error> {
        Ok(Self { connection: connection::open_writer(path, &options)?, options, prepared: false })
    }

    /// Writes in a transaction of its own. After an error nothing of it is in the file.
    pub(crate) fn execute(&mut self, write: &Write) -> Result<i64, Error> {
        self.prepare()?;
        let open = RollBack(&mut self.connection);
        let connection = &*open.0;
        // Not deferred: a transaction that reads first fails with SQLITE_BUSY_SNAPSHOT when it comes to write.
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let value = apply(connection, write)?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(value)
    }

    /// Lends the connection; a transaction that `work` leaves open is rolled back.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.prepare()?;
        Ok(work(RollBack(&mut self.connection).0))
    }

    /// Makes the connection ready to write: in WAL mode.
    fn prepare(&mut self) -> Result<(), Error> {
        if !self.prepared {
            connection::prepare_writer(&self.connection, &self.options)?;
            self.prepared = true;
        }
        Ok(())
    }
}

/// Ends the transaction that is still open when it goes, after an error or a panic. SQLite ends it by itself after some
/// errors, `SQLITE_FULL` and `SQLITE_IOERR` among them.
struct RollBack<'c>(&'c mut Connection);

impl Drop for RollBack<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn apply(connection: &Connection, write: &Write) -> Result<i64, Error> {
    match write {
        Write::CreateRecord { name, value } => records::create(connection, name, *value),
        Write::UpdateRecord { id, value } => records::update(connection, *id, *value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn create(name: &str) -> Write {
        Write::CreateRecord { name: name.into(), value: 1 }
    }

    #[test]
    fn the_first_write_makes_a_wal_database_and_the_table() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = Writer::open(&dir.path().join("app.db"), ConnectionOptions::default())?;
        assert_eq!(writer.execute(&create("a"))?, 1);
        assert_eq!(writer.execute(&create("b"))?, 2);
        assert_eq!(writer.execute(&Write::UpdateRecord { id: 2, value: 5 })?, 1);
        assert_eq!(writer.execute(&Write::UpdateRecord { id: 9, value: 5 })?, 0);
        let mode: String = writer.lend(|c| c.query_row("PRAGMA journal_mode", [], |row| row.get(0)))??;
        assert_eq!(mode, "wal");
        Ok(())
    }

    #[test]
    fn a_failed_write_leaves_nothing_and_no_transaction() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = Writer::open(&dir.path().join("app.db"), ConnectionOptions::default())?;
        writer.lend(|c| c.execute_batch(
            "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL CHECK (value < 9));
             CREATE TABLE log (name TEXT);
             CREATE TRIGGER t BEFORE INSERT ON records BEGIN INSERT INTO log VALUES (new.name); END;",
        ))??;
        let error = writer.execute(&Write::CreateRecord { name: "x".into(), value: 9 }).expect_err("a CHECK");
        assert!(matches!(&error, Error::Sqlite(failure) if failure.code() == "SQLITE_CONSTRAINT_CHECK"), "{error:?}");
        assert_eq!(writer.execute(&create("y"))?, 1);
        let logged: i64 = writer.lend(|c| c.query_row("SELECT count(*) FROM log", [], |row| row.get(0)))??;
        assert_eq!(logged, 1);
        Ok(())
    }

    #[test]
    fn a_table_that_was_dropped_is_made_again() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = Writer::open(&dir.path().join("app.db"), ConnectionOptions::default())?;
        writer.execute(&create("a"))?;
        writer.lend(|c| c.execute_batch("DROP TABLE records"))??;
        assert_eq!(writer.execute(&create("b"))?, 1);
        Ok(())
    }
}
