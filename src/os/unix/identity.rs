//! What a file is, and what each write to it changes: stat(2).
//!
//! Only stat. To open a database and close it again would drop the locks that SQLite has on it in
//! this process.

#![forbid(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::os::{Identity, Stamp};

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self::new(metadata.dev(), metadata.ino())
    }

    /// # Errors
    /// The errno of fstat(2).
    pub(crate) fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::of(&metadata))
    }

    /// The identity of the file at `path`, following symbolic links.
    ///
    /// # Errors
    /// The errno of stat(2).
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// The identity of what is at `path` itself, be it a symbolic link.
    ///
    /// # Errors
    /// The errno of lstat(2).
    pub(crate) fn of_entry(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// The identity of the directory at `path`, following symbolic links.
    ///
    /// # Errors
    /// The errno of stat(2); `ENOTDIR` when `path` is something else.
    pub(crate) fn of_directory(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() { Ok(Self::of(&metadata)) } else { Err(rustix::io::Errno::NOTDIR.into()) }
    }
}

impl Stamp {
    /// # Errors
    /// The errno of stat(2).
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self {
            identity: Identity::of(&found),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
