//! The writing connection. Whoever uses it holds the lock.
//!
//! A batch of writes is one transaction. A write that fails fails alone: SQLite undoes its statement, the others stay.
//! Where that cannot be relied on, because the statement left something behind, the transaction ended with it, or the
//! COMMIT failed, the batch is rolled back and run again with a transaction for each write.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;

use super::authorizer::Authorizer;
use super::batch::Write;
use super::connection::{self, ConnectionOptions};
use super::{Error, raw, records, run};

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const CONTROL: [&str; 3] = [BEGIN, COMMIT, ROLLBACK];

/// What a write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows changed by the statement itself, triggers excluded; 0 for what is no INSERT, UPDATE or DELETE.
    pub changes: u64,
    /// The rowid of the last row that this statement inserted; 0 when it inserted none.
    pub last_insert_rowid: i64,
}

/// What came of one write.
pub(crate) type Outcome = Result<Written, Error>;

/// The connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    authorizer: Authorizer,
    options: ConnectionOptions,
    prepared: bool,
}

impl Writer {
    pub(crate) fn open(path: &Path, options: ConnectionOptions) -> Result<Self, Error> {
        let mut connection = connection::open_writer(path, &options)?;
        let authorizer = Authorizer::install(&mut connection)?;
        Ok(Self { connection, authorizer, options, prepared: false })
    }

    /// Runs writes in their order until all are done or `until` has passed, the first one in any case. There is an outcome for
    /// each write that is done, and one for each of several that go together. After an error nothing of that write is in the
    /// file.
    pub(crate) fn run(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        if let Err(error) = self.prepare() {
            return refuse_all(writes, &error);
        }
        let (mut left, mut outcomes) = (writes, Vec::with_capacity(writes.len()));
        while !left.is_empty() && (outcomes.is_empty() || Instant::now() < until) {
            // One that has to be alone is: what stands before it and behind it have transactions of their own.
            let together = left.iter().position(is_solitary).unwrap_or(left.len());
            let done = if together == 0 {
                outcomes.extend(self.run_alone(&left[0]));
                1
            } else {
                let part = self.run_part(&left[..together], until);
                let done = part.len();
                outcomes.extend(part);
                done
            };
            left = &left[done..];
        }
        outcomes
    }

    fn run_part(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let start = Instant::now();
        match self.run_together(writes, until) {
            Ok(Some(outcomes)) => outcomes,
            // With as much time again, or writes that fail would each cost a whole batch.
            Ok(None) => self.run_apart(writes, until.max(Instant::now() + start.elapsed())),
            Err(error) => refuse_all(writes, &error),
        }
    }

