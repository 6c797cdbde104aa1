//! Writes. A write takes the lock, or belongs to a hold of it.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use super::Database;
use super::mutex::{locked, try_locked};
use crate::Error;
use crate::lock::WriteGuard;
use crate::sqlite::{self, Connection, HoldId, Interrupt, Limits, Outcome, TransactionId, Write, Written};

/// How long a batch holds the lock: then others get in, and what is left of it comes again.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// What came of the writes of a batch that are done.
pub(crate) struct Outcomes {
    /// One for each write.
    pub(crate) each: Vec<Outcome>,
    /// How many commits it took.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only JavaScript counts them"))]
    pub(crate) commits: u64,
    /// Has SQLite rolled back the transaction of these writes by itself?
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only JavaScript tells its callers"))]
    pub(crate) rolled_back: bool,
}

impl Database {
    /// Runs `work` with the writing connection while this process holds the lock. Not a
    /// transaction: each statement commits by itself, and a transaction that `work` leaves open is
    /// rolled back.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database. A write of this database in
    /// `work` that does not use the connection would wait for itself until that timeout.
    ///
    /// # Errors
    /// [`Error::Lock`] when the lock is not granted, [`Error::Sqlite`] when the database cannot be
    /// made ready, [`Error::Replaced`].
    pub fn with_write_lock<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.check_writable()?;
        // Dropped last, also when `work` panics. That `work` is done stays so, whatever giving back
        // the lock says.
        let _guard = self.locker.acquire(self.timeout)?;
        let mut connection = locked(&self.writer);
        let connection = connection.as_mut().ok_or(Error::Closed)?;
        self.file.check()?;
        let done = connection.lend(work)?;
        self.watch_companions(|| connection.is_in_wal_mode());
        Ok(done)
    }

    pub(super) fn write_locked(&self, write: Write<'_>) -> Result<Written, Error> {
        self.check_writable()?;
        let guard = self.locker.acquire(self.timeout)?;
        let outcome = self
            .write(&guard, None, None, &[write], &Interrupt::default())?
            .each
            .pop()
            .unwrap_or(Err(sqlite::Error::Malformed));
        // The write is committed and stays so, whatever giving back the lock says.
        drop(guard);
        Ok(outcome?)
    }

    /// Writes while this process holds the lock, for [`BATCH_TIME`] at most, in an open transaction
    /// if its id is given. There are as many outcomes as writes that are done. `hold` names a hold
    /// that further writes may belong to.
    ///
    /// # Errors
    /// [`Error::Replaced`] when the database, its -wal or its -shm is another file than was opened:
    /// a row in a file that nobody else can open is lost.
    pub(crate) fn write(
        &self,
        guard: &WriteGuard,
        hold: Option<HoldId>,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        interrupt: &Interrupt,
    ) -> Result<Outcomes, Error> {
        let time = guard.time_left().map_or(BATCH_TIME, |left| left.min(BATCH_TIME));
        let limits = Limits { until: Instant::now() + time, interrupt };
        let mut connection = locked(&self.writer);
        let connection = connection.as_mut().ok_or(Error::Closed)?;
        // A statement in an open transaction counts only with its COMMIT, which checks all files.
        let goes_on = connection.goes_on_with(transaction, writes);
        let checked = if goes_on { self.file.check_itself() } else { self.file.check() };
        checked.inspect_err(|_| connection.abandon())?;
        let before = connection.commits();
        let each = connection.run(hold, transaction, writes, limits);
        self.watch_companions(|| connection.is_in_wal_mode());
        let rolled_back = transaction.is_some_and(|id| connection.has_rolled_back(id));
        Ok(Outcomes { each, commits: connection.commits() - before, rolled_back })
    }

    /// May a transaction begin with its first write or read? The first one of all prepares the
    /// writing connection, and begins before that, on a worker.
    #[cfg(feature = "node")]
    pub(crate) fn is_prepared(&self) -> bool {
        try_locked(&self.writer).is_some_and(|writer| matches!(&*writer, Some(writer) if writer.is_prepared()))
    }

    /// Begins a transaction for a read of the calling thread, unless it has begun.
    ///
    /// # Errors
    /// `SQLITE_BUSY` after a moment, [`Error::Replaced`]: nothing has begun.
    #[cfg(feature = "node")]
    pub(crate) fn begin_at_once(&self, _proof: &WriteGuard, hold: HoldId, id: TransactionId) -> Result<(), Error> {
        let mut writer = try_locked(&self.writer).ok_or(Error::Busy)?;
        let writer = writer.as_mut().ok_or(Error::Closed)?;
        if !writer.has_begun(id) {
            self.file.check()?;
            writer.begin_at_once(hold, id)?;
        }
        Ok(())
    }

    /// Rolls back the transaction that is open, if there is one. Only whoever holds the lock has
    /// one.
    #[cfg(feature = "node")]
    pub(crate) fn abandon_transaction(&self, _proof: &WriteGuard) {
        if let Some(writer) = locked(&self.writer).as_mut() {
            writer.abandon();
        }
    }

    /// The same for the event loop, which must not wait for a thread that writes, and may have to
    /// sync a disk. Such a thread calls [`abandon_transaction`](Self::abandon_transaction) itself
    /// when the hold has ended meanwhile.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only JavaScript has an event loop"))]
    pub(crate) fn abandon_idle_transaction(&self, _proof: &WriteGuard) {
        if let Some(writer) = try_locked(&self.writer).as_deref_mut().and_then(Option::as_mut) {
            writer.abandon();
        }
    }

    /// # Errors
    /// `SQLITE_READONLY` for a database that was opened for reading only: before any lock is taken.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.options.readonly { Err(sqlite::Error::readonly().into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DatabaseOptions;
    use crate::db::tests::{TestResult, temporary};
    use crate::lock::{self, WriteLocker};

    #[test]
    fn a_held_lock_refuses_a_write_and_nothing_is_written() -> TestResult {
        let dir = tempfile::tempdir()?;
        let options = DatabaseOptions { timeout: Duration::from_millis(1), ..DatabaseOptions::default() };
        let db = Database::open_with(dir.path().join("app.db"), options)?;
        let guard = WriteLocker::new(dir.path())?.acquire(Duration::ZERO)?;
        assert!(matches!(db.create_record("a", 1), Err(Error::Lock(lock::Error::Timeout { .. }))));
        guard.release()?;
        assert_eq!(db.create_record("b", 1)?, 1);
        assert_eq!(db.records()?.len(), 1);
        Ok(())
    }

    #[test]
    fn a_panic_in_with_write_lock_frees_the_lock() -> TestResult {
        let (_dir, db) = temporary()?;
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| db.with_write_lock(|_| panic!("work"))));
        assert!(panicked.is_err());
        assert_eq!(db.create_record("a", 1)?, 1);
        Ok(())
    }

    /// A transaction that was left open used to be rolled back at the next use of the connection,
    /// and until then kept SQLite's own write lock although `db.lock` was free.
    #[test]
    fn a_transaction_that_is_left_open_is_rolled_back_before_the_lock_is_free() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        db.with_write_lock(|connection| connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM records"))??;
        let other = Database::open(db.path())?;
        assert_eq!(other.create_record("b", 1)?, 2);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            db.with_write_lock(|connection| {
                connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM records").expect("begun");
                panic!("work")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(other.create_record("c", 1)?, 3);
        assert_eq!(db.records()?.len(), 3);
        Ok(())
    }
}
