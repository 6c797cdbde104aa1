//! The file of a database, and whether it is still at its path: a row in a file that nobody else can open is lost.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::held;
use crate::Error;
use crate::lock::{self, Identity};

/// How long a read may go on with a file that was deleted or replaced.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// The file that was opened.
pub(super) struct DatabaseFile {
    path: PathBuf,
    identity: Identity,
    /// When a read last saw that it is still there.
    checked: Mutex<Option<Instant>>,
}

impl DatabaseFile {
    /// What is at `path` now.
    pub(super) fn at(path: PathBuf) -> Result<Self, Error> {
        let identity = Identity::of_file(&path).map_err(|error| lock::Error::io("stat", &path, error))?;
        Ok(Self { path, identity, checked: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(feature = "node")]
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Is it what is at `path`?
    pub(super) fn is_at(&self, path: &Path) -> bool {
        Identity::of_file(path).ok() == Some(self.identity)
    }

    /// # Errors
    /// [`Error::Replaced`] when it is no longer at its path.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_at(&self.path) { Ok(()) } else { Err(Error::Replaced { path: self.path.clone() }) }
    }

    /// The same for a read, of which there are too many to look each time.
    pub(super) fn check_at_times(&self) -> Result<(), Error> {
        let now = Instant::now();
        let mut checked = held(&self.checked);
        if checked.is_some_and(|checked| now.duration_since(checked) < CHECK_EVERY) {
            return Ok(());
        }
        self.check()?;
        *checked = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use crate::db::tests::{TestResult, temporary};

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
}
