//! Which directory a lock file is in.
//!
//! Two spellings of one directory (relative, absolute, through a symbolic link) have one
//! [`Identity`], and so they share one queue. The directory stays open as long as its queue lives.
//! Otherwise its inode number could be given to another directory in the meantime.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::os::{self, Identity};

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
        let pin = os::pin_directory(path)?;
        Ok(Self { id: Identity::of_open(&pin)?, _pin: pin })
    }

    pub(super) fn id(&self) -> Identity {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbolic_link_to_a_directory_is_that_directory() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real)?;
        os::symlink(&real, &link)?;
        assert_eq!(Identity::of_directory(&real)?, Identity::of_directory(&link)?);
        assert_ne!(Identity::of_directory(&real)?, Identity::of_directory(dir.path())?);
        Ok(())
    }

    #[test]
    fn what_leads_upwards_is_resolved_by_the_file_system() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let root = dir.path().canonicalize()?;
        std::fs::create_dir_all(root.join("real/deep"))?;
        os::symlink(&root.join("real/deep"), &root.join("link"))?;
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
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        Ok(())
    }
}
