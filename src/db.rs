//! A database and its lock. Only this module uses both.
//!
//! Lock order: the queue of the lock file, its flock, the mutex of the writing connection. In
//! practice no thread waits for that mutex, because only the holder of the lock uses the
//! connection. The compiler needs it as a proof of that.
//!
//! | file | holds |
//! |---|---|
//! | this one | opening, checkpoints, closing |
//! | `write` | writes: each batch under a hold of the lock |
//! | `read` | reads, which take no lock |
//! | `records` | reads and writes of the table `records` |
//! | `backup` | copies |
//! | `file` | whether the file is still the one that was opened |
//! | `changes` | telling of commits, by whatever process |
//! | `watching` | the thread that looks for them |
//! | `mutex` | locking what threads share |

#![forbid(unsafe_code)]

mod backup;
mod changes;
mod file;
mod mutex;
mod read;
mod records;
mod watching;
mod write;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::file::DatabaseFile;
use self::mutex::{locked, try_locked};
use self::watching::Hub;
use crate::Error;
use crate::lock::{self, LockOptions, WriteGuard, WriteLocker};
use crate::sqlite::{
    Checkpoint, CheckpointMode, Checkpointer, ConnectionOptions, InForce, Interrupt, Memory, ReadConnection, Writer,
};

#[cfg(feature = "node")]
use crate::lock::Identity;

#[cfg(feature = "node")]
pub(crate) use self::changes::Source;
pub use self::changes::{Change, Changes};
pub use self::records::Record;
#[cfg(feature = "node")]
pub(crate) use self::write::Outcomes;

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
    file: Arc<DatabaseFile>,
    timeout: Duration,
    locker: Arc<WriteLocker>,
    options: ConnectionOptions,
    /// Read by readers that are opened later.
    settings: Arc<InForce>,
    writer: Mutex<Option<Writer>>,
    reader: Mutex<Option<ReadConnection>>,
    /// Connections for reads on other threads that have nothing to do.
    readers: Mutex<Vec<ReadConnection>>,
    /// Opened when it is needed.
    checkpointer: Mutex<Option<Checkpointer>>,
    hub: Arc<Mutex<Hub>>,
}

impl Database {
    /// Opens the database at `path`, making missing directories. Never waits for the lock: an existing file is opened as
    /// it is, and becomes a WAL database with its first write.
    ///
    /// # Errors
    /// [`Error::Lock`] when the directory cannot be made or used, [`Error::Sqlite`] when the file is no database,
    /// cannot be opened, or has another layout than the one asked for.
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
        let settings = Arc::new(InForce::of(&options.connection));
        let mut reader = ReadConnection::open(&path, &options.connection, Memory::Much, Arc::clone(&settings))?;
        reader.check_layout()?;
        let writer = Writer::open(&path, options.connection.clone(), Arc::clone(&settings))?;
        let db = Self {
            file: Arc::new(DatabaseFile::at(path)?),
            timeout: options.timeout,
            locker: Arc::new(locker),
            options: options.connection,
            settings,
            writer: Mutex::new(Some(writer)),
            reader: Mutex::new(Some(reader)),
            readers: Mutex::default(),
            checkpointer: Mutex::default(),
            hub: Arc::default(),
        };
        db.watch_companions(|| false);
        Ok(db)
    }

    /// The path of the database, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Where SQLite keeps the -wal.
    #[cfg(feature = "node")]
    pub(crate) fn wal_path(&self) -> &Path {
        self.file.wal_path()
    }

    /// What was opened.
    #[cfg(feature = "node")]
    pub(crate) fn file(&self) -> Identity {
        self.file.identity()
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
        self.checkpoint_held(guard.as_ref(), mode, &Interrupt::default())
    }

    /// Closes all connections. SQLite checkpoints the WAL when no other process has the database open.
    ///
    /// # Blocking
    /// For as long as that checkpoint takes.
    pub fn close(&self) {
        self.close_connections();
        lock::let_go();
    }

    fn close_connections(&self) {
        self.end_changes();
        let is_lost = self.file.has_lost_companions();
        // The reader first: it tells that the database is closed.
        let reader = locked(&self.reader).take();
        let idle = std::mem::take(&mut *locked(&self.readers));
        let (checkpointer, writer) = (locked(&self.checkpointer).take(), locked(&self.writer).take());
        if is_lost {
            reader.iter().chain(&idle).for_each(ReadConnection::forgo_checkpoint);
            checkpointer.iter().for_each(Checkpointer::forgo_checkpoint);
            writer.iter().for_each(Writer::forgo_checkpoint);
        }
        drop((reader, idle, checkpointer, writer));
    }

    /// Sees to it that the loss of the -wal or the -shm is noticed, when another connection `is_in_wal_mode`. The reading connection
    /// takes part then, too: it stays open until the end, so that nobody may remove them.
    fn watch_companions(&self, is_in_wal_mode: impl FnOnce() -> bool) {
        if self.file.has_known_companions() {
            return;
        }
        // While it reads somewhere else, there will be another occasion.
        if let Some(mut reader) = try_locked(&self.reader)
            && let Some(reader) = reader.as_mut()
            && (reader.is_in_wal_mode() || (is_in_wal_mode() && reader.join_wal_mode()))
        {
            self.file.note_companions();
        }
    }

    pub(crate) fn checkpoint_held(
        &self,
        _proof: Option<&WriteGuard>,
        mode: CheckpointMode,
        interrupt: &Interrupt,
    ) -> Result<Checkpoint, Error> {
        self.file.check()?;
        let mut checkpointer = locked(&self.checkpointer);
        if locked(&self.reader).is_none() {
            return Err(Error::Closed);
        }
        let checkpointer = match &mut *checkpointer {
            Some(open) => open,
            none => {
                let opened = none.insert(Checkpointer::open(self.path(), &self.options)?);
                // Has it opened the files of the others?
                self.file.check()?;
                opened
            }
        };
        Ok(checkpointer.run(mode, interrupt)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close_connections();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// A new database, there as long as its directory is.
    pub(super) fn temporary() -> TestResult<(tempfile::TempDir, Database)> {
        let dir = tempfile::tempdir()?;
        let db = Database::open(dir.path().join("app.db"))?;
        Ok((dir, db))
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
}
