//! The writer, with schemas that make writes fail in every way that SQLite has.

use std::time::Duration;

use rusqlite::types::ValueRef;

use super::*;
use crate::sqlite::write::{Parameter, Write};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn open(dir: &tempfile::TempDir, schema: &str) -> Result<Writer, Box<dyn std::error::Error>> {
    let mut writer = Writer::temporary(&dir.path().join("app.db"), ConnectionOptions::default())?;
    writer.lend(|connection| connection.execute_batch(schema))??;
    Ok(writer)
}

fn create(name: &str) -> Write<'_> {
    Write::CreateRecord { name, value: 1 }
}

fn sql(sql: &str) -> Write<'_> {
    Write::Run { sql, parameters: vec![] }
}

fn run_until(connection: &mut Writer, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
    connection.run(None, None, writes, Limits { until, interrupt: &Interrupt::default() })
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
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
    run_until(connection, writes, later()).into_iter().map(|outcome| outcome.map(value).map_err(code)).collect()
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
    let batch = [
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "INSERT INTO f(rowid, x) VALUES (70, 'a')",
        "UPDATE f SET x = 'b' WHERE rowid = 70",
        "DELETE FROM f WHERE rowid = 70",
        "VACUUM",
        "WITH c AS (SELECT 'z') INSERT INTO f(rowid, x) SELECT 9, * FROM c",
    ];
    let outcomes = run_until(&mut writer, &batch.map(sql), later()).into_iter().collect::<Result<Vec<_>, _>>()?;
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
    let ignore = "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, value INTEGER);
                  CREATE TABLE log (name TEXT);";
    let trigger =
        "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT, value INTEGER); CREATE TABLE log (name TEXT);
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
    assert_eq!(run_until(&mut writer, &[create("a"), create("b")], Instant::now()).len(), 1);
    assert_eq!(names(&mut writer)?, "a");
    Ok(())
}

#[test]
fn a_transaction_that_cannot_begin_rejects_every_write() -> TestResult {
    let dir = tempfile::tempdir()?;
    let options = ConnectionOptions { busy_timeout: Duration::ZERO, ..ConnectionOptions::default() };
    let mut writer = Writer::temporary(&dir.path().join("app.db"), options)?;
    assert_eq!(run(&mut writer, &[create("a")]), [Ok(1)]);
    let outsider = Connection::open(dir.path().join("app.db"))?;
    outsider.execute_batch("BEGIN IMMEDIATE")?;
    assert_eq!(run(&mut writer, &[create("b"), create("c")]), [Err("SQLITE_BUSY"), Err("SQLITE_BUSY")]);
    outsider.execute_batch("ROLLBACK")?;
    assert_eq!(run(&mut writer, &[create("d")]), [Ok(2)]);
    Ok(())
}

