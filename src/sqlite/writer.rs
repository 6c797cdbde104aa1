//! The writing connection. Whoever uses it holds the lock.
//!
//! A batch of writes is one transaction. A write that fails fails alone: SQLite undoes its statement, the others stay.
//! Where that cannot be relied on, because the statement left something behind, the transaction ended with it, or the
//! COMMIT failed, the batch is rolled back and run again with a transaction for each write.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;

use super::batch::Write;
use super::connection::{self, ConnectionOptions};
use super::{Error, raw, records};

/// What came of one write: the id or the number of records that it has made or found.
pub(crate) type Outcome = Result<i64, Error>;

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

    /// Runs writes in their order until all are done or `until` has passed, the first one in any case. There are as many
    /// outcomes as writes that are done. After an error nothing of that write is in the file.
    pub(crate) fn run(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        if let Err(error) = self.prepare() {
            return refuse_all(writes, &error);
        }
        match self.run_together(writes, until) {
            Ok(Some(outcomes)) => outcomes,
            Ok(None) => self.run_apart(writes, until),
            Err(error) => refuse_all(writes, &error),
        }
    }

    /// One transaction for all. `None`: rolled back, to be run apart. An error: it could not even begin.
    fn run_together(&mut self, writes: &[Write<'_>], until: Instant) -> Result<Option<Vec<Outcome>>, Error> {
        let open = Transaction::begin(&mut self.connection)?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for &write in writes {
            let before = open.0.total_changes();
            let outcome = apply(open.0, write);
            if outcome.is_err() && (open.0.is_autocommit() || open.0.total_changes() != before) {
                return Ok(alone(writes, outcome));
            }
            outcomes.push(outcome);
            if Instant::now() >= until {
                break;
            }
        }
        match open.commit() {
            Ok(()) => Ok(Some(outcomes)),
            Err(error) => Ok(alone(writes, Err(error))),
        }
    }

    /// A transaction for each.
    fn run_apart(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for &write in writes {
            outcomes.push(self.run_one(write));
            if Instant::now() >= until {
                break;
            }
        }
        outcomes
    }

    fn run_one(&mut self, write: Write<'_>) -> Outcome {
        let open = Transaction::begin(&mut self.connection)?;
        let value = apply(open.0, write)?;
        open.commit()?;
        Ok(value)
    }

    /// Lends the connection; a transaction that `work` leaves open is rolled back.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.prepare()?;
        Ok(work(Transaction(&mut self.connection).0))
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

/// The outcome of a batch of one, which would only fail again in the same way; `None` for others.
fn alone(writes: &[Write<'_>], outcome: Outcome) -> Option<Vec<Outcome>> {
    (writes.len() == 1).then(|| vec![outcome])
}

fn refuse_all(writes: &[Write<'_>], error: &Error) -> Vec<Outcome> {
    writes.iter().map(|_| Err(error.clone())).collect()
}

/// Rolls back what is still open when it goes, after an error or a panic. SQLite ends a transaction by itself after some
/// errors, `SQLITE_FULL` and `SQLITE_IOERR` among them.
struct Transaction<'c>(&'c mut Connection);

impl<'c> Transaction<'c> {
    /// Not deferred: a transaction that reads first fails with `SQLITE_BUSY_SNAPSHOT` when it comes to write.
    fn begin(connection: &'c mut Connection) -> Result<Self, Error> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    fn commit(self) -> Result<(), Error> {
        self.0.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn apply(connection: &Connection, write: Write<'_>) -> Outcome {
    // A write that inserts nothing, by a trigger or an ON CONFLICT IGNORE, must not show the id of another one.
    raw::reset_last_insert_rowid(connection);
    match write {
        Write::CreateRecord { name, value } => records::create(connection, name, value),
        Write::UpdateRecord { id, value } => records::update(connection, id, value),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn writer(dir: &tempfile::TempDir, schema: &str) -> Result<Writer, Box<dyn std::error::Error>> {
        let mut writer = Writer::open(&dir.path().join("app.db"), ConnectionOptions::default())?;
        writer.lend(|connection| connection.execute_batch(schema))??;
        Ok(writer)
    }

    fn create(name: &str) -> Write<'_> {
        Write::CreateRecord { name, value: 1 }
    }

    /// Each outcome as its value, or the name of its error.
    fn run(connection: &mut Writer, writes: &[Write<'_>]) -> Vec<Result<i64, &'static str>> {
        let code = |error: Error| if let Error::Sqlite(failure) = error { failure.code() } else { "" };
        let later = Instant::now() + Duration::from_secs(3600);
        connection.run(writes, later).into_iter().map(|outcome| outcome.map_err(code)).collect()
    }

    fn names(writer: &mut Writer) -> Result<String, Box<dyn std::error::Error>> {
        let sql = "SELECT coalesce(group_concat(name ORDER BY id), '') FROM records";
        Ok(writer.lend(|connection| connection.query_row(sql, [], |row| row.get(0)))??)
    }

    const RECORDS: &str = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value INTEGER);";

    #[test]
    fn the_first_batch_makes_a_wal_database_and_the_table() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = writer(&dir, "")?;
        let update = |id| Write::UpdateRecord { id, value: 5 };
        assert_eq!(run(&mut writer, &[create("a"), create("b"), update(2), update(9)]), [Ok(1), Ok(2), Ok(1), Ok(0)]);
        let mode: String = writer.lend(|c| c.query_row("PRAGMA journal_mode", [], |row| row.get(0)))??;
        assert_eq!(mode, "wal");
        Ok(())
    }

    #[test]
    fn a_constraint_fails_its_own_write_alone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = writer(&dir, RECORDS)?;
        let outcomes = run(&mut writer, &[create("a"), create("a"), create("b")]);
        assert_eq!(outcomes, [Ok(1), Err("SQLITE_CONSTRAINT_UNIQUE"), Ok(2)]);
        assert_eq!(names(&mut writer)?, "a,b");
        Ok(())
    }

    /// A statement that fails may leave what it did before (RAISE(FAIL), ON CONFLICT FAIL) or end the transaction
    /// (ON CONFLICT ROLLBACK): a rejected write is not in the file, and those before and after it are.
    #[test]
    fn a_statement_that_leaves_something_behind_or_ends_the_transaction_harms_no_other_write() -> TestResult {
        let log = "CREATE TABLE log (name TEXT); CREATE TRIGGER t AFTER INSERT ON records WHEN new.name = 'bad' BEGIN
                   INSERT INTO log VALUES (new.name); SELECT RAISE(FAIL, 'no'); END;";
        let rollback = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT, value INTEGER,
                        CHECK (name <> 'bad') ON CONFLICT ROLLBACK);";
        let unique = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT ROLLBACK, value);
                      INSERT INTO records VALUES (7, 'bad', 1);";
        let fail = format!("{RECORDS}{log}");
        for (schema, code, left) in [
            (fail.as_str(), "SQLITE_CONSTRAINT_TRIGGER", "a,b"),
            (rollback, "SQLITE_CONSTRAINT_CHECK", "a,b"),
            (unique, "SQLITE_CONSTRAINT_UNIQUE", "bad,a,b"),
        ] {
            let dir = tempfile::tempdir()?;
            let mut writer = writer(&dir, schema)?;
            let outcomes = run(&mut writer, &[create("a"), create("bad"), create("b")]);
            assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
            assert_eq!(outcomes[1], Err(code));
            assert_eq!(names(&mut writer)?, left);
            let logged = writer.lend(|c| {
                c.table_exists(None, "log").and_then(|there| {
                    if there { c.query_row("SELECT count(*) FROM log", [], |row| row.get(0)) } else { Ok(0) }
                })
            })??;
            assert_eq!(logged, 0, "{schema}");
        }
        Ok(())
    }

    #[test]
    fn a_commit_that_fails_rejects_only_the_write_that_it_fails_for() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = writer(
            &dir,
            "CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
             CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT,
                                   value INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);",
        )?;
        let orphan = Write::CreateRecord { name: "orphan", value: 2 };
        let outcomes = run(&mut writer, &[create("a"), orphan, create("b")]);
        assert_eq!(outcomes, [Ok(1), Err("SQLITE_CONSTRAINT_FOREIGNKEY"), Ok(2)]);
        assert_eq!(run(&mut writer, &[orphan]), [Err("SQLITE_CONSTRAINT_FOREIGNKEY")]);
        assert_eq!(names(&mut writer)?, "a,b");
        Ok(())
    }

    #[test]
    fn a_record_that_was_ignored_has_no_id_of_another() -> TestResult {
        let dir = tempfile::tempdir()?;
        let schema =
            "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, value INTEGER)";
        let mut writer = writer(&dir, schema)?;
        assert_eq!(run(&mut writer, &[create("a"), create("a"), create("b")]), [Ok(1), Ok(0), Ok(2)]);
        Ok(())
    }

    #[test]
    fn a_batch_ends_when_its_time_is_up_with_one_write_done_at_least() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = writer(&dir, RECORDS)?;
        assert_eq!(writer.run(&[create("a"), create("b")], Instant::now()).len(), 1);
        assert_eq!(names(&mut writer)?, "a");
        Ok(())
    }

    #[test]
    fn a_transaction_that_cannot_begin_rejects_every_write() -> TestResult {
        let dir = tempfile::tempdir()?;
        let options = ConnectionOptions { busy_timeout: Duration::ZERO, ..ConnectionOptions::default() };
        let mut writer = Writer::open(&dir.path().join("app.db"), options)?;
        assert_eq!(run(&mut writer, &[create("a")]), [Ok(1)]);
        let outsider = Connection::open(dir.path().join("app.db"))?;
        outsider.execute_batch("BEGIN IMMEDIATE")?;
        assert_eq!(run(&mut writer, &[create("b"), create("c")]), [Err("SQLITE_BUSY"), Err("SQLITE_BUSY")]);
        outsider.execute_batch("ROLLBACK")?;
        assert_eq!(run(&mut writer, &[create("d")]), [Ok(2)]);
        Ok(())
    }

    #[test]
    fn a_table_that_was_dropped_is_made_again() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = writer(&dir, "")?;
        assert_eq!(run(&mut writer, &[create("a")]), [Ok(1)]);
        writer.lend(|connection| connection.execute_batch("DROP TABLE records"))??;
        assert_eq!(run(&mut writer, &[create("b")]), [Ok(1)]);
        Ok(())
    }
}
