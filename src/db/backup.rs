//! A copy of the database, made while other connections write to it.
//!
//! The copy is made beside its destination. It takes the place of the destination when it is
//! complete, so no program ever finds half of a copy there.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::Database;
use super::mutex::locked;
use crate::Error;
use crate::lock::{self, Replacement};
use crate::sqlite::{self, Copier, Interrupt, JOURNAL, Progress, SHM, WAL, beside};

/// How many pages are copied in a step, unless told otherwise.
const PAGES_PER_STEP: i32 = 256;

/// How often a copy without locks is begun anew when the database is changed under it.
const RESTARTS: u32 = 3;

/// What SQLite puts beside a database. What lies there belongs to the file that is to be replaced, and SQLite would apply it to
/// the new one: <https://www.sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use>.
const COMPANIONS: [&str; 3] = [WAL, SHM, JOURNAL];

/// The names of the lock file of any directory and of what is beside it on Windows. Some file systems make no difference between
/// `A` and `a`.
const LOCK_FILES: [&str; 2] = ["db.lock", "db.lock.holder"];

impl Database {
    /// Copies the database to `destination`, replacing what is there, and gives the number of its pages. What is committed when
    /// it begins is in it. Does not take the lock: others write meanwhile, and the WAL grows until the copy is done.
    ///
    /// The copy has a rollback journal, so that it opens anywhere; it becomes a WAL database with its first write by sqlock.
    /// It has the permission bits of the database. What a process that is killed leaves beside the destination is removed by the next
    /// backup to it.
    ///
    /// # Errors
    /// [`Error::Destination`] when the destination cannot be that of a backup, [`Error::Lock`] when it is in use, or the operating
    /// system refuses, [`Error::Sqlite`], [`Error::Replaced`], [`Error::Closed`]. What is at the destination is unchanged then.
    pub fn backup(&self, destination: impl AsRef<Path>) -> Result<u32, Error> {
        let pages = self.backup_in_steps(destination.as_ref(), PAGES_PER_STEP, &Interrupt::default(), |_| true)?;
        Ok(pages.unsigned_abs())
    }

    /// The same, called off by `interrupt`, or by `on_step`, which is told after each step and says whether to go on.
    pub(crate) fn backup_in_steps(
        &self,
        destination: &Path,
        pages_per_step: i32,
        interrupt: &Interrupt,
        on_step: impl FnMut(Progress) -> bool,
    ) -> Result<i32, Error> {
        let destination =
            std::path::absolute(destination).map_err(|error| lock::Error::io("getcwd", destination, error))?;
        self.check_destination(&destination)?;
        if locked(&self.reader).is_none() {
            return Err(Error::Closed);
        }
        let copier = self.open_copier()?;
        let copy = Replacement::begin(&destination, self.path())?;
        let pages = self.copy(copier, &copy, pages_per_step, interrupt, on_step)?;
        sqlite::leave_wal_mode(copy.file()).map_err(|error| lock::Error::io("pwrite", copy.path(), error))?;
        self.check_destination(&destination)?;
        copy.take_place()?;
        Ok(pages)
    }

    fn open_copier(&self) -> Result<Copier, Error> {
        self.file.check()?;
        let copier = Copier::open(self.path(), &self.options)?;
        // Is it that one that was opened now?
        self.file.check()?;
        Ok(copier)
    }

    /// Copies to `copy`, and begins anew when the database is changed under a copy without locks. Closes the connection: the disk
    /// may take its time to sync, and the snapshot keeps checkpoints from their end.
    fn copy(
        &self,
        mut copier: Copier,
        copy: &Replacement,
        pages_per_step: i32,
        interrupt: &Interrupt,
        mut on_step: impl FnMut(Progress) -> bool,
    ) -> Result<i32, Error> {
        for _ in 0..RESTARTS {
            match copier.run(copy.path(), pages_per_step, interrupt, &mut on_step) {
                Err(error) if error.is_of_a_change() => {}
                outcome => return Ok(outcome?),
            }
            copy.file().set_len(0).map_err(|error| lock::Error::io("ftruncate", copy.path(), error))?;
            copier = self.open_copier()?;
        }
        Ok(copier.run(copy.path(), pages_per_step, interrupt, on_step)?)
    }

    fn check_destination(&self, destination: &Path) -> Result<(), Error> {
        let refused = |reason| Err(Error::Destination { path: destination.to_owned(), reason });
        let Some(name) = destination.file_name().map(|name| name.to_string_lossy()) else {
            return refused("a directory");
        };
        if LOCK_FILES.iter().any(|lock_file| name.eq_ignore_ascii_case(lock_file)) {
            return refused("a lock file");
        }
        if COMPANIONS.iter().any(|companion| name.to_ascii_lowercase().ends_with(companion)) {
            return refused("a file that SQLite makes beside a database");
        }
        if let Ok(metadata) = std::fs::metadata(destination) {
            if !metadata.is_file() {
                return refused(if metadata.is_dir() { "a directory" } else { "a device, FIFO or socket" });
            }
            if self.file.is_at(destination) {
                return refused("the database itself");
            }
        }
        match in_use(destination) {
            Some(path) => Err(lock::Error::io("rename", &path, lock::busy()).into()),
            None => Ok(()),
        }
    }
}

