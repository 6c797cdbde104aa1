//! Where the queue gets its lock files from.
//!
//! `file` implements it for real files. The tests of the queue implement it without a kernel.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::claim::Claim;
use crate::os::{Identity, LockFile, Watch};

/// Where lock files come from.
pub(crate) trait LockFiles: Send + Sync {
    /// Opens the lock file of `claim`, making it if it is missing.
    fn open(&self, claim: &Claim) -> Result<Arc<dyn LockFile>, Error>;
    /// The file that is at the path of `claim` now, if there is one.
    fn current(&self, claim: &Claim) -> Option<Identity>;
    /// The cleaned text of the lock file; `None` when it is empty or cannot be read.
    fn holder(&self, claim: &Claim) -> Option<String>;
    /// Watches the lock file at `path`; `None` where that cannot be done.
    fn watch(&self, path: &Path) -> Option<Box<dyn Watch>>;
}