    /// One transaction for all. `None`: rolled back, to be run apart. An error: it could not even begin.
    fn run_together(&mut self, writes: &[Write<'_>], until: Instant) -> Result<Option<Vec<Outcome>>, Error> {
        let open = Transaction::begin(self)?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let before = open.0.connection.total_changes();
            let outcome = open.0.apply(write);
            if outcome.is_err() && !open.0.is_undone(write, before) {
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

    /// Has SQLite undone all that a failed statement did, and nothing else? Only FAIL keeps what was done before the error,
    /// and the count of changes does not tell of what a trigger did. So where the word occurs, nothing is relied on.
    fn is_undone(&self, write: &Write<'_>, changes_before: u64) -> bool {
        const FAIL_IN_SCHEMA: &str =
            "SELECT 1 FROM (SELECT sql FROM sqlite_schema UNION ALL SELECT sql FROM sqlite_temp_schema)
                                      WHERE sql LIKE '%fail%' LIMIT 1";
        let connection = &self.connection;
        let in_text = matches!(write, Write::Run { sql, .. } if sql.to_ascii_lowercase().contains("fail"));
        let in_schema = || connection.prepare_cached(FAIL_IN_SCHEMA).and_then(|mut statement| statement.exists([]));
        !connection.is_autocommit()
            && connection.total_changes() == changes_before
            && !in_text
            && in_schema().is_ok_and(|found| !found)
    }

    /// Outside a transaction, or several in one of their own. There is an outcome for each of several.
    fn run_alone(&mut self, write: &Write<'_>) -> Vec<Outcome> {
        let Write::All(all) = write else {
            // VACUUM attaches a database to work in, which a caller may not.
            return vec![self.authorizer.ourselves(|| self.apply(write))];
        };
        match self.run_all(all) {
            Ok(written) => written.into_iter().map(Ok).collect(),
            Err(error) => {
                let undone = all.iter().skip(1).map(|_| Ok(Written::default()));
                std::iter::once(Err(error)).chain(undone).collect()
            }
        }
    }

    fn run_all(&mut self, all: &[Write<'_>]) -> Result<Vec<Written>, Error> {
        let failed = |index| move |source| Error::OfAll { index, source: Box::new(source) };
        let open = Transaction::begin(self)?;
        let written = all.iter().enumerate().map(|(index, write)| open.0.apply(write).map_err(failed(Some(index))));
        let written = written.collect::<Result<_, _>>()?;
        open.commit().map_err(failed(None))?;
        Ok(written)
    }

    /// A transaction for each.
    fn run_apart(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(self.run_one(write));
            if Instant::now() >= until {
                break;
            }
        }
        outcomes
    }

    fn run_one(&mut self, write: &Write<'_>) -> Outcome {
        let open = Transaction::begin(self)?;
        let written = open.0.apply(write)?;
        open.commit()?;
        Ok(written)
    }

    /// Lends the connection; a transaction that `work` leaves open is rolled back.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.prepare()?;
        let authorizer = self.authorizer.clone();
        let open = Transaction(self);
        Ok(authorizer.ourselves(|| work(&mut open.0.connection)))
    }

    fn apply(&self, write: &Write<'_>) -> Outcome {
        let connection = &self.connection;
        let before = connection.total_changes();
        // What inserts nothing, by a trigger or an ON CONFLICT IGNORE, must not show the rowid of another write.
        raw::reset_last_insert_rowid(connection);
        match write {
            Write::CreateRecord { name, value } => records::create(connection, name, *value)?,
            Write::UpdateRecord { id, value } => records::update(connection, *id, *value)?,
            // Ours are in the cache of compiled statements, where nobody asks again whether they are allowed.
            Write::Run { sql, .. } if CONTROL.contains(&sql.trim()) => {
                return Err(Error::TransactionControl { sql: (*sql).to_owned() });
            }
            Write::Run { sql, parameters } => run::run(connection, &self.authorizer, sql, parameters)?,
            Write::All(_) => return Err(Error::Malformed),
        }
        let (changes, inserts) = match write {
            Write::Run { sql, .. } => run::effects(sql),
            _ => (true, true),
        };
        Ok(Written {
            // What is no INSERT, UPDATE or DELETE leaves the count of the one before.
            changes: if changes && connection.total_changes() != before { connection.changes() } else { 0 },
            last_insert_rowid: if inserts { connection.last_insert_rowid() } else { 0 },
        })
    }

    /// Makes the connection ready to write: in WAL mode.
    fn prepare(&mut self) -> Result<(), Error> {
        if !self.prepared {
            connection::prepare_writer(&self.connection, &self.options)?;
            self.prepared = true;
        }
        Ok(())
    }

    fn control(&self, sql: &str) -> Result<(), Error> {
        self.authorizer.ourselves(|| self.connection.prepare_cached(sql)?.execute([]))?;
        Ok(())
    }
}

fn is_solitary(write: &Write<'_>) -> bool {
    match write {
        Write::Run { sql, .. } => run::is_solitary(sql),
        Write::All(_) => true,
        Write::CreateRecord { .. } | Write::UpdateRecord { .. } => false,
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
struct Transaction<'w>(&'w mut Writer);

impl<'w> Transaction<'w> {
    /// Not deferred: a transaction that reads first fails with `SQLITE_BUSY_SNAPSHOT` when it comes to write.
    fn begin(writer: &'w mut Writer) -> Result<Self, Error> {
        writer.control(BEGIN)?;
        Ok(Self(writer))
    }

    fn commit(self) -> Result<(), Error> {
        self.0.control(COMMIT)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.0.connection.is_autocommit() {
            let _ = self.0.control(ROLLBACK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::batch::Parameter;
    use super::*;
    use rusqlite::types::ValueRef;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn open(dir: &tempfile::TempDir, schema: &str) -> Result<Writer, Box<dyn std::error::Error>> {
        let mut writer = Writer::open(&dir.path().join("app.db"), ConnectionOptions::default())?;
        writer.lend(|connection| connection.execute_batch(schema))??;
        Ok(writer)
    }

    fn create(name: &str) -> Write<'_> {
        Write::CreateRecord { name, value: 1 }
    }

    fn sql(sql: &str) -> Write<'_> {
        Write::Run { sql, parameters: vec![] }
    }

    /// Each outcome as the rowid or else the number of changes, or the name of its error.
    fn run(connection: &mut Writer, writes: &[Write<'_>]) -> Vec<Result<i64, &'static str>> {
        let value = |written: Written| match written.last_insert_rowid {
            0 => i64::try_from(written.changes).unwrap(),
            rowid => rowid,
        };
        let code = |error: Error| match error {
            Error::Sqlite(failure) => failure.code(),
            Error::TransactionControl { .. } => "TRANSACTION",
            Error::Parameters(_) => "PARAMETERS",
            _ => "",
        };
        let later = Instant::now() + Duration::from_secs(3600);
        connection.run(writes, later).into_iter().map(|outcome| outcome.map(value).map_err(code)).collect()
    }

    fn names(writer: &mut Writer) -> Result<String, Box<dyn std::error::Error>> {
        let sql = "SELECT coalesce(group_concat(name ORDER BY id), '') FROM records";
        Ok(writer.lend(|connection| connection.query_row(sql, [], |row| row.get(0)))??)
    }

    const RECORDS: &str = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value INTEGER);";

    #[test]
    fn the_first_batch_makes_a_wal_database_and_the_table() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, "")?;
        let update = |id| Write::UpdateRecord { id, value: 5 };
        assert_eq!(run(&mut writer, &[create("a"), create("b"), update(2), update(9)]), [Ok(1), Ok(2), Ok(1), Ok(0)]);
        let mode: String = writer.lend(|c| c.query_row("PRAGMA journal_mode", [], |row| row.get(0)))??;
        assert_eq!(mode, "wal");
        Ok(())
    }

    #[test]
    fn a_constraint_fails_its_own_write_alone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, RECORDS)?;
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
            let mut writer = open(&dir, schema)?;
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

    /// What a trigger did before a RAISE(FAIL) or a conflict in one of its own statements is not counted as a change, and used
    /// to stay in the file although the write was rejected.
    #[test]
    fn what_a_trigger_did_before_it_failed_does_not_stay() -> TestResult {
        let nested = "CREATE TABLE log (name TEXT);
            CREATE TRIGGER t1 BEFORE INSERT ON records BEGIN INSERT INTO log VALUES (new.name); END;
            CREATE TRIGGER t2 AFTER INSERT ON log WHEN new.name = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END;";
        let conflict = "CREATE TABLE log (name TEXT UNIQUE ON CONFLICT FAIL);
            CREATE TRIGGER t1 BEFORE INSERT ON records WHEN new.name = 'bad' BEGIN
            INSERT INTO log VALUES ('x'), ('x'); END;";
        for schema in [nested, conflict] {
            let dir = tempfile::tempdir()?;
            let mut writer = open(&dir, &format!("{RECORDS}{schema}"))?;
            for batch in [vec![create("bad")], vec![create("a"), create("bad"), create("b")]] {
                let rejected = run(&mut writer, &batch).iter().filter(|outcome| outcome.is_err()).count();
                assert_eq!(rejected, 1);
            }
            assert_eq!(names(&mut writer)?, "a,b");
            let count = "SELECT count(*) FROM log WHERE name IN ('bad', 'x')";
            let logged: i64 = writer.lend(|c| c.query_row(count, [], |row| row.get(0)))??;
            assert_eq!(logged, 0, "{schema}");
        }
        Ok(())
    }

    #[test]
    fn sqlite_s_own_statements_count_for_nothing() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, "CREATE VIEW v AS SELECT 1")?;
        let later = Instant::now() + Duration::from_secs(3600);
        let batch = [
            "CREATE VIRTUAL TABLE f USING fts5(x)",
            "INSERT INTO f(rowid, x) VALUES (70, 'a')",
            "UPDATE f SET x = 'b' WHERE rowid = 70",
            "DELETE FROM f WHERE rowid = 70",
            "VACUUM",
            "WITH c AS (SELECT 'z') INSERT INTO f(rowid, x) SELECT 9, * FROM c",
        ];
        let outcomes = writer.run(&batch.map(sql), later).into_iter().collect::<Result<Vec<_>, _>>()?;
        let counts: Vec<_> = outcomes.iter().map(|written| (written.changes, written.last_insert_rowid)).collect();
        assert_eq!(counts, [(0, 0), (1, 70), (1, 0), (1, 0), (0, 0), (1, 9)]);
        Ok(())
    }

