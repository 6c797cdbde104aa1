//! The lock file of a claim: found or made, and the holder text read.
//!
//! It knows nothing of queues, threads or deadlines. [`super`] describes the order of its steps.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::claim::{Claim, NewFile};
use super::seam::LockFiles;
use super::{Error, holder};
use crate::os::{self, Access, Attributes, Entry, Identity, LockFile, Watch};

/// Longest holder text that is read, in bytes: a lock file full of garbage stays a small error
/// message.
const HOLDER_TEXT_MAX_BYTES: u64 = 4096;

/// The lock files of the file system.
pub(super) struct FileSystem;

impl LockFiles for FileSystem {
    fn open(&self, claim: &Claim) -> Result<Arc<dyn LockFile>, Error> {
        let path = claim.lock_path.as_path();
        let fail = |error| Error::io("open", path, error);
        loop {
            // Without making it first: when a lock file of another user is in a sticky directory,
            // Linux refuses to open it if it may be made (`fs.protected_regular`).
            let file = match os::open(path, Access::Write).map_err(fail)? {
                Entry::Regular(file) => file,
                Entry::Other => return Err(Error::NotRegular { path: path.to_owned() }),
                Entry::Missing => match os::create(path, attributes(&claim.new_file)) {
                    // Another process was quicker. Its file is the lock file.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    made => made.map_err(fail)?,
                },
            };
            let file = os::lock_file(file, path).map_err(|error| Error::io("fstat", path, error))?;
            return Ok(file.into());
        }
    }

    fn current(&self, claim: &Claim) -> Option<Identity> {
        Identity::of_entry(&claim.lock_path).ok()
    }

    fn holder(&self, claim: &Claim) -> Option<String> {
        let text = holder::clean(&os::holder_text(&claim.lock_path, HOLDER_TEXT_MAX_BYTES)?);
        (!text.is_empty()).then_some(text)
    }

    fn watch(&self, path: &Path) -> Option<Box<dyn Watch>> {
        os::watch(path)
    }
}

fn attributes(new_file: &NewFile) -> Attributes {
    match new_file {
        NewFile::Mode(mode) => Attributes::with_mode(*mode),
        NewFile::LikeDatabase(database) => Attributes::like(database),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as StdError;

    type TestResult = Result<(), Box<dyn StdError>>;

    fn claim(dir: &Path) -> Claim {
        Claim { lock_path: dir.join("db.lock"), label: None, new_file: NewFile::Mode(0o600), of_database: false }
    }

    #[test]
    fn two_open_files_exclude_each_other() -> TestResult {
        let dir = tempfile::tempdir()?;
        let first = FileSystem.open(&claim(dir.path()))?;
        let second = FileSystem.open(&claim(dir.path()))?;
        assert!(first.try_lock()?);
        assert!(!second.try_lock()?);
        first.unlock()?;
        assert!(second.try_lock()?);
        Ok(())
    }

    #[test]
    fn a_file_that_was_replaced_is_not_the_current_one() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        let file = FileSystem.open(&claim)?;
        assert_eq!(FileSystem.current(&claim), Some(file.id()));
        std::fs::remove_file(&claim.lock_path)?;
        assert_eq!(FileSystem.current(&claim), None);
        FileSystem.open(&claim)?;
        assert_ne!(FileSystem.current(&claim), Some(file.id()));
        Ok(())
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_left_alone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        std::fs::create_dir(&claim.lock_path)?;
        assert!(matches!(FileSystem.open(&claim), Err(Error::NotRegular { .. })));
        assert_eq!(FileSystem.holder(&claim), None);
        assert!(claim.lock_path.is_dir());
        Ok(())
    }

    #[test]
    fn announcing_replaces_a_longer_text() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        std::fs::write(&claim.lock_path, "x".repeat(9000))?;
        let file = FileSystem.open(&claim)?;
        file.announce("pid:1\n")?;
        assert_eq!(std::fs::read_to_string(&claim.lock_path)?, "pid:1\n");
        assert_eq!(FileSystem.holder(&claim).as_deref(), Some("pid:1"));
        file.clear()?;
        assert_eq!(FileSystem.holder(&claim), None);
        Ok(())
    }

    #[test]
    fn a_lock_file_full_of_garbage_gives_a_short_text() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        std::fs::write(&claim.lock_path, vec![0xFF; 10 << 20])?;
        let text = FileSystem.holder(&claim).ok_or("a text")?;
        assert!(text.chars().count() <= 4096);
        Ok(())
    }
}
