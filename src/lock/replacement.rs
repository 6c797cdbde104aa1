//! A file that is made beside another file and takes its place when it is complete. At any instant
//! the path has the old file or the new one, even if the process is killed.
//!
//! Until then, the process that makes the file has a flock on it. A file without a flock was left
//! behind by a process that was killed. The next process that makes one for the same path removes
//! it.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;
use crate::os::{self, Access, Attributes, Entry, Identity};

/// What its name has between the name of the file that it will replace, and two numbers.
const INFIX: &str = ".sqlock-";

/// How much of the name of the file that it will replace its own name begins with, in bytes. A name
/// may have 255 bytes, on eCryptfs 143, and what follows has up to 39.
const KEPT: usize = 100;

/// A file on its way to the place of another one. Dropped before it is there, it is removed.
pub(crate) struct Replacement {
    path: PathBuf,
    destination: PathBuf,
    file: File,
    /// Behind `file`, so that it is dropped when that is closed.
    after: Removal,
}

/// Removes a file when it is dropped.
#[derive(Default)]
struct Removal(PathBuf);

impl Replacement {
    /// Makes an empty file beside `destination`, with the permission bits and the owner of `model`.
    pub(crate) fn begin(destination: &Path, model: &Path) -> Result<Self, Error> {
        remove_abandoned(destination);
        loop {
            let path = next_path(destination);
            let file = match os::create(&path, Attributes::like(model)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| Error::io("open", &path, error))?,
            };
            let replacement = Self { path, destination: destination.to_owned(), file, after: Removal::default() };
            // Until it is claimed, somebody may take it for abandoned.
            if replacement.is_kept()? {
                return Ok(replacement);
            }
        }
    }

    /// Where it is made.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Puts it in its place, on the disk too.
    pub(crate) fn take_place(self) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| Error::io("fsync", &self.path, error))?;
        let (path, destination) = self.keep();
        os::rename(&path, &destination).map_err(|error| {
            remove(&path);
            Error::io("rename", &destination, error)
        })?;
        if let Some(directory) = destination.parent() {
            // As in SQLite its error counts for nothing: there are file systems whose directories
            // cannot be synced.
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }

    /// Closes the file. After the rename that would take away the locks of whoever has opened it by
    /// its new name, since POSIX locks belong to the process.
    fn keep(mut self) -> (PathBuf, PathBuf) {
        (std::mem::take(&mut self.path), std::mem::take(&mut self.destination))
    }

    /// Claims it. Is it still where it was made?
    fn is_kept(&self) -> Result<bool, Error> {
        let claimed = os::try_claim(&self.file).map_err(|error| Error::io(os::LOCK_CALL, &self.path, error))?;
        let id = Identity::of_open(&self.file).map_err(|error| Error::io("fstat", &self.path, error))?;
        Ok(claimed && Identity::of_file(&self.path).ok() == Some(id))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if os::OPEN_FILES_CANNOT_BE_DELETED {
            self.after = Removal(std::mem::take(&mut self.path));
        } else {
            remove(&self.path);
        }
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// A name that this process has not used. Another one may have, in a pid namespace of its own.
fn next_path(destination: &Path) -> PathBuf {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let mut name = prefix(destination);
    name.push(format!("{}-{number}", std::process::id()));
    destination.with_file_name(name)
}

/// Two long names may have one prefix. That does no harm: only what is locked by nobody is removed.
fn prefix(destination: &Path) -> OsString {
    let mut prefix = os::shortened(destination.file_name().unwrap_or_default(), KEPT);
    prefix.push(INFIX);
    prefix
}

/// Removes what killed processes have left. What cannot be removed is in nobody's way.
fn remove_abandoned(destination: &Path) {
    let prefix = prefix(destination);
    let Some(entries) = destination.parent().and_then(|directory| std::fs::read_dir(directory).ok()) else { return };
    for entry in entries.flatten() {
        if is_ours(&entry.file_name(), &prefix) && is_abandoned(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Is it a name that [`next_path`] gives?
fn is_ours(name: &OsStr, prefix: &OsStr) -> bool {
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let Some(rest) = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes()) else { return false };
    let mut numbers = rest.split(|byte| *byte == b'-');
    numbers.next().is_some_and(is_number) && numbers.next().is_some_and(is_number) && numbers.next().is_none()
}

fn is_abandoned(path: &Path) -> bool {
    // As for db.lock: a FIFO must not make us wait, and nothing behind a link is ours.
    matches!(os::open(path, Access::Read), Ok(Entry::Regular(file)) if os::try_claim(&file).unwrap_or(false))
}

fn remove(path: &Path) {
    // One that has gone, or cannot be removed, is nothing that its maker could do anything about.
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn names(directory: &Path) -> std::io::Result<BTreeSet<OsString>> {
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<OsString> {
        names.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_takes_its_place() -> TestResult {
        let dir = tempfile::tempdir()?;
        let place = dir.path().join("place");
        std::fs::write(&place, "old")?;
        let replacement = Replacement::begin(&place, &place)?;
        std::fs::write(replacement.path(), "new")?;
        assert_eq!(std::fs::read_to_string(&place)?, "old");
        replacement.take_place()?;
        assert_eq!(std::fs::read_to_string(&place)?, "new");
        assert_eq!(names(dir.path())?, set(&["place"]));
        Ok(())
    }

    #[test]
    fn one_that_is_dropped_is_gone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let place = dir.path().join("place");
        drop(Replacement::begin(&place, &place)?);
        assert!(names(dir.path())?.is_empty());
        Ok(())
    }

    #[test]
    fn one_that_cannot_take_its_place_is_gone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let place = dir.path().join("place");
        let replacement = Replacement::begin(&place, &place)?;
        std::fs::create_dir(&place)?;
        assert!(matches!(replacement.take_place(), Err(Error::Io { syscall: "rename", .. })));
        assert_eq!(names(dir.path())?, set(&["place"]));
        Ok(())
    }

    #[test]
    fn what_was_abandoned_is_removed_and_nothing_else() -> TestResult {
        let dir = tempfile::tempdir()?;
        let place = dir.path().join("place");
        let at_work = Replacement::begin(&place, &place)?;
        let others =
            ["other.sqlock-1-1", "place.sqlock-1", "place.sqlock-1-1-1", "place.sqlock-1-a", "place.sqlock--1"];
        for name in others.iter().chain(&["place.sqlock-1-1", "place.sqlock-77-1234"]) {
            std::fs::write(dir.path().join(name), "")?;
        }
        os::symlink(&dir.path().join(others[0]), &dir.path().join("place.sqlock-2-2"))?;
        drop(Replacement::begin(&place, &place)?);
        let mut expected = set(&others);
        expected.insert("place.sqlock-2-2".into());
        expected.extend(at_work.path().file_name().map(OsStr::to_owned));
        assert_eq!(names(dir.path())?, expected);
        Ok(())
    }

    #[test]
    fn the_longest_names_can_be_replaced_and_what_was_abandoned_is_found() -> TestResult {
        // Characters of 1 to 4 bytes, so that the cut falls on each byte of one.
        let mut longest: Vec<String> = vec!["a".repeat(100), "a".repeat(101)];
        for (letter, shift) in ["a", "é", "€", "😀"].iter().flat_map(|letter| (0..4).map(move |shift| (letter, shift)))
        {
            let letters = letter.repeat((255 - shift) / letter.len());
            longest.push(format!("{}{letters}", &"xxx"[..shift]));
        }
        for name in longest {
            let dir = tempfile::tempdir()?;
            let place = dir.path().join(name);
            std::fs::write(&place, "old")?;
            let abandoned = Replacement::begin(&place, &place)?;
            assert!(abandoned.path().file_name().and_then(OsStr::to_str).is_some());
            let (path, _) = abandoned.keep();
            assert!(path.exists());
            let replacement = Replacement::begin(&place, &place)?;
            assert!(!path.exists());
            std::fs::write(replacement.path(), "new")?;
            replacement.take_place()?;
            assert_eq!(std::fs::read_to_string(&place)?, "new");
            assert_eq!(names(dir.path())?.len(), 1);
        }
        Ok(())
    }
}
