//! The lock file: flock(2) on it, and the holder text in it.
//!
//! With `list`, this is the one place that may call the OS lock (`clippy.toml` sees to that).

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use super::{files, list, mark};
use crate::os::{Access, Entry, Identity, LockFile};

/// What the call that takes the lock and gives it back is called in errors.
pub(crate) const LOCK_CALL: &str = "flock";

/// The lock file that is open as `file`.
///
/// # Errors
/// The errno of fstat(2).
pub(crate) fn lock_file(file: File, _: &Path) -> io::Result<Box<dyn LockFile>> {
    Ok(Box::new(RegularFile { id: Identity::of_open(&file)?, marks: mark::is_local(&file), file }))
}

/// At most `max` bytes of the holder text beside or in the lock file at `path`; `None` when it
/// cannot be read.
pub(crate) fn holder_text(path: &Path, max: u64) -> Option<Vec<u8>> {
    let Ok(Entry::Regular(file)) = files::open(path, Access::Read) else { return None };
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Is the lock file at `path` locked?
///
/// Looking must not disturb: an attempt, even of a shared lock, refuses somebody who polls in that
/// instant. Where the kernel's list of locks may not be all there is, a shared attempt is made and
/// given back at once.
///
/// # Errors
/// The call that failed, and its errno.
pub(crate) fn is_locked(path: &Path) -> Result<bool, (&'static str, io::Error)> {
    match list::listed(path) {
        Some(locked) => Ok(locked),
        None => is_refused(path),
    }
}

/// Is a shared attempt refused?
#[expect(clippy::disallowed_methods, reason = "made on a file of its own and given back at once")]
fn is_refused(path: &Path) -> Result<bool, (&'static str, io::Error)> {
    // Missing, a link or a socket: nobody can have locked it.
    let Entry::Regular(file) = files::open(path, Access::Read).map_err(|error| ("open", error))? else {
        return Ok(false);
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err((LOCK_CALL, error)),
    }
}

/// Marks a file that this process makes or takes away as in use, by a flock of its own; `false`
/// when another one has done that.
///
/// # Errors
/// The errno of flock(2).
pub(crate) fn try_claim(file: &File) -> io::Result<bool> {
    try_lock(file)
}

/// Takes the lock on a file if it is free; `false` when somebody holds it.
#[expect(clippy::disallowed_methods, reason = "this is the one module that takes the OS lock")]
fn try_lock(file: &File) -> io::Result<bool> {
    loop {
        match FileExt::try_lock(file) {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// An open regular file.
struct RegularFile {
    file: File,
    id: Identity,
    /// Can those that wait be seen?
    marks: bool,
}

impl LockFile for RegularFile {
    fn id(&self) -> Identity {
        self.id
    }

    fn try_lock(&self) -> io::Result<bool> {
        try_lock(&self.file)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one module that takes the OS lock")]
    fn lock(&self) -> io::Result<()> {
        if self.marks {
            mark::set(&self.file, true);
        }
        let locked = loop {
            // A signal that the runtime handles ends the wait with EINTR; it is no answer.
            match FileExt::lock(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        if self.marks {
            mark::set(&self.file, false);
        }
        locked
    }

    fn is_awaited(&self) -> Option<bool> {
        self.marks.then(|| mark::is_set(&self.file))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one module that gives back the OS lock")]
    fn unlock(&self) -> io::Result<()> {
        FileExt::unlock(&self.file)
    }

    fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    fn announce(&self, text: &str) -> io::Result<()> {
        if self.file.metadata()?.len() > 0 {
            self.clear()?;
        }
        // No fsync: the flock is the truth, the text is for people.
        files::write_at(&self.file, text.as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_attempt_tells_what_the_list_may_hide() -> io::Result<()> {
        let place = tempfile::NamedTempFile::new()?;
        let is_refused = || is_refused(place.path()).map_err(|(_, error)| error);
        let file = lock_file(place.reopen()?, place.path())?;
        assert!(!is_refused()?);
        assert!(file.try_lock()?);
        assert!(is_refused()?);
        file.unlock()?;
        assert!(!is_refused()?);
        Ok(())
    }
}
