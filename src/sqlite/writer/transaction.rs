//! Transactions that a caller begins and ends. Such a transaction is a state of the writing
//! connection that lives from call to call, under the hold in which it began. It begins with its
//! first write or read, so that BEGIN takes no call of its own.
//!
//! Each write in it has a savepoint, so a rejected write leaves nothing behind, however it failed.
//! Some errors end the whole transaction. Then every later write is refused, and the COMMIT fails
//! with that error.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use super::outcomes::{of_all, refuse_all};
use super::{BEGIN, HoldId, Limits, OpenTransaction, Outcome, TransactionId, Writer, Written};
use crate::sqlite::Error;
use crate::sqlite::interrupt::pause_briefly;
use crate::sqlite::query::Source;
use crate::sqlite::write::{Control, Write};

const SAVEPOINT: &str = "SAVEPOINT sqlock";
const RELEASE: &str = "RELEASE sqlock";
const ROLLBACK_TO: &str = "ROLLBACK TO sqlock";

/// How long a read that begins a transaction tries to. It keeps the event loop for so long.
const PATIENCE: Duration = Duration::from_millis(5);

impl Writer {
    /// Runs writes in the transaction `id` until all are done or the time is over, the first one in
    /// any case. If it cannot begin, none is run.
    pub(super) fn run_in(&mut self, id: TransactionId, writes: &[Write<'_>], limits: Limits<'_>) -> Vec<Outcome> {
        if !writes.first().is_some_and(begins_or_ends)
            && let Err(error) = self.begin_unless_begun(id)
        {
            return refuse_all(writes, &error);
        }
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            if !matches!(write, Write::Control(_))
                && let Err(error) = limits.interrupt.check()
            {
                outcomes.extend(refuse_all(std::slice::from_ref(write), &error));
                continue;
            }
            match write {
                Write::Control(control) => outcomes.push(self.take_step(id, *control).map(|()| Written::default())),
                Write::All(all) => {
                    outcomes.extend(of_all(all, self.undoably(id, |writer| writer.apply_all(all, limits.interrupt))));
                }
                Write::Exec { sql } => outcomes.push(self.undoably(id, |writer| {
                    writer.exec_within(sql, limits.interrupt)?;
                    Ok(Written::default())
                })),
                _ => outcomes.push(self.undoably(id, |writer| writer.apply(write))),
            }
            if Instant::now() >= limits.until {
                break;
            }
        }
        outcomes
    }

    /// Has the transaction `id` begun? It may have ended, too.
    pub(crate) fn has_begun(&self, id: TransactionId) -> bool {
        id <= self.last
    }

    /// Begins the transaction `id` for a read, unless it has begun, and waits for another program
    /// for a moment only: a foreign writer, or a reader that recovers the WAL after a crash.
    ///
    /// # Errors
    /// `SQLITE_BUSY`: nothing has begun.
    #[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "only JavaScript reads before it writes"))]
    pub(crate) fn begin_at_once(&mut self, hold: HoldId, id: TransactionId) -> Result<(), Error> {
        if !self.prepared {
            return Err(Error::Malformed);
        }
        self.clear()?;
        self.call_under(Some(hold));
        let until = Instant::now() + PATIENCE;
        let brake = self.connection.brake.clone();
        loop {
            match brake.at_once(|| self.begin_unless_begun(id)) {
                Err(error) if error.is_busy() && Instant::now() < until => pause_briefly(),
                begun => return begun,
            }
        }
    }

