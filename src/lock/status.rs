//! Is the lock held, and by which process?

#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::claim::Claim;
use super::file::FileSystem;
use super::seam::LockFiles;
use super::{Error, Holder};
use crate::os;

/// The state of a lock file.
#[derive(Clone, Debug)]
pub struct Status {
    /// Does anybody hold the lock? From the kernel, never from the text.
    pub locked: bool,
    /// The path of the lock file.
    pub lock_path: PathBuf,
    /// Who holds it; only while it is locked: what a killed process left in the file is nobody's.
    pub holder: Option<Holder>,
}

impl Status {
    pub(super) fn read(claim: &Claim) -> Result<Self, Error> {
        let path = claim.lock_path.as_path();
        let locked = os::is_locked(path).map_err(|(syscall, error)| Error::io(syscall, path, error))?;
        let holder = if locked { FileSystem.holder(claim).and_then(|text| Holder::parse(&text)) } else { None };
        Ok(Self { locked, lock_path: claim.lock_path.clone(), holder })
    }
}
