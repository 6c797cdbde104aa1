//! The files of a database, and whether they are still at their paths. If the file was replaced, a
//! row that is written to the old file is lost: no other program can open that file.
//!
//! The same is true of the `-wal` and the `-shm`. If they are deleted, a write goes where no other
//! program sees it, and a checkpoint copies an old WAL over later commits of other programs. SQLite
//! removes these files only when the last connection is closed, or when the database leaves WAL
//! mode. While a connection of ours takes part in WAL mode, they therefore stay. From then on their
//! device and inode are known and compared. All of this is done with stat(2).

#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::mutex::locked;
use crate::Error;
use crate::lock::{self, Identity};
use crate::sqlite::{SHM, WAL, beside};

/// How long a read may go on with a file that was deleted or replaced.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// The file that was opened.
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// The same without links.
    real_path: PathBuf,
    identity: Identity,
    wal: Companion,
    shm: Companion,
    /// When a read last saw that it is still there.
    checked: Mutex<Option<Instant>>,
}

/// A file that SQLite keeps beside the database.
struct Companion {
    path: PathBuf,
    /// Which one it is; not known before a connection takes part in WAL mode.
    identity: OnceLock<Identity>,
    /// Was it once found deleted or replaced? Whatever is at its path later, SQLite has been at
    /// work without it.
    lost: AtomicBool,
}

impl Companion {
    fn at(path: PathBuf) -> Self {
        Self { path, identity: OnceLock::new(), lost: AtomicBool::new(false) }
    }

