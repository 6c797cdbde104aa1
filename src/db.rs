//! A database and its lock: the only module that joins both.
//!
//! Lock order: the queue of the lock file, its flock, the writing connection. The mutex of the writing connection is
//! never waited for in practice, since only the holder of the lock uses it; it is there so that the compiler knows.

#![forbid(unsafe_code)]

mod backup;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::Error;
use crate::lock::{self, Identity, LockOptions, WriteGuard, WriteLocker};
use crate::sqlite::{
    self, Checkpoint, CheckpointMode, Checkpointer, Connection, ConnectionOptions, Interrupt, Limits, Outcome, Reader,
    Row, Rows, Source, TransactionId, Value, Write, Writer, Written,
};

#[cfg(feature = "node")]
use crate::sqlite::Brake;

/// How long a batch holds the lock: then others get in, and what is left of it comes again.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// How many connections for reads on other threads are kept when there is nothing to do.
#[cfg(feature = "node")]
const IDLE_READERS: usize = 8;

/// How long a read may go on with a file that was deleted or replaced.
const CHECK_FILE_EVERY: Duration = Duration::from_millis(20);

/// Longest wait for the lock, unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);

/// Options of a [`Database`].
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// Longest wait for the lock. Default 500 ms.
    pub timeout: Duration,
    /// How its connections are set up.
    pub connection: ConnectionOptions,
    /// How it appears to others that wait for the lock.
    pub lock: LockOptions,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { timeout: DEFAULT_TIMEOUT, connection: ConnectionOptions::default(), lock: LockOptions::default() }
    }
}

/// What came of the writes of a batch that are done.
pub(crate) struct Batch {
    pub(crate) outcomes: Vec<Outcome>,
    /// How many commits it took.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only JavaScript counts them"))]
    pub(crate) commits: u64,
}

/// A row of the table `records`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
}

/// One SQLite file in WAL mode, safe to open in any number of processes at once.
///
/// Reads are plain; each write takes the lock `<directory of path>/db.lock`, which all databases of a directory share.
///
/// ```
/// use sqlock::Database;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let db = Database::open(dir.path().join("data/app.db"))?;
/// let id = db.create_record("test", 42)?;
/// assert_eq!(db.record(id)?.map(|record| record.value), Some(42));
///
/// // Several statements under one hold of the lock.
/// db.with_write_lock(|connection| connection.execute("UPDATE records SET value = value + 1", []))??;
/// assert_eq!(db.record(id)?.map(|record| record.value), Some(43));
/// # Ok(())
/// # }
/// ```
pub struct Database {
    path: PathBuf,
    /// What was opened.
    file: Identity,
    timeout: Duration,
    locker: Arc<WriteLocker>,
    options: ConnectionOptions,
    /// When a read last saw that the file is the one that was opened.
    checked: Mutex<Option<Instant>>,
    writer: Mutex<Option<Writer>>,
    reader: Mutex<Option<Reader>>,
    /// Connections for reads on other threads that have nothing to do.
    readers: Mutex<Vec<Reader>>,
    /// Opened when it is needed.
    checkpointer: Mutex<Option<Checkpointer>>,
    #[cfg(feature = "node")]
    brake: Brake,
}