/// What shows that the database at `path` is open somewhere, or was not closed.
fn in_use(path: &Path) -> Option<PathBuf> {
    let left = COMPANIONS
        .iter()
        .map(|companion| beside(path, companion))
        .find(|companion| companion.symlink_metadata().is_ok());
    left.or_else(|| sqlite::has_open(path).then(|| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::{TestResult, temporary};

    #[test]
    fn a_backup_is_a_database_with_nothing_beside_it() -> TestResult {
        let (dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let place = dir.path().join("deep/copy.db");
        assert!(matches!(db.backup(&place), Err(Error::Lock(lock::Error::Io { syscall: "open", .. }))));
        std::fs::create_dir(dir.path().join("deep"))?;
        let pages = db.backup(&place)?;
        assert_eq!(std::fs::metadata(&place)?.len(), u64::from(pages) * 4096);
        assert_eq!(std::fs::read_dir(dir.path().join("deep"))?.count(), 1);
        assert_eq!(std::fs::read(&place)?[18..20], [1, 1]);
        let copy = Database::open(&place)?;
        assert_eq!(copy.records()?, db.records()?);
        assert_eq!(copy.create_record("b", 2)?, 2);
        Ok(())
    }

    #[test]
    fn a_backup_of_an_empty_file_is_a_database() -> TestResult {
        let dir = tempfile::tempdir()?;
        let db = Database::open(dir.path().join("app.db"))?;
        db.backup(dir.path().join("copy.db"))?;
        assert_eq!(Database::open(dir.path().join("copy.db"))?.create_record("a", 1)?, 1);
        Ok(())
    }

    #[test]
    fn commits_after_the_first_step_neither_restart_a_backup_nor_are_in_it() -> TestResult {
        let (dir, db) = temporary()?;
        for _ in 0..50 {
            db.create_record(&"x".repeat(4000), 2)?;
        }
        let place = dir.path().join("copy.db");
        let before = db.records()?;
        let mut left = Vec::new();
        db.backup_in_steps(&place, 8, &Interrupt::default(), |progress| {
            left.push(progress.remaining_pages);
            db.create_record(&"y".repeat(4000), 3).is_ok()
        })?;
        assert!(left.len() > 4 && left.is_sorted_by(|a, b| a > b), "{left:?}");
        assert_eq!(Database::open(&place)?.records()?, before);
        Ok(())
    }

    #[test]
    fn a_database_without_a_wal_comes_to_its_end_although_others_write() -> TestResult {
        let (dir, _) = temporary()?;
        let path = dir.path().join("plain.db");
        let writer = crate::sqlite::Connection::open(&path)?;
        writer.busy_timeout(std::time::Duration::ZERO)?;
        writer.execute_batch("CREATE TABLE t (a)")?;
        for _ in 0..50 {
            writer.execute("INSERT INTO t VALUES (zeroblob(4000))", [])?;
        }
        let place = dir.path().join("copy.db");
        let mut written = 0;
        Database::open(&path)?.backup_in_steps(&place, 8, &Interrupt::default(), |_| {
            written += u32::from(writer.execute("INSERT INTO t VALUES (zeroblob(4000))", []).is_ok());
            true
        })?;
        assert!(written > 0);
        let copied: u32 = Database::open(&place)?
            .with_write_lock(|copy| copy.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))??;
        assert!((50..=50 + written).contains(&copied));
        Ok(())
    }

    #[test]
    fn a_backup_that_is_called_off_at_any_step_leaves_nothing() -> TestResult {
        let (dir, db) = temporary()?;
        db.create_record("a", 1)?;
        let place = dir.path().join("copy.db");
        std::fs::write(&place, "old")?;
        let files = || std::fs::read_dir(dir.path()).map(Iterator::count);
        let before = files()?;
        let mut steps = 0;
        db.backup_in_steps(&dir.path().join("whole.db"), 1, &Interrupt::default(), |_| {
            steps += 1;
            true
        })?;
        std::fs::remove_file(dir.path().join("whole.db"))?;
        for last in 1..=steps {
            let mut step = 0;
            let outcome = db.backup_in_steps(&place, 1, &Interrupt::default(), |_| {
                step += 1;
                step < last
            });
            assert!(matches!(outcome, Err(Error::Sqlite(_))));
            assert_eq!(std::fs::read_to_string(&place)?, "old");
            assert_eq!(files()?, before);
        }
        Ok(())
    }
}
