//! Which database files this copy of SQLite has open, and whether another SQLite of this process
//! uses one of them.
//!
//! The locks of SQLite are POSIX locks. They belong to the process, and the kernel drops all of
//! them on a file when any descriptor of the file is closed,
//! <https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>.
//! SQLite takes care of its own descriptors, and cannot know those of another copy. So this module
//! does not open the file either: it uses only stat(2).

#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::os::{self, Identity};

#[derive(Default)]
struct Files {
    /// How many connections are open to each, or about to be.
    open: HashMap<Identity, usize>,
    /// How many connections are about to make the file that they are for.
    making: usize,
    /// The paths that were reported, because another SQLite has their files open. By path: the inode
    /// number of a file that is gone is given to the next one.
    warned_of: HashSet<PathBuf>,
}

static FILES: LazyLock<Mutex<Files>> = LazyLock::new(Mutex::default);

fn files() -> MutexGuard<'static, Files> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a file among those that this copy has open. There from before a connection is opened until after it is closed, or
/// one of our own descriptors could be taken for somebody else's.
pub(super) struct Presence {
    /// `None`: the file is still to be made.
    file: Option<Identity>,
}

impl Presence {
    pub(super) fn of(path: &Path) -> Self {
        let file = id_of(path);
        match file {
            Some(file) => *files().open.entry(file).or_default() += 1,
            None => files().making += 1,
        }
        Self { file }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut files = files();
        let Some(file) = self.file else {
            files.making -= 1;
            return;
        };
        if let Some(count) = files.open.get_mut(&file) {
            *count -= 1;
            if *count == 0 {
                files.open.remove(&file);
            }
        }
    }
}

/// Has this copy the file at `path` open?
pub(crate) fn has_open(path: &Path) -> bool {
    id_of(path).is_some_and(|file| files().open.contains_key(&file))
}

/// To be asked before the file at `path` is opened: is a descriptor of it open in this process that is none of ours, or is it
/// `known` that another copy has it open? True once for each file.
#[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "a Rust program has nobody to be warned"))]
pub(crate) fn meets_another(path: &Path, known: bool) -> bool {
    let Some(file) = id_of(path) else { return false };
    // Kept locked while the descriptors are looked at: no connection of ours opens one meanwhile.
    let mut files = files();
    // With one of ours open, its descriptors and others look the same.
    !files.open.contains_key(&file)
        && (known || (files.making == 0 && os::has_descriptor(file)))
        && files.warned_of.insert(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// Of a directory this process may well have a descriptor: that of its lock.
fn id_of(path: &Path) -> Option<Identity> {
    if fs::metadata(path).ok()?.is_file() { Identity::of_file(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;

    use super::*;

    fn database() -> io::Result<(tempfile::TempDir, PathBuf)> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("app.db");
        fs::write(&path, "")?;
        Ok((dir, path))
    }

    #[test]
    fn a_descriptor_that_is_none_of_ours_is_met_once() -> io::Result<()> {
        let (_dir, path) = database()?;
        assert!(!meets_another(&path, false));
        let _descriptor = File::open(&path)?;
        // Not every system tells which files this process has open.
        if !os::has_descriptor(Identity::of_file(&path)?) {
            return Ok(());
        }
        // Another test may be making a file of its own in this very instant.
        while !meets_another(&path, false) {}
        assert!(!meets_another(&path, false));
        Ok(())
    }

    #[test]
    fn what_another_copy_tells_is_met_once() -> io::Result<()> {
        let (_dir, path) = database()?;
        assert!(meets_another(&path, true));
        assert!(!meets_another(&path, true));
        Ok(())
    }

    #[test]
    fn a_file_is_ours_until_the_last_connection_is_closed() -> io::Result<()> {
        let (_dir, path) = database()?;
        let _descriptor = File::open(&path)?;
        let (first, second) = (Presence::of(&path), Presence::of(&path));
        drop(first);
        assert!(has_open(&path));
        assert!(!meets_another(&path, true));
        drop(second);
        assert!(!has_open(&path));
        assert!(meets_another(&path, true));
        Ok(())
    }

    #[test]
    fn a_file_that_is_not_there_is_nobodys() -> io::Result<()> {
        let (dir, _) = database()?;
        assert!(!meets_another(&dir.path().join("missing.db"), true));
        Ok(())
    }
}
