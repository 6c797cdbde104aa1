//! A database at rest: its files show that no program has it open, and that no program was killed
//! while it wrote.
//!
//! SQLite needs a `-shm` to read a WAL database. Without write access it can neither find nor make
//! one. But the whole database is in its file then. So the file is read without locks, as an
//! immutable one: <https://www.sqlite.org/uri.html#uriimmutable>. Nothing keeps other programs from
//! writing meanwhile. So the files are compared before and after each read. If they have changed in
//! between, the result is thrown away.
//!
//! Only stat(2) is used. To open the file and close it again would drop the locks that SQLite has
//! on it in this process.

#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::companion::{JOURNAL, WAL, beside};
use super::interrupt::pause_briefly;
use crate::os::Stamp;

/// Two changes within one tick of the kernel's clock leave the same times. After a pause as long as this, the next change leaves
/// others.
const TICKS: Duration = Duration::from_millis(20);

/// How long to wait for such a pause.
const PATIENCE: Duration = Duration::from_millis(200);

/// The files of a database at rest, as they were.
#[derive(Debug)]
pub(super) struct AtRest {
    file: PathBuf,
    wal: PathBuf,
    journal: PathBuf,
    stamp: Stamp,
}

impl AtRest {
    /// `None` when the database is in use, when a program was killed while writing to it, and when it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        // SQLite's own files are beside the file that a symbolic link leads to.
        let file = path.canonicalize().ok()?;
        let (wal, journal) = (beside(&file, WAL), beside(&file, JOURNAL));
        let give_up = Instant::now() + PATIENCE;
        loop {
            let stamp = stamp(&file, &wal, &journal)?;
            if !is_recent(&stamp) {
                return Some(Self { file, wal, journal, stamp });
            }
            if Instant::now() >= give_up {
                return None;
            }
            pause_briefly();
        }
    }

    /// Are its files still as they were? If so, all that was read meanwhile is of one state.
    pub(super) fn holds(&self) -> bool {
        stamp(&self.file, &self.wal, &self.journal).as_ref() == Some(&self.stamp)
    }
}

/// `None` when one of the other two is there.
fn stamp(file: &Path, wal: &Path, journal: &Path) -> Option<Stamp> {
    let found = Stamp::of(file).ok()?;
    let is_absent = |path| std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    (is_absent(wal) && is_absent(journal)).then_some(found)
}

/// May the file be changed again without a change of its times?
fn is_recent(stamp: &Stamp) -> bool {
    let (seconds, nanoseconds) = stamp.changed();
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else { return false };
    let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    // A time in the future is that of another clock, which tells nothing.
    SystemTime::now().duration_since(changed).is_ok_and(|age| age < TICKS)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::os;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn database() -> std::io::Result<(tempfile::TempDir, PathBuf)> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().canonicalize()?.join("app.db");
        fs::write(&path, "one")?;
        Ok((dir, path))
    }

    #[test]
    fn a_file_that_was_written_just_now_is_waited_for() -> TestResult {
        let (_dir, path) = database()?;
        let at_rest = AtRest::of(&path).ok_or("not at rest")?;
        assert!(!is_recent(&at_rest.stamp));
        assert!(at_rest.holds());
        Ok(())
    }

    #[test]
    fn a_write_a_journal_a_wal_and_another_file_all_end_it() -> TestResult {
        let (_dir, path) = database()?;
        let changes: [fn(&Path) -> std::io::Result<()>; 4] = [
            |path| fs::write(path, "two"),
            |path| fs::write(beside(path, WAL), ""),
            |path| fs::write(beside(path, JOURNAL), ""),
            |path| fs::write(beside(path, "-new"), "one").and_then(|()| fs::rename(beside(path, "-new"), path)),
        ];
        for (n, change) in changes.iter().enumerate() {
            let at_rest = AtRest::of(&path).ok_or("not at rest")?;
            change(&path)?;
            assert!(!at_rest.holds(), "change {n}");
            for companion in [WAL, JOURNAL] {
                let companion = beside(&path, companion);
                assert!(!companion.exists() || AtRest::of(&path).is_none(), "change {n}");
                let _ = fs::remove_file(companion);
            }
        }
        Ok(())
    }

    #[test]
    fn a_symbolic_link_is_at_rest_when_its_target_is() -> TestResult {
        let (dir, path) = database()?;
        let link = dir.path().join("link.db");
        os::symlink(&path, &link)?;
        assert!(AtRest::of(&link).is_some());
        fs::write(beside(&path, WAL), "")?;
        assert!(AtRest::of(&link).is_none());
        Ok(())
    }

    #[test]
    fn what_is_not_there_is_not_at_rest() -> TestResult {
        let (dir, _) = database()?;
        assert!(AtRest::of(&dir.path().join("none.db")).is_none());
        Ok(())
    }
}