    #[test]
    fn a_commit_that_fails_rejects_only_the_write_that_it_fails_for() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(
            &dir,
            "CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
             CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT,
                                   value INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);",
        )?;
        let orphan = Write::CreateRecord { name: "orphan", value: 2 };
        let outcomes = run(&mut writer, &[create("a"), orphan.clone(), create("b")]);
        assert_eq!(outcomes, [Ok(1), Err("SQLITE_CONSTRAINT_FOREIGNKEY"), Ok(2)]);
        assert_eq!(run(&mut writer, &[orphan]), [Err("SQLITE_CONSTRAINT_FOREIGNKEY")]);
        assert_eq!(names(&mut writer)?, "a,b");
        Ok(())
    }

    /// `createRecord` used to resolve to the id of the write before it.
    #[test]
    fn a_record_that_the_schema_ignores_is_rejected_and_nothing_of_it_is_left() -> TestResult {
        let ignore =
            "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, value INTEGER);
                      CREATE TABLE log (name TEXT);";
        let trigger = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT, value INTEGER); CREATE TABLE log (name TEXT);
                       CREATE TRIGGER t BEFORE INSERT ON records WHEN (SELECT 1 FROM records WHERE name = new.name) BEGIN
                       INSERT INTO log VALUES (new.name); SELECT RAISE(IGNORE); END;";
        for schema in [ignore, trigger] {
            let dir = tempfile::tempdir()?;
            let mut writer = open(&dir, schema)?;
            let outcomes = run(&mut writer, &[create("a"), create("a"), create("b")]);
            assert_eq!(outcomes, [Ok(1), Err("SQLITE_CONSTRAINT"), Ok(2)]);
            let logged: i64 = writer.lend(|c| c.query_row("SELECT count(*) FROM log", [], |row| row.get(0)))??;
            assert_eq!(logged, 0);
        }
        Ok(())
    }

    #[test]
    fn a_batch_ends_when_its_time_is_up_with_one_write_done_at_least() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, RECORDS)?;
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
        let mut writer = open(&dir, "")?;
        assert_eq!(run(&mut writer, &[create("a")]), [Ok(1)]);
        writer.lend(|connection| connection.execute_batch("DROP TABLE records"))??;
        assert_eq!(run(&mut writer, &[create("b")]), [Ok(1)]);
        Ok(())
    }

    #[test]
    fn a_statement_of_a_caller_cannot_end_or_begin_a_transaction() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, RECORDS)?;
        for control in
            ["COMMIT", "/* x */ ROLLBACK", "BEGIN", "SAVEPOINT a", "RELEASE a", "END", "DELETE FROM records; COMMIT"]
        {
            let outcomes = run(&mut writer, &[create("a"), sql(control), sql("DELETE FROM records WHERE name = 'a'")]);
            assert_eq!(outcomes[1..], [Err("TRANSACTION"), Ok(1)], "{control}");
        }
        assert_eq!(names(&mut writer)?, "");
        // Compiled by ourselves before, and kept.
        for control in [" COMMIT ", "ROLLBACK", "BEGIN IMMEDIATE"] {
            let outcomes = run(&mut writer, &[create("a"), sql(control), sql("DELETE FROM records WHERE name = 'a'")]);
            assert_eq!(outcomes[1..], [Err("TRANSACTION"), Ok(1)], "{control}");
        }
        Ok(())
    }

    #[test]
    fn a_database_of_another_directory_is_not_attached() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, RECORDS)?;
        let attach = format!("ATTACH '{}' AS other", dir.path().join("other.db").display());
        assert_eq!(run(&mut writer, &[sql(&attach)]), [Err("SQLITE_AUTH")]);
        let parameters = vec![Parameter { name: None, value: ValueRef::Text(b"other.db") }];
        let by_value = Write::Run { sql: "ATTACH ? AS other", parameters };
        assert_eq!(run(&mut writer, &[by_value]), [Err("SQLITE_AUTH")]);
        let outcome = writer.run(&[sql(&attach)], Instant::now()).remove(0);
        assert!(outcome.expect_err("refused").to_string().contains("another lock"));
        Ok(())
    }

    #[test]
    fn statements_that_cannot_share_a_transaction_run_alone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, RECORDS)?;
        let into = format!("VACUUM INTO '{}'", dir.path().join("copy.db").display());
        let batch = [create("a"), sql("VACUUM"), sql("PRAGMA user_version = 7"), sql(&into), create("b")];
        let outcomes = run(&mut writer, &batch);
        assert!(outcomes.len() == batch.len() && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(names(&mut writer)?, "a,b");
        let version: i64 = writer.lend(|c| c.query_row("PRAGMA user_version", [], |row| row.get(0)))??;
        assert_eq!(version, 7);
        assert!(dir.path().join("copy.db").exists());
        Ok(())
    }

    #[test]
    fn writes_that_go_together_are_all_there_or_none() -> TestResult {
        let dir = tempfile::tempdir()?;
        let schema = format!(
            "{RECORDS} CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
        );
        let mut writer = open(&dir, &schema)?;
        let later = Instant::now() + Duration::from_secs(3600);
        let mut all = |writes: Vec<Write<'static>>| {
            let (count, mut outcomes) = (writes.len(), writer.run(&[Write::All(writes)], later));
            assert_eq!(outcomes.len(), count);
            outcomes.swap_remove(0)
        };
        assert_eq!(all(vec![create("a"), create("b")])?.last_insert_rowid, 1);
        let duplicate = all(vec![create("c"), create("a"), create("d")]);
        assert!(matches!(duplicate, Err(Error::OfAll { index: Some(1), .. })), "{duplicate:?}");
        let orphan = all(vec![create("e"), sql("INSERT INTO child VALUES (1)")]);
        assert!(matches!(orphan, Err(Error::OfAll { index: None, .. })), "{orphan:?}");
        let control = all(vec![create("f"), sql("COMMIT")]);
        assert!(matches!(control, Err(Error::OfAll { index: Some(1), .. })), "{control:?}");
        assert_eq!(names(&mut writer)?, "a,b");
        Ok(())
    }

    #[test]
    fn the_counts_are_those_of_the_statement_itself() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(
            &dir,
            "CREATE TABLE t (a); CREATE TABLE log (a); INSERT INTO t VALUES (1), (2), (3);
             CREATE TRIGGER r AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (1), (2), (3), (4); END;",
        )?;
        let later = Instant::now() + Duration::from_secs(3600);
        let batch = [
            "UPDATE t SET a = 0",
            "CREATE TABLE u (a)",
            "UPDATE t SET a = 0 WHERE a = 9",
            "SELECT 1",
            "INSERT INTO t VALUES (4), (5)",
            "DELETE FROM t RETURNING a",
        ];
        let outcomes = writer.run(&batch.map(sql), later).into_iter().collect::<Result<Vec<_>, _>>()?;
        let counts: Vec<_> = outcomes.iter().map(|written| (written.changes, written.last_insert_rowid)).collect();
        assert_eq!(counts, [(3, 0), (0, 0), (0, 0), (0, 0), (2, 5), (5, 0)]);
        Ok(())
    }

    #[test]
    fn values_are_bound_by_position_and_by_name() -> TestResult {
        let dir = tempfile::tempdir()?;
        let mut writer = open(&dir, "CREATE TABLE t (a, b, c)")?;
        let at = |value| Parameter { name: None, value };
        let named = |name, value| Parameter { name: Some(name), value };
        let insert = |sql, parameters: &[Parameter<'static>]| Write::Run { sql, parameters: parameters.to_vec() };
        let (one, two) = (ValueRef::Integer(1), ValueRef::Text(b"two"));
        assert_eq!(
            run(
                &mut writer,
                &[
                    insert(
                        "INSERT INTO t VALUES (?, :b, $c)",
                        &[at(one), named("b", two), named("$c", one), named("d", two)]
                    ),
                    insert("INSERT INTO t VALUES (?1, ?2, ?1)", &[at(one), at(two)]),
                    insert("INSERT INTO t VALUES (?, ?, @c)", &[at(one), named("c", two)]),
                    insert("INSERT INTO t VALUES (:a, :a, :b)", &[named("a", one)]),
                    insert("INSERT INTO t VALUES (?, 1, 2)", &[at(one), at(two)]),
                ]
            ),
            [Ok(1), Ok(2), Err("PARAMETERS"), Err("PARAMETERS"), Err("PARAMETERS")]
        );
        let row: String =
            writer.lend(|c| c.query_row("SELECT group_concat(a || b || c) FROM t", [], |row| row.get(0)))??;
        assert_eq!(row, "1two1,1two1");
        Ok(())
    }
}