    /// Where plain reads see what the transaction has written.
    pub(crate) fn source_in(&self, id: TransactionId) -> Result<Source<'_>, Error> {
        self.check_open(id)?;
        // The last writes were those of its hold, whose values the counters still are.
        Ok(Source { connection: &self.connection, authorizer: &self.authorizer, at_rest: None })
    }

    /// Are these writes statements in an open transaction, which neither begin nor end anything?
    pub(crate) fn goes_on_with(&self, transaction: Option<TransactionId>, writes: &[Write<'_>]) -> bool {
        transaction.is_some_and(|id| self.check_open(id).is_ok())
            && !writes.iter().any(|write| matches!(write, Write::Control(_)))
    }

    /// Has SQLite rolled back this transaction by itself?
    pub(crate) fn has_rolled_back(&self, id: TransactionId) -> bool {
        self.open.as_ref().is_some_and(|open| open.id == id && open.ended_by.is_some())
    }

    /// Rolls back whatever transaction is open. Nothing happens when there is none.
    pub(crate) fn abandon(&mut self) {
        if self.open.take().is_some() {
            self.roll_back();
            self.tidy_or_later();
        }
    }

    fn take_step(&mut self, id: TransactionId, control: Control) -> Result<(), Error> {
        if matches!(control, Control::Commit | Control::Rollback) && !self.has_begun(id) {
            // It has done nothing, and does not begin any more.
            self.last = id;
            return Ok(());
        }
        let is_open = self.check_open(id);
        match control {
            Control::Begin => self.begin(id),
            Control::BeginWithoutForeignKeys => {
                self.turn_foreign_keys_off()?;
                self.begin(id).inspect_err(|_| self.tidy_or_later())
            }
            // What is gone needs no undoing.
            Control::Rollback | Control::Undo if is_open.is_err() => Ok(()),
            Control::Rollback => {
                self.abandon();
                Ok(())
            }
            Control::Commit => {
                let committed = is_open.and_then(|()| self.commit()).map_err(cause);
                self.abandon();
                committed
            }
            Control::Savepoint => is_open.and_then(|()| self.control(SAVEPOINT)),
            Control::Release => is_open.map_err(cause).and_then(|()| self.control(RELEASE)),
            Control::Undo => self.undo(),
        }
    }

    fn begin(&mut self, id: TransactionId) -> Result<(), Error> {
        self.control(BEGIN)?;
        self.open = Some(OpenTransaction { id, ended_by: None });
        self.last = id;
        Ok(())
    }

    fn begin_unless_begun(&mut self, id: TransactionId) -> Result<(), Error> {
        // While another one is open, which it is not told of, it is refused like one that has ended.
        if self.has_begun(id) || self.open.is_some() { Ok(()) } else { self.begin(id) }
    }

    /// Does something in a savepoint, so that it leaves nothing behind when it fails.
    fn undoably<T>(&mut self, id: TransactionId, work: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        self.check_open(id)?;
        self.control(SAVEPOINT)?;
        let outcome = work(self).and_then(|done| self.control(RELEASE).map(|()| done));
        if let Err(error) = &outcome
            && (self.connection.is_autocommit() || self.undo().is_err())
        {
            self.roll_back();
            if let Some(open) = &mut self.open {
                open.ended_by = Some(error.clone());
            }
        }
        outcome
    }

    fn undo(&self) -> Result<(), Error> {
        self.control(ROLLBACK_TO)?;
        self.control(RELEASE)
    }

    fn check_open(&self, id: TransactionId) -> Result<(), Error> {
        match &self.open {
            Some(open) if open.id == id && open.ended_by.is_none() => Ok(()),
            Some(open) if open.id == id => Err(Error::Ended { by: open.ended_by.clone().map(Box::new) }),
            _ => Err(Error::Ended { by: None }),
        }
    }
}

/// Does a write not need that the transaction has begun?
fn begins_or_ends(write: &Write<'_>) -> bool {
    use Control::{Begin, BeginWithoutForeignKeys, Commit, Rollback};
    matches!(write, Write::Control(Begin | BeginWithoutForeignKeys | Commit | Rollback))
}

