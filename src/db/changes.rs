//! Telling of commits, by whatever process.
//!
//! Every commit to a WAL database changes the header of the WAL index, which is in the memory that all processes share. One thread
//! for each database compares it, as long as somebody waits for a commit. It is told when to look: every commit writes to the -wal,
//! and every holder writes to db.lock. SQLite writes the -wal first and the header later, without a further event. So the thread
//! looks several times after an event. Where no event tells of a write, it looks every few ms.
//!
//! It looks through a connection of its own, which keeps no snapshot. It opens no file by itself: on POSIX, closing a descriptor of
//! the database would drop the locks that SQLite has on it.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::Database;
use super::mutex::locked;
pub use super::watching::Change;
#[cfg(feature = "node")]
pub(crate) use super::watching::Source;
use super::watching::{Hub, Watching};
use crate::sqlite::{Memory, ReadConnection};
use crate::{Error, lock, threads};

/// Tells of commits, see [`Database::changes`].
pub struct Changes {
    hub: Arc<Mutex<Hub>>,
    watching: Arc<Watching>,
    id: u64,
}

impl Database {
    /// Tells of the commits that are made from now on: by this process or another one, with or without the lock.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Replaced`], [`Error::Sqlite`], and [`Error::Lock`] when there is no further thread.
    pub fn changes(&self) -> Result<Changes, Error> {
        let mut hub = locked(&self.hub);
        if hub.closed {
            return Err(Error::Closed);
        }
        self.file.check()?;
        let watching = if let Some(watching) = &hub.watching {
            Arc::clone(watching)
        } else {
            let watching = Arc::new(self.watching()?);
            let there = Arc::clone(&watching);
            threads::spawn("sqlock-changes", move || there.run())
                .map_err(|error| lock::Error::io("pthread_create", self.path(), error))?;
            Arc::clone(hub.watching.insert(watching))
        };
        let id = watching.add();
        drop(hub);
        self.watch_companions(|| watching.is_wal());
        Ok(Changes { hub: Arc::clone(&self.hub), watching, id })
    }

    fn watching(&self) -> Result<Watching, Error> {
        let open = || {
            let settings = Arc::clone(&self.settings);
            let connection = ReadConnection::open(self.path(), &self.options, Memory::Little, settings)?;
            // Has it opened the files of the others?
            self.file.check().inspect_err(|_| connection.forgo_checkpoint())?;
            Ok(connection)
        };
        Watching::of(Arc::clone(&self.file), self.locker.lock_path(), open)
    }

    /// How commits are noticed; `None` while nobody has subscribed.
    #[cfg(feature = "node")]
    pub(crate) fn changes_source(&self) -> Option<Source> {
        locked(&self.hub).watching.as_deref().map(Watching::source)
    }

    /// Ends all waits, and each one that comes later.
    pub(crate) fn end_changes(&self) {
        let mut hub = locked(&self.hub);
        hub.closed = true;
        let watching = hub.watching.take();
        drop(hub);
        if let Some(watching) = watching {
            watching.end();
        }
    }
}

impl Changes {
    /// Waits for the next commit, for `interval` at most. A commit that was made since the wait before ends it at once. Several
    /// commits may end one wait.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    ///
    /// # Blocking
    /// Until then.
    pub fn wait(&self, interval: Option<Duration>) -> Result<Change, Error> {
        let (sender, receiver) = mpsc::channel();
        self.tell(interval, move |outcome| {
            // The receiver is there until it has the outcome.
            let _ = sender.send(outcome);
        });
        receiver.recv().unwrap_or(Ok(Change::End))
    }

    /// The same without blocking: `told` is called once, on whatever thread. A wait ends the one before.
    pub(crate) fn tell(&self, interval: Option<Duration>, told: impl FnOnce(Result<Change, Error>) + Send + 'static) {
        self.watching.wait(self.id, interval, Box::new(told));
    }

    /// Ends it, and its wait. The thread ends with the last one.
    pub(crate) fn end(&self) {
        let mut hub = locked(&self.hub);
        let is_last = self.watching.remove(self.id);
        if is_last && hub.watching.as_ref().is_some_and(|watching| Arc::ptr_eq(watching, &self.watching)) {
            hub.watching = None;
        }
        drop(hub);
        if is_last {
            self.watching.end();
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::{TestResult, temporary};
    use crate::sqlite::CheckpointMode;

    const LONG: Option<Duration> = Some(Duration::from_secs(60));
    const SHORT: Option<Duration> = Some(Duration::from_millis(1));

    #[test]
    fn each_commit_ends_a_wait_whoever_makes_it() -> TestResult {
        let (_dir, db) = temporary()?;
        let changes = db.changes()?;
        assert_eq!(changes.wait(SHORT)?, Change::Interval);
        // The first write makes it a WAL database.
        for n in 0..20 {
            if n % 2 == 0 {
                db.create_record("ours", n)?;
            } else {
                Database::open(db.path())?.create_record("theirs", n)?;
            }
            while changes.wait(LONG)? != Change::Commit {}
        }
        db.checkpoint(CheckpointMode::Truncate)?;
        while changes.wait(SHORT)? == Change::Commit {}
        db.create_record("after the WAL has begun anew", 1)?;
        assert_eq!(changes.wait(LONG)?, Change::Commit);
        Ok(())
    }

    #[test]
    fn a_commit_between_two_waits_is_told_of_by_the_second() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let changes = db.changes()?;
        for n in 0..20 {
            db.create_record("b", n)?;
            assert_eq!(changes.wait(LONG)?, Change::Commit);
        }
        Ok(())
    }

    #[test]
    fn close_and_drop_end_the_waits_and_later_ones() -> TestResult {
        let (_dir, db) = temporary()?;
        let (one, other) = (db.changes()?, db.changes()?);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| one.wait(None));
            let (sender, receiver) = mpsc::channel();
            other.tell(None, move |outcome| drop(sender.send(outcome)));
            drop(other);
            assert!(matches!(receiver.recv(), Ok(Ok(Change::End))));
            db.close();
            assert!(matches!(waiting.join(), Ok(Ok(Change::End))));
        });
        assert_eq!(one.wait(None)?, Change::End);
        assert!(matches!(db.changes(), Err(Error::Closed)));
        Ok(())
    }

    #[test]
    fn a_database_that_is_replaced_is_an_error() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let changes = db.changes()?;
        std::fs::remove_file(db.path())?;
        assert!(matches!(changes.wait(LONG), Err(Error::Replaced { .. })));
        assert!(matches!(db.changes(), Err(Error::Replaced { .. })));
        Ok(())
    }
}
