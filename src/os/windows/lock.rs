//! The lock file: `LockFileEx` on it.
//!
//! The lock is on the whole range of bytes. The other programs of the protocol lock different parts
//! of the file: Go byte 0, Rust everything, Python the byte at the end. The whole range excludes
//! all of them. Windows refuses to read a locked range, so the holder text is in a file beside, see
//! [`text`](super::text).

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use super::raw::{Mode, Range};
use super::text::Text;
use super::{files, raw};
use crate::os::{Access, Entry, Identity, LockFile, Watch};

/// What the call that takes the lock and gives it back is called in errors.
pub(crate) const LOCK_CALL: &str = "LockFileEx";

const WHOLE: Range = Range { offset: 0, length: u64::MAX };

/// The lock file that is open as `file`.
///
/// # Errors
/// The error of `GetFileInformationByHandle`.
pub(crate) fn lock_file(file: File, path: &Path) -> io::Result<Box<dyn LockFile>> {
    Ok(Box::new(RegularFile { id: Identity::of_open(&file)?, text: Text::beside(path), file }))
}

/// Is the lock file at `path` locked? A shared attempt is made and given back at once: Windows has
/// no list of locks.
///
/// # Errors
/// The call that failed, and its error.
pub(crate) fn is_locked(path: &Path) -> Result<bool, (&'static str, io::Error)> {
    // Missing, a link or a directory: nobody can have locked it.
    let Entry::Regular(file) = files::open(path, Access::Read).map_err(|error| ("open", error))? else {
        return Ok(false);
    };
    let is_free = raw::try_lock(&file, WHOLE, Mode::Shared).map_err(|error| (LOCK_CALL, error))?;
    if is_free {
        raw::unlock(&file, WHOLE).map_err(|error| (LOCK_CALL, error))?;
    }
    Ok(!is_free)
}

/// Marks a file that this process makes or takes away as in use. There is nothing to do: while it
/// is open, nobody else can delete it. A lock would keep SQLite from writing to it.
///
/// # Errors
/// None.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn try_claim(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Nothing tells that a file is opened.
pub(crate) fn watch(_: &Path) -> Option<Box<dyn Watch>> {
    None
}

/// A waiter that is woken has no other priority here.
pub(crate) fn do_not_preempt() {}

/// An open regular file.
struct RegularFile {
    file: File,
    id: Identity,
    text: Text,
}

impl LockFile for RegularFile {
    fn id(&self) -> Identity {
        self.id
    }

    fn try_lock(&self) -> io::Result<bool> {
        raw::try_lock(&self.file, WHOLE, Mode::Exclusive)
    }

    fn lock(&self) -> io::Result<()> {
        raw::lock(&self.file, WHOLE)
    }

    fn is_awaited(&self) -> Option<bool> {
        None
    }

    fn unlock(&self) -> io::Result<()> {
        raw::unlock(&self.file, WHOLE)
    }

    fn clear(&self) -> io::Result<()> {
        let cleared = self.text.clear();
        self.file.set_len(0)?;
        cleared
    }

    fn announce(&self, text: &str) -> io::Result<()> {
        let announced = self.text.announce(text);
        if self.file.metadata()?.len() > 0 {
            self.file.set_len(0)?;
        }
        files::write_at(&self.file, text.as_bytes(), 0)?;
        announced
    }
}
