//! Which directory a lock file is in.
//!
//! Two spellings of one directory (relative, absolute, through a symbolic link) have one
//! [`Identity`], and so they share one queue. The directory stays open as long as its queue lives.
//! Otherwise its inode number could be given to another directory in the meantime.

#![forbid(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Device and inode: what a file or directory is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    #[cfg(test)]
    pub(super) fn fake(inode: u64) -> Self {
        Self { device: 0, inode }
    }

    /// The identity of the file at `path`, following symbolic links.
    ///
    /// # Errors
    /// The errno of stat(2).
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// The identity of the directory at `path`, following symbolic links.
    ///
    /// # Errors
    /// The errno of stat(2); `ENOTDIR` when `path` is something else.
    pub(super) fn of_directory(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() { Ok(Self::of(&metadata)) } else { Err(rustix::io::Errno::NOTDIR.into()) }
    }
}

/// `directory`, absolute. One that leads upwards is resolved by the file system, since what is above a symbolic link is
/// not what its name says.
///
/// # Errors
/// The errno of getcwd(3) or realpath(3).
pub(crate) fn absolute(directory: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(directory)?;
    if path.components().any(|part| part == Component::ParentDir) { path.canonicalize() } else { Ok(path) }
}

/// An open directory, kept only to pin its inode number.
#[derive(Debug)]
pub(super) struct Directory {
    id: Identity,
    _pin: File,
}

impl Directory {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// The errno of open(2) or fstat(2).
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let pin = File::from(rustix::fs::open(path, OPEN_FLAGS, Mode::empty())?);
        Ok(Self { id: Identity::of(&pin.metadata()?), _pin: pin })
    }

    pub(super) fn id(&self) -> Identity {
        self.id
    }
}

/// `O_PATH` needs no read permission on the directory: a process that may only pass through it has none.
#[cfg(target_os = "linux")]
const OPEN_FLAGS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const OPEN_FLAGS: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbolic_link_to_a_directory_is_that_directory() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real)?;
        std::os::unix::fs::symlink(&real, &link)?;
        assert_eq!(Identity::of_directory(&real)?, Identity::of_directory(&link)?);
        assert_ne!(Identity::of_directory(&real)?, Identity::of_directory(dir.path())?);
        Ok(())
    }

    #[test]
    fn what_leads_upwards_is_resolved_by_the_file_system() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let root = dir.path().canonicalize()?;
        std::fs::create_dir_all(root.join("real/deep"))?;
        std::os::unix::fs::symlink(root.join("real/deep"), root.join("link"))?;
        assert_eq!(absolute(&root.join("link/.."))?, root.join("real"));
        assert_eq!(absolute(&root.join("./link/"))?, root.join("link"));
        Ok(())
    }

    #[test]
    fn an_open_directory_keeps_its_inode_number_to_itself() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("gone");
        std::fs::create_dir(&path)?;
        let open = Directory::open(&path)?;
        std::fs::remove_dir(&path)?;
        for n in 0..64 {
            let other = dir.path().join(n.to_string());
            std::fs::create_dir(&other)?;
            assert_ne!(open.id(), Identity::of_directory(&other)?);
        }
        Ok(())
    }

    #[test]
    fn a_file_is_no_directory() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        let error = Identity::of_directory(file.path()).expect_err("a file");
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOTDIR.raw_os_error()));
        Ok(())
    }
}