    /// Notes which file it is. To be called while a connection has it open.
    fn note(&self) {
        match Identity::of_file(&self.path) {
            Ok(identity) => drop(self.identity.set(identity)),
            Err(error) if error.kind() == ErrorKind::NotFound => self.lost.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
    }

    fn is_known(&self) -> bool {
        self.identity.get().is_some()
    }

    fn is_lost(&self) -> bool {
        let Some(identity) = self.identity.get() else { return self.lost.load(Ordering::Relaxed) };
        let is_there = match Identity::of_file(&self.path) {
            Ok(found) => found == *identity,
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if !is_there {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }
}

impl DatabaseFile {
    /// What is at `path` now.
    pub(super) fn at(path: PathBuf) -> Result<Self, Error> {
        let identity = Identity::of_file(&path).map_err(|error| lock::Error::io("stat", &path, error))?;
        // SQLite follows a symbolic link, and makes its files beside what the link leads to.
        let real = path.canonicalize().map_err(|error| lock::Error::io("realpath", &path, error))?;
        let companion = |suffix| Companion::at(beside(&real, suffix));
        let (wal, shm) = (companion(WAL), companion(SHM));
        Ok(Self { path, real_path: real, identity, wal, shm, checked: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn real_path(&self) -> &Path {
        &self.real_path
    }

    pub(super) fn wal_path(&self) -> &Path {
        &self.wal.path
    }

    #[cfg(feature = "node")]
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Is it what is at `path`?
    pub(super) fn is_at(&self, path: &Path) -> bool {
        Identity::of_file(path).ok() == Some(self.identity)
    }

    /// Are its `-wal` and `-shm` known?
    pub(super) fn has_known_companions(&self) -> bool {
        self.wal.is_known() && self.shm.is_known()
    }

    /// Notes which files the `-wal` and the `-shm` are. To be called while a connection takes part
    /// in WAL mode that stays open until the database is closed: nobody may remove them from then
    /// on.
    pub(super) fn note_companions(&self) {
        self.wal.note();
        self.shm.note();
    }

    /// Are the `-wal` and the `-shm` others than those that SQLite has open here? A checkpoint
    /// would then copy an old WAL over what others have committed.
    pub(super) fn has_lost_companions(&self) -> bool {
        self.lost_companion().is_some()
    }

    fn lost_companion(&self) -> Option<&Companion> {
        [&self.wal, &self.shm].into_iter().find(|companion| companion.is_lost())
    }

    /// # Errors
    /// [`Error::Replaced`] when it, its `-wal` or its `-shm` is no longer at its path.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_itself()?;
        self.lost_companion().map_or(Ok(()), |companion| replaced(&companion.path))
    }

    /// The same without the `-wal` and the `-shm`.
    pub(super) fn check_itself(&self) -> Result<(), Error> {
        if self.is_at(&self.path) { Ok(()) } else { replaced(&self.path) }
    }

    /// The same for a read, of which there are too many to look each time.
    pub(super) fn check_at_times(&self) -> Result<(), Error> {
        let now = Instant::now();
        let mut checked = locked(&self.checked);
        if checked.is_some_and(|checked| now.duration_since(checked) < CHECK_EVERY) {
            return Ok(());
        }
        self.check()?;
        *checked = Some(now);
        Ok(())
    }
}

fn replaced(path: &Path) -> Result<(), Error> {
    Err(Error::Replaced { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use crate::db::tests::{TestResult, temporary};
    use crate::sqlite::CheckpointMode;

    #[test]
    fn a_file_that_was_deleted_or_replaced_is_not_written_to() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        std::fs::remove_file(db.path())?;
        assert!(matches!(db.create_record("b", 2), Err(Error::Replaced { .. })));
        Database::open(db.path())?.create_record("c", 3)?;
        assert!(matches!(db.create_record("d", 4), Err(Error::Replaced { .. })));
        assert_eq!(Database::open(db.path())?.records()?.len(), 1);
        Ok(())
    }

    /// A clean-up script deleted them under an open database. Writes resolved that nobody else ever
    /// saw, and `close()` copied the old WAL over 50 rows that another process had committed
    /// meanwhile.
    #[test]
    fn without_its_wal_or_shm_nothing_is_written_and_nothing_of_others_is_overwritten() -> TestResult {
        for lost in [&[WAL, SHM][..], &[WAL], &[SHM]] {
            let (_dir, db) = temporary()?;
            db.create_record("a", 1)?;
            db.checkpoint(CheckpointMode::Passive)?;
            for companion in lost {
                std::fs::remove_file(beside(db.path(), companion))?;
            }
            assert!(matches!(db.create_record("b", 2), Err(Error::Replaced { .. })), "{lost:?}");
            assert!(matches!(db.update_record(1, 2), Err(Error::Replaced { .. })), "{lost:?}");
            assert!(matches!(db.with_write_lock(|_| ()), Err(Error::Replaced { .. })), "{lost:?}");
            assert!(matches!(db.checkpoint(CheckpointMode::Passive), Err(Error::Replaced { .. })), "{lost:?}");
            assert!(matches!(db.checkpoint(CheckpointMode::Truncate), Err(Error::Replaced { .. })), "{lost:?}");
            assert!(matches!(db.backup(beside(db.path(), "-copy")), Err(Error::Replaced { .. })), "{lost:?}");
            let database = std::fs::read(db.path())?;
            db.close();
            assert_eq!(std::fs::read(db.path())?, database, "{lost:?}");
        }
        Ok(())
    }

    #[test]
    fn a_companion_that_comes_back_stays_lost() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let (wal, away) = (beside(db.path(), WAL), beside(db.path(), "-away"));
        std::fs::rename(&wal, &away)?;
        assert!(
            matches!(db.create_record("b", 2), Err(Error::Replaced { path }) if path == wal.canonicalize().unwrap_or(wal.clone()))
        );
        std::fs::rename(&away, &wal)?;
        assert!(matches!(db.create_record("c", 3), Err(Error::Replaced { .. })));
        Ok(())
    }

    /// What the last one to close removes is no loss to a database that has not read it.
    #[test]
    fn companions_may_come_and_go_before_a_database_takes_part_in_wal_mode() -> TestResult {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("app.db");
        let early = Database::open(&path)?;
        for n in 1..=3 {
            let other = Database::open(&path)?;
            assert_eq!(other.create_record("a", n)?, n);
            other.close();
            assert!(!beside(&path, WAL).exists());
        }
        assert_eq!(early.records()?.len(), 3);
        assert_eq!(early.create_record("b", 4)?, 4);
        // The reading connection takes part from now on, so that nobody can remove them.
        let other = Database::open(&path)?;
        other.create_record("c", 5)?;
        other.checkpoint(CheckpointMode::Truncate)?;
        other.with_write_lock(|connection| connection.execute_batch("VACUUM"))??;
        other.close();
        assert_eq!(early.create_record("d", 6)?, 6);
        assert_eq!(early.records()?.len(), 6);
        Ok(())
    }

    #[test]
    fn a_database_that_was_dropped_without_a_close_overwrites_nothing_either() -> TestResult {
        let (_dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let path = db.path().to_owned();
        for companion in [WAL, SHM] {
            std::fs::remove_file(beside(&path, companion))?;
        }
        let database = std::fs::read(&path)?;
        drop(db);
        assert_eq!(std::fs::read(&path)?, database);
        Ok(())
    }
}