impl Database {
    /// Opens the database at `path`, making missing directories. Never waits for the lock: an existing file is opened as
    /// it is, and becomes a WAL database with its first write.
    ///
    /// # Errors
    /// [`Error::Lock`] when the directory cannot be made or used, [`Error::Sqlite`] when the file is no database or
    /// cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, DatabaseOptions::default())
    }

    /// Like [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: DatabaseOptions) -> Result<Self, Error> {
        let path =
            std::path::absolute(path.as_ref()).map_err(|error| lock::Error::io("getcwd", path.as_ref(), error))?;
        let directory = path.parent().unwrap_or(&path);
        if !options.connection.file_must_exist && !options.connection.readonly {
            std::fs::create_dir_all(directory).map_err(|error| lock::Error::io("mkdir", directory, error))?;
        }
        let base_dir = lock::absolute(directory).map_err(|error| lock::Error::io("realpath", directory, error))?;
        let path = path.file_name().map_or_else(|| path.clone(), |name| base_dir.join(name));
        let locker = WriteLocker::for_database(&path, &base_dir, options.lock)?;
        let reader = Reader::open(&path, &options.connection)?;
        let writer = Writer::open(&path, options.connection.clone())?;
        let file = Identity::of_file(&path).map_err(|error| lock::Error::io("stat", &path, error))?;
        Ok(Self {
            timeout: options.timeout,
            locker: Arc::new(locker),
            options: options.connection,
            #[cfg(feature = "node")]
            brake: writer.brake(),
            writer: Mutex::new(Some(writer)),
            reader: Mutex::new(Some(reader)),
            checked: Mutex::default(),
            readers: Mutex::default(),
            checkpointer: Mutex::default(),
            path,
            file,
        })
    }

    /// The path of the database, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was opened.
    #[cfg(feature = "node")]
    pub(crate) fn file(&self) -> Identity {
        self.file
    }

    /// The lock of the directory of this database.
    #[must_use]
    pub fn locker(&self) -> &WriteLocker {
        &self.locker
    }

    #[cfg(feature = "node")]
    pub(crate) fn shared_locker(&self) -> &Arc<WriteLocker> {
        &self.locker
    }

    /// Inserts a record and returns its id. Makes the table `records` if there is none.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database.
    ///
    /// # Errors
    /// [`Error::Lock`] when the lock is not granted, [`Error::Sqlite`] when the write fails; nothing is written then.
    pub fn create_record(&self, name: &str, value: i64) -> Result<i64, Error> {
        self.write_locked(Write::CreateRecord { name, value }).map(|written| written.last_insert_rowid)
    }

    /// Sets the value of a record. Succeeds also when no record has that id.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database.
    ///
    /// # Errors
    /// As [`create_record`](Self::create_record).
    pub fn update_record(&self, id: i64, value: i64) -> Result<(), Error> {
        self.write_locked(Write::UpdateRecord { id, value }).map(drop)
    }

    /// The record with that id. Does not take the lock.
    ///
    /// # Errors
    /// [`Error::Sqlite`], `SQLITE_MISMATCH` among them when a column has another type than [`Record`].
    pub fn record(&self, id: i64) -> Result<Option<Record>, Error> {
        self.read(None, false, |source| source.record(id))?.rows.pop().map(to_record).transpose()
    }

    /// All records in the order of their ids. Does not take the lock.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is that of one lifetime only")]
        let Rows { rows, .. } = self.read(None, false, |source| source.records())?;
        rows.into_iter().map(to_record).collect()
    }

    /// Runs `work` with the writing connection while this process holds the lock. Not a transaction: each statement
    /// commits by itself, and a transaction that `work` leaves open is rolled back.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database. A write of this database in `work` that does not use
    /// the connection would wait for itself until that timeout.
    ///
    /// # Errors
    /// [`Error::Lock`] when the lock is not granted, [`Error::Sqlite`] when the database cannot be made ready.
    pub fn with_write_lock<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.check_writable()?;
        // Dropped last, also when `work` panics. That `work` is done stays so, whatever giving back the lock says.
        let _guard = self.locker.acquire(self.timeout)?;
        Ok(held(&self.writer).as_mut().ok_or(Error::Closed)?.lend(work)?)
    }

    /// Reads a pragma: `source` is what stands behind the word `PRAGMA`.
    ///
    /// # Errors
    /// [`sqlite::Error::SyncWrite`] for a pragma that writes.
    pub fn pragma(&self, source: &str) -> Result<Rows, Error> {
        self.read(None, false, |place| place.pragma(source))
    }

    /// Moves what the WAL holds into the database file. A mode other than [`CheckpointMode::Passive`] takes the lock.
    ///
    /// # Blocking
    /// Waits for the lock for at most the timeout of this database, and for readers for at most the busy timeout.
    ///
    /// # Errors
    /// [`Error::Lock`] when the lock is not granted, [`Error::Sqlite`], [`Error::Replaced`].
    pub fn checkpoint(&self, mode: CheckpointMode) -> Result<Checkpoint, Error> {
        self.check_writable()?;
        let guard = match mode {
            CheckpointMode::Passive => None,
            _ => Some(self.locker.acquire(self.timeout)?),
        };
        self.checkpoint_held(guard.as_ref(), mode)
    }

    /// Closes all connections. SQLite checkpoints the WAL when no other process has the database open.
    ///
    /// # Blocking
    /// For as long as that checkpoint takes.
    pub fn close(&self) {
        // The reader first: it tells that the database is closed.
        held(&self.reader).take();
        held(&self.readers).clear();
        held(&self.checkpointer).take();
        held(&self.writer).take();
        lock::let_go();
    }

    fn write_locked(&self, write: Write<'_>) -> Result<Written, Error> {
        self.check_writable()?;
        let guard = self.locker.acquire(self.timeout)?;
        let outcome = self
            .write(&guard, None, &[write], &Interrupt::default())?
            .outcomes
            .pop()
            .unwrap_or(Err(sqlite::Error::Malformed));
        // The write is committed and stays so, whatever giving back the lock says.
        drop(guard);
        Ok(outcome?)
    }

    /// Writes under a hold of the lock, for [`BATCH_TIME`] at most, in an open transaction if its id is given. There are as
    /// many outcomes as writes that are done.
    ///
    /// # Errors
    /// [`Error::Replaced`] when the file at the path is another one than was opened: a row in a file that nobody else can
    /// open is lost.
    pub(crate) fn write(
        &self,
        guard: &WriteGuard,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        interrupt: &Interrupt,
    ) -> Result<Batch, Error> {
        let time = guard.time_left().map_or(BATCH_TIME, |left| left.min(BATCH_TIME));
        let limits = Limits { until: Instant::now() + time, interrupt };
        let mut connection = held(&self.writer);
        let connection = connection.as_mut().ok_or(Error::Closed)?;
        self.check_file().inspect_err(|_| connection.abandon())?;
        let before = connection.commits();
        let outcomes = connection.run(transaction, writes, limits);
        Ok(Batch { outcomes, commits: connection.commits() - before })
    }

    /// A plain read. One in a transaction is made on the connection that writes, and never waits for it. Another one may `keep`
    /// its snapshot for the next, until [`end_snapshot`](Self::end_snapshot).
    pub(crate) fn read<T>(
        &self,
        transaction: Option<TransactionId>,
        keep: bool,
        read: impl FnOnce(&Source<'_>) -> Result<T, sqlite::Error>,
    ) -> Result<T, Error> {
        let Some(id) = transaction else {
            self.check_file_at_times()?;
            return Ok(held(&self.reader).as_ref().ok_or(Error::Closed)?.read(keep, read)?);
        };
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
        };
        Ok(read(&writer.as_ref().ok_or(Error::Closed)?.source_in(id)?)?)
    }

    /// Ends the snapshot that plain reads have kept.
    #[cfg(feature = "node")]
    pub(crate) fn end_snapshot(&self) {
        if let Some(reader) = held(&self.reader).as_ref() {
            reader.end_snapshot();
        }
    }

    /// A read on a connection of its own, on any thread.
    #[cfg(feature = "node")]
    pub(crate) fn read_apart<T>(
        &self,
        interrupt: &Interrupt,
        read: impl FnOnce(&Source<'_>) -> Result<T, sqlite::Error>,
    ) -> Result<T, Error> {
        let idle = held(&self.readers).pop();
        let reader = match idle {
            Some(reader) => reader,
            None if held(&self.reader).is_none() => return Err(Error::Closed),
            None => {
                self.check_file()?;
                Reader::open(&self.path, &self.options)?
            }
        };
        self.check_file_at_times()?;
        let outcome = reader.interruptible(interrupt, read);
        let mut readers = held(&self.readers);
        // One that comes back after the end would keep the file open; close() empties the pool after it has taken the reader.
        if readers.len() < IDLE_READERS && held(&self.reader).is_some() {
            readers.push(reader);
        }
        Ok(outcome?)
    }

    /// Calls off what is written, and rolls back the transaction that is open, if there is one. Only whoever holds the lock
    /// has one.
    #[cfg(feature = "node")]
    pub(crate) fn abandon_transaction(&self, _proof: &WriteGuard) {
        if let Some(writer) = self.brake.stop_while(|| held(&self.writer)).as_mut() {
            writer.abandon();
        }
    }

    pub(crate) fn checkpoint_held(
        &self,
        _proof: Option<&WriteGuard>,
        mode: CheckpointMode,
    ) -> Result<Checkpoint, Error> {
        self.check_file()?;
        let mut checkpointer = held(&self.checkpointer);
        if held(&self.reader).is_none() {
            return Err(Error::Closed);
        }
        let checkpointer = match &mut *checkpointer {
            Some(open) => open,
            none => none.insert(Checkpointer::open(&self.path, &self.options)?),
        };
        Ok(checkpointer.run(mode)?)
    }

    /// # Errors
    /// `SQLITE_READONLY` for a database that was opened for reading only: before any lock is taken.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.options.readonly { Err(sqlite::Error::readonly().into()) } else { Ok(()) }
    }

    /// Is the file at the path still the one that was opened?
    fn check_file(&self) -> Result<(), Error> {
        if Identity::of_file(&self.path).ok() == Some(self.file) {
            return Ok(());
        }
        Err(Error::Replaced { path: self.path.clone() })
    }

    /// The same for a read, of which there are too many to look each time.
    fn check_file_at_times(&self) -> Result<(), Error> {
        let now = Instant::now();
        let mut checked = held(&self.checked);
        if checked.is_some_and(|checked| now.duration_since(checked) < CHECK_FILE_EVERY) {
            return Ok(());
        }
        self.check_file()?;
        *checked = Some(now);
        Ok(())
    }
}