/// Each statement of several that go together has an outcome, also when nothing could begin: the outcomes of the writes behind
/// them would otherwise be taken for theirs.
#[test]
fn a_database_that_cannot_be_made_ready_rejects_every_statement() -> TestResult {
    let dir = tempfile::tempdir()?;
    let outsider = Connection::open(dir.path().join("app.db"))?;
    outsider.execute_batch("CREATE TABLE t (a); BEGIN EXCLUSIVE")?;
    let options = ConnectionOptions { busy_timeout: Duration::ZERO, ..ConnectionOptions::default() };
    let mut writer = Writer::temporary(&dir.path().join("app.db"), options)?;
    let together = || Write::All(vec![create("a"), create("b"), create("c")]);
    assert_eq!(run(&mut writer, &[together(), create("d")]), [Err("SQLITE_BUSY"); 4]);
    outsider.execute_batch("ROLLBACK")?;
    assert_eq!(run(&mut writer, &[together(), create("d")]), [Ok(1), Ok(2), Ok(3), Ok(4)]);
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
    let outcome = run_until(&mut writer, &[sql(&attach)], Instant::now()).remove(0);
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
    let mut all = |writes: Vec<Write<'static>>| {
        let (count, mut outcomes) = (writes.len(), run_until(&mut writer, &[Write::All(writes)], later()));
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
    let batch = [
        "UPDATE t SET a = 0",
        "CREATE TABLE u (a)",
        "UPDATE t SET a = 0 WHERE a = 9",
        "SELECT 1",
        "INSERT INTO t VALUES (4), (5)",
        "DELETE FROM t RETURNING a",
    ];
    let outcomes = run_until(&mut writer, &batch.map(sql), later()).into_iter().collect::<Result<Vec<_>, _>>()?;
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

/// Each write of a batch and of a transaction: a rowid of a neighbour must not show, and that the statement has the rowid of its
/// parent must not hide it.
#[test]
fn the_rowid_is_that_of_a_row_of_the_statement_or_0() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut writer = open(
        &dir,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, a UNIQUE); CREATE TABLE child (id INTEGER PRIMARY KEY, parent);
         CREATE TABLE log (id INTEGER PRIMARY KEY, a); CREATE TABLE w (a PRIMARY KEY, b) WITHOUT ROWID;
         CREATE VIRTUAL TABLE f USING fts5(x); CREATE VIRTUAL TABLE f4 USING fts4(x);
         CREATE VIRTUAL TABLE r USING rtree(id, a, b);
         CREATE TRIGGER logged AFTER INSERT ON child BEGIN INSERT INTO log VALUES (NEW.id + 50, 1); END;
         CREATE TABLE ignored (id INTEGER PRIMARY KEY);
         CREATE TRIGGER i BEFORE INSERT ON ignored BEGIN INSERT INTO log VALUES (NEW.id, 2); SELECT RAISE(IGNORE); END;
         CREATE VIEW v AS SELECT 1 AS a;
         CREATE TRIGGER o INSTEAD OF INSERT ON v BEGIN INSERT INTO log VALUES (NEW.a, 3); END;",
    )?;
    let batch = [
        ("INSERT INTO parent VALUES (5, 'a')", 5),
        ("INSERT INTO child VALUES (5, 5)", 5),
        ("INSERT OR IGNORE INTO parent VALUES (5, 'b')", 0),
        ("INSERT INTO parent VALUES (5, 'c') ON CONFLICT (id) DO UPDATE SET a = 'd'", 0),
        ("INSERT INTO parent VALUES (5, 'd') ON CONFLICT DO NOTHING", 0),
        ("REPLACE INTO parent VALUES (5, 'e')", 5),
        ("INSERT INTO w VALUES (5, 1)", 0),
        ("INSERT INTO ignored VALUES (5)", 0),
        ("INSERT INTO v VALUES (6)", 0),
        ("INSERT INTO f(rowid, x) VALUES (5, 'a')", 5),
        ("INSERT INTO f(rowid, x) SELECT 6, 'a' WHERE 0", 0),
        ("INSERT INTO f4(rowid, x) VALUES (5, 'a')", 5),
        ("INSERT INTO r VALUES (5, 1, 2)", 5),
        ("INSERT INTO parent SELECT 9, 9 WHERE 0", 0),
        ("UPDATE parent SET id = 8 WHERE id = 5", 0),
        ("INSERT INTO parent VALUES (0, 'z')", 0),
        ("INSERT INTO parent VALUES (-5, 'y') RETURNING id", -5),
        ("WITH c AS (SELECT 70) INSERT INTO parent SELECT *, 'w' FROM c", 70),
        ("DELETE FROM parent WHERE id = 70", 0),
    ];
    let (batch, expected): (Vec<_>, Vec<_>) = batch.into_iter().map(|(text, rowid)| (sql(text), rowid)).unzip();
    let rowids = |outcomes: Vec<Outcome>| -> Result<Vec<i64>, Error> {
        outcomes.into_iter().map(|outcome| Ok(outcome?.last_insert_rowid)).collect()
    };
    let empty = "DELETE FROM parent; DELETE FROM child; DELETE FROM log; DELETE FROM w; DELETE FROM f; DELETE FROM f4; DELETE FROM r";
    assert_eq!(rowids(run_until(&mut writer, &batch, later()))?, expected);
    writer.lend(|connection| connection.execute_batch(empty))??;
    assert_eq!(rowids(run_until(&mut writer, &[Write::All(batch.clone())], later()))?, expected);
    writer.lend(|connection| connection.execute_batch(empty))??;
    let apart: Vec<_> =
        batch.iter().flat_map(|write| run_until(&mut writer, std::slice::from_ref(write), later())).collect();
    assert_eq!(rowids(apart)?, expected);
    Ok(())
}

/// A batch under a hold that has to run again must not see what its first attempt has inserted.
#[test]
fn writes_of_a_hold_that_run_again_see_the_values_of_before() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut writer = open(
        &dir,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, a UNIQUE); CREATE TABLE child (id INTEGER PRIMARY KEY, a, b, c)",
    )?;
    let mut run = |hold, texts: &[&'static str]| {
        let batch: Vec<_> = texts.iter().copied().map(sql).collect();
        writer.run(Some(hold), None, &batch, Limits { until: later(), interrupt: &Interrupt::default() })
    };
    let child = "INSERT INTO child VALUES (NULL, last_insert_rowid(), changes(), total_changes())";
    run(1, &["INSERT INTO parent VALUES (70, 1), (71, 2)"]);
    // FAIL makes SQLite keep what the statement did before, so that the batch runs again.
    let outcomes = run(1, &[child, child, "INSERT OR FAIL INTO parent VALUES (90, 4), (91, 4)"]);
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok() && outcomes[2].is_err(), "{outcomes:?}");
    run(2, &[child]);
    let rows: String = writer.lend(|connection| {
        let sql = "SELECT group_concat(id || ':' || a || ',' || b || ',' || c, ' ') FROM child";
        connection.query_row(sql, [], |row| row.get(0))
    })??;
    assert_eq!(rows, "1:71,2,2 2:1,1,3 3:0,0,0");
    Ok(())
}

#[test]
fn the_connection_that_is_lent_tells_of_nobody_else() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut writer = open(&dir, "CREATE TABLE t (a)")?;
    run(&mut writer, &[sql("INSERT INTO t VALUES (1), (2)")]);
    let sql = "SELECT last_insert_rowid(), changes(), total_changes()";
    let (of_call, of_function) = writer.lend(|connection| {
        let function = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        (connection.last_insert_rowid(), function)
    })?;
    assert_eq!((of_call, of_function?), (0, (0, 0, 0)));
    Ok(())
}