/// A COMMIT that comes too late is refused with what has ended the transaction.
fn cause(error: Error) -> Error {
    match error {
        Error::Ended { by: Some(by) } => *by,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sqlite::connection::ConnectionOptions;
    use crate::sqlite::interrupt::Interrupt;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const BEGUN: Write<'_> = Write::Control(Control::Begin);
    const COMMITTED: Write<'_> = Write::Control(Control::Commit);

    fn open() -> Result<(tempfile::TempDir, Writer), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let mut writer = Writer::temporary(&dir.path().join("app.db"), ConnectionOptions::default())?;
        writer.lend(|connection| connection.execute_batch("CREATE TABLE t (a UNIQUE)"))??;
        Ok((dir, writer))
    }

    fn sql(sql: &str) -> Write<'_> {
        Write::Run { sql, parameters: vec![] }
    }

    fn run(connection: &mut Writer, id: TransactionId, writes: &[Write<'_>], interrupt: &Interrupt) -> Vec<Outcome> {
        connection.run(
            Some(1),
            Some(id),
            writes,
            Limits { until: Instant::now() + Duration::from_secs(3600), interrupt },
        )
    }

    fn count(writer: &mut Writer) -> Result<i64, Box<dyn std::error::Error>> {
        Ok(writer.lend(|connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))??)
    }

    #[test]
    fn what_belongs_to_a_transaction_that_has_ended_is_not_written() -> TestResult {
        let (_dir, mut writer) = open()?;
        let interrupt = Interrupt::default();
        let late = [sql("INSERT INTO t VALUES (1)"), COMMITTED];
        let rolled_back = Write::Control(Control::Rollback);
        let ways = [vec![COMMITTED], vec![rolled_back.clone()], vec![BEGUN, rolled_back], vec![BEGUN, COMMITTED]];
        for (id, before) in (4..).zip(ways) {
            assert!(run(&mut writer, id, &before, &interrupt).iter().all(Result::is_ok));
            let outcomes = run(&mut writer, id, &late, &interrupt);
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Ended { by: None }))), "{outcomes:?}");
        }
        run(&mut writer, 8, &[BEGUN], &interrupt);
        assert!(matches!(run(&mut writer, 7, &late, &interrupt)[0], Err(Error::Ended { .. })), "it is of another");
        writer.abandon();
        assert!(matches!(run(&mut writer, 8, &late, &interrupt)[0], Err(Error::Ended { .. })));
        assert_eq!(count(&mut writer)?, 0);
        Ok(())
    }

    #[test]
    fn a_transaction_begins_with_its_first_write_or_read() -> TestResult {
        let (_dir, mut writer) = open()?;
        let interrupt = Interrupt::default();
        for (id, begun) in [(1, false), (2, true)] {
            if begun {
                writer.begin_at_once(1, id)?;
                writer.begin_at_once(1, id)?;
            }
            let steps = [Write::Control(Control::Savepoint), sql("INSERT INTO t VALUES (1)")];
            assert!(run(&mut writer, id, &steps, &interrupt).iter().all(Result::is_ok));
            assert!(!writer.connection.is_autocommit());
            run(&mut writer, id, &[Write::Control(Control::Rollback)], &interrupt);
            assert_eq!(count(&mut writer)?, 0);
        }
        Ok(())
    }

    #[test]
    fn a_transaction_that_cannot_begin_fails_each_write_and_begins_with_the_next() -> TestResult {
        let dir = tempfile::tempdir()?;
        let options = ConnectionOptions { busy_timeout: Duration::ZERO, ..ConnectionOptions::default() };
        let (path, interrupt) = (dir.path().join("app.db"), Interrupt::default());
        let mut writer = Writer::temporary(&path, options)?;
        writer.lend(|connection| connection.execute_batch("CREATE TABLE t (a UNIQUE)"))??;
        let foreign = rusqlite::Connection::open(&path)?;
        foreign.execute_batch("BEGIN IMMEDIATE")?;
        let limits = Limits { until: Instant::now(), interrupt: &interrupt };
        let outcomes = writer.run(Some(1), Some(1), &[sql("DELETE FROM t"), sql("DELETE FROM t")], limits);
        assert!(outcomes.len() == 2 && outcomes.iter().all(|it| it.as_ref().is_err_and(Error::is_busy)));
        assert!(writer.begin_at_once(1, 1).is_err_and(|error| error.is_busy()));
        assert!(!writer.has_begun(1));
        foreign.execute_batch("ROLLBACK")?;
        writer.begin_at_once(1, 1)?;
        let outcomes = run(&mut writer, 1, &[sql("INSERT INTO t VALUES (1)"), COMMITTED], &interrupt);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(count(&mut writer)?, 1);
        Ok(())
    }

    /// A read that begins a transaction may be the first thing that is done under its hold.
    #[test]
    fn a_transaction_that_begins_with_a_read_is_told_of_nobody_else() -> TestResult {
        let (_dir, mut writer) = open()?;
        let interrupt = Interrupt::default();
        let insert = [sql("INSERT INTO t VALUES (1)")];
        run(&mut writer, 1, &[insert[0].clone(), COMMITTED], &interrupt);
        for (id, hold, expected) in [(2, 1, 1), (3, 2, 0)] {
            writer.begin_at_once(hold, id)?;
            let seen: i64 = writer.connection.query_row("SELECT last_insert_rowid()", [], |row| row.get(0))?;
            assert_eq!(seen, expected);
            writer.abandon();
        }
        Ok(())
    }

    #[test]
    fn nothing_else_is_written_while_a_transaction_is_open() -> TestResult {
        let (_dir, mut writer) = open()?;
        let interrupt = Interrupt::default();
        run(&mut writer, 1, &[BEGUN, sql("INSERT INTO t VALUES (1)")], &interrupt);
        let limits = Limits { until: Instant::now(), interrupt: &interrupt };
        assert!(writer.run(None, None, &[sql("INSERT INTO t VALUES (2)")], limits)[0].is_err());
        assert!(run(&mut writer, 1, &[COMMITTED], &interrupt)[0].is_ok());
        assert_eq!(count(&mut writer)?, 1);
        Ok(())
    }

    #[test]
    fn a_write_that_is_called_off_before_it_begins_does_not_begin() -> TestResult {
        let (_dir, mut writer) = open()?;
        let (interrupt, called_off) = (Interrupt::default(), Interrupt::default());
        called_off.request();
        run(&mut writer, 1, &[BEGUN], &interrupt);
        let outcomes = run(&mut writer, 1, &[sql("INSERT INTO t VALUES (1)")], &called_off);
        assert!(matches!(&outcomes[0], Err(Error::Sqlite(failure)) if failure.code() == "SQLITE_INTERRUPT"));
        let all = Write::All(vec![sql("INSERT INTO t VALUES (2)")]);
        assert!(run(&mut writer, 1, &[all], &called_off)[0].is_err());
        assert!(run(&mut writer, 1, &[COMMITTED], &interrupt)[0].is_ok());
        assert_eq!(count(&mut writer)?, 0);
        Ok(())
    }

    /// The counter that the progress handler goes by runs on from one use of a kept statement to
    /// the next, so that a ROLLBACK is hit once in a while too; and an open transaction would keep
    /// SQLite's own lock.
    #[test]
    fn work_that_is_called_off_is_rolled_back_each_time() -> TestResult {
        let (_dir, mut writer) = open()?;
        for _ in 0..2000 {
            let interrupt = Interrupt::default();
            assert!(run(&mut writer, 1, &[BEGUN], &interrupt)[0].is_ok());
            let _armed = interrupt.arm(&writer.connection.brake);
            interrupt.request();
            writer.abandon();
            assert!(writer.connection.is_autocommit());
        }
        Ok(())
    }

    /// An error that ends the transaction must not let what follows be written by itself, nor the
    /// COMMIT succeed.
    #[test]
    fn an_error_that_ends_the_transaction_refuses_what_follows_and_is_the_error_of_the_commit() -> TestResult {
        let (_dir, mut writer) = open()?;
        let interrupt = Interrupt::default();
        let steps = [
            BEGUN,
            sql("INSERT INTO t VALUES (1)"),
            sql("INSERT OR ROLLBACK INTO t VALUES (1)"),
            sql("INSERT INTO t VALUES (2)"),
            Write::Control(Control::Savepoint),
            Write::Control(Control::Undo),
            COMMITTED,
        ];
        let outcomes = run(&mut writer, 1, &steps, &interrupt);
        let is_unique =
            |error: &Error| matches!(error, Error::Sqlite(failure) if failure.code() == "SQLITE_CONSTRAINT_UNIQUE");
        assert!(outcomes[2].as_ref().is_err_and(is_unique), "{outcomes:?}");
        assert!(matches!(&outcomes[3], Err(Error::Ended { by: Some(by) }) if is_unique(by)), "{outcomes:?}");
        assert!(outcomes[4].is_err() && outcomes[5].is_ok(), "{outcomes:?}");
        assert!(outcomes[6].as_ref().is_err_and(is_unique), "{outcomes:?}");
        assert_eq!(count(&mut writer)?, 0);
        Ok(())
    }
}