/// A panic in SQLite's callers leaves the connection itself as sound as any error does.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn to_record(row: Row) -> Result<Record, Error> {
    match <[Value; 3]>::try_from(row) {
        Ok([Value::Integer(id), Value::Text(name), Value::Integer(value)]) => Ok(Record { id, name, value }),
        _ => {
            Err(sqlite::Error::mismatch("a row of the table records is not of the types INTEGER, TEXT, INTEGER").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn temporary() -> Result<(tempfile::TempDir, Database), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let db = Database::open(dir.path().join("app.db"))?;
        Ok((dir, db))
    }

    #[test]
    fn a_database_without_the_table_has_no_records() -> TestResult {
        let (_dir, db) = temporary()?;
        assert_eq!(db.record(1)?, None);
        assert_eq!(db.records()?, []);
        Ok(())
    }

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

    /// A transaction that was left open used to be rolled back at the next use of the connection, and until then kept
    /// SQLite's own write lock although `db.lock` was free.
    #[test]
    fn a_transaction_that_is_left_open_is_rolled_back_before_the_lock_is_free() -> TestResult {
        let (dir, db) = temporary()?;
        db.create_record("a", 1)?;
        db.with_write_lock(|connection| connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM records"))??;
        let other = Database::open(dir.path().join("app.db"))?;
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

    #[test]
    fn a_closed_database_says_so() -> TestResult {
        let (_dir, db) = temporary()?;
        db.close();
        db.close();
        assert!(matches!(db.create_record("a", 1), Err(Error::Closed)));
        assert!(matches!(db.record(1), Err(Error::Closed)));
        Ok(())
    }

    #[test]
    fn a_file_that_was_deleted_or_replaced_is_not_written_to() -> TestResult {
        let (dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let path = dir.path().join("app.db");
        std::fs::remove_file(&path)?;
        assert!(matches!(db.create_record("b", 2), Err(Error::Replaced { .. })));
        Database::open(&path)?.create_record("c", 3)?;
        assert!(matches!(db.create_record("d", 4), Err(Error::Replaced { .. })));
        assert_eq!(Database::open(&path)?.records()?.len(), 1);
        Ok(())
    }

    #[test]
    fn a_row_of_other_types_is_a_mismatch() -> TestResult {
        let (_dir, db) = temporary()?;
        db.with_write_lock(|c| c.execute_batch("CREATE TABLE records (id INTEGER PRIMARY KEY, name, value)"))??;
        db.with_write_lock(|c| c.execute("INSERT INTO records VALUES (1, NULL, 2.5)", []))??;
        assert!(matches!(db.record(1), Err(Error::Sqlite(sqlite::Error::Sqlite(f))) if f.code() == "SQLITE_MISMATCH"));
        Ok(())
    }
}
