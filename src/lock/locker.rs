//! The lock as a Rust program uses it.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::Error;
use super::claim::{Claim, LockOptions, NewFile};
use super::directory::absolute;
use super::owner::Owner;
use super::queue::{Queue, Request, Settle, WriteGuard, let_go, queue_of};
use super::status::Status;

/// Permission bits of a lock file that belongs to no database: its owner's alone.
const DEFAULT_MODE: u32 = 0o600;

/// Exclusive, cross-process lock on `<base_dir>/db.lock`.
///
/// The kernel frees the lock when the process ends for whatever reason: there is no stale time and no heartbeat. The
/// file is never deleted. A locker may be shared by threads; each hold is a [`WriteGuard`] of its own, and two lockers
/// on one directory exclude each other within a process as they do between processes.
///
/// ```
/// use sqlock::WriteLocker;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = tempfile::tempdir()?;
/// let locker = WriteLocker::new(dir.path())?;
/// let guard = locker.acquire(Duration::from_millis(500))?;
/// // Nobody else writes here now.
/// guard.release()?;
/// # Ok(())
/// # }
/// ```
pub struct WriteLocker {
    base_dir: PathBuf,
    claim: Arc<Claim>,
}

impl WriteLocker {
    /// A locker for the directory `base_dir`, which is made absolute now: a later `chdir` changes nothing.
    ///
    /// # Errors
    /// [`Error::Io`] when `base_dir` is no directory or cannot be looked at.
    pub fn new(base_dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_options(base_dir, LockOptions::default())
    }

    /// Like [`new`](Self::new), with a label or other permission bits for a new lock file.
    ///
    /// # Errors
    /// [`Error::Io`] when `base_dir` is no directory or cannot be looked at.
    pub fn with_options(base_dir: impl AsRef<Path>, options: LockOptions) -> Result<Self, Error> {
        let new_file = NewFile::Mode(options.mode.unwrap_or(DEFAULT_MODE));
        Self::open(base_dir.as_ref(), options.label, new_file, false)
    }

    /// The locker of a database: a new lock file gets the permission bits of the database, unless told otherwise.
    pub(crate) fn for_database(database: &Path, base_dir: &Path, options: LockOptions) -> Result<Self, Error> {
        let new_file = options.mode.map_or_else(|| NewFile::LikeDatabase(database.to_owned()), NewFile::Mode);
        Self::open(base_dir, options.label, new_file, true)
    }

    fn open(base_dir: &Path, label: Option<String>, new_file: NewFile, of_database: bool) -> Result<Self, Error> {
        let base_dir = absolute(base_dir).map_err(|error| Error::io("realpath", base_dir, error))?;
        // Tells at once when there is no directory.
        queue_of(&base_dir)?;
        let claim = Arc::new(Claim { lock_path: base_dir.join("db.lock"), label, new_file, of_database });
        Ok(Self { base_dir, claim })
    }

    /// The path of the lock file, `<base_dir>/db.lock`.
    #[must_use]
    pub fn lock_path(&self) -> &Path {
        &self.claim.lock_path
    }

    /// Takes the lock, waiting for at most `timeout`.
    ///
    /// # Blocking
    /// Blocks the calling thread until the lock is granted or `timeout` has passed.
    ///
    /// # Errors
    /// [`Error::Timeout`] when somebody else held the lock all the time; [`Error::NotRegular`] and [`Error::Io`] when
    /// the lock file cannot be used.
    pub fn acquire(&self, timeout: Duration) -> Result<WriteGuard, Error> {
        if let Some(guard) = self.attempt(!timeout.is_zero())? {
            return Ok(guard);
        }
        let (sender, receiver) = mpsc::channel();
        // The receiver is there until the entry has settled.
        let tell = move |outcome| drop(sender.send(outcome));
        self.queue()?.wait(Request { is_brief: true, ..self.request(Some(timeout), 0.into(), Box::new(tell)) });
        receiver.recv().unwrap_or(Err(Error::Cancelled))
    }

    /// One attempt: a guard, or `None` when somebody holds the lock or waits for it in this process.
    ///
    /// # Errors
    /// [`Error::NotRegular`] and [`Error::Io`] when the lock file cannot be used.
    pub fn try_acquire(&self) -> Result<Option<WriteGuard>, Error> {
        self.attempt(false)
    }

    /// See [`Queue::try_acquire`].
    pub(crate) fn attempt(&self, in_turn: bool) -> Result<Option<WriteGuard>, Error> {
        self.queue()?.try_acquire(&self.claim, in_turn)
    }

    /// Who holds the lock, without disturbing anybody.
    ///
    /// # Errors
    /// [`Error::Io`] when the lock file cannot be looked at.
    pub fn status(&self) -> Result<Status, Error> {
        Status::read(&self.claim)
    }

    pub(crate) fn request(&self, timeout: Option<Duration>, owner: Owner, settle: Settle) -> Request {
        Request { claim: Arc::clone(&self.claim), timeout, owner, is_brief: false, settle }
    }

    /// The queue of the directory that is at `base_dir` now: it may be another one than at the last call, when the
    /// directory was made anew or a link to it was changed.
    pub(crate) fn queue(&self) -> Result<Arc<Queue>, Error> {
        queue_of(&self.base_dir)
    }
}

impl Drop for WriteLocker {
    fn drop(&mut self) {
        let_go();
    }
}
