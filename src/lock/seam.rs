//! What the queue needs of the operating system, as three traits.
//!
//! `file` and `watch` implement them for real files. The tests of the queue implement them without
//! a kernel, so that they can cause every fault and never sleep.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use super::Error;
use super::claim::Claim;
use super::directory::Identity;

/// An open lock file, as the queue sees it.
pub(crate) trait LockFile: Send + Sync {
    /// Device and inode of the open file.
    fn id(&self) -> Identity;
    /// Takes the lock if it is free; `false` when somebody holds it.
    fn try_lock(&self) -> io::Result<bool>;
    /// Takes the lock, waiting in the kernel for as long as it takes. Other processes can see that
    /// meanwhile.
    fn lock(&self) -> io::Result<()>;
    /// Does another open file wait for the lock? `None` where that cannot be seen.
    fn is_awaited(&self) -> Option<bool>;
    /// Gives the lock back.
    fn unlock(&self) -> io::Result<()>;
    /// Empties the file.
    fn clear(&self) -> io::Result<()>;
    /// Empties the file of what a killed holder left and writes `text`.
    fn announce(&self, text: &str) -> io::Result<()>;
}

/// Where lock files come from.
pub(crate) trait LockFiles: Send + Sync {
    /// Opens the lock file of `claim`, making it if it is missing.
    fn open(&self, claim: &Claim) -> Result<Box<dyn LockFile>, Error>;
    /// The file that is at the path of `claim` now, if there is one.
    fn current(&self, claim: &Claim) -> Option<Identity>;
    /// The cleaned text of the lock file; `None` when it is empty or cannot be read.
    fn holder(&self, claim: &Claim) -> Option<String>;
    /// Watches the lock file at `path`; `None` where that cannot be done.
    fn watch(&self, path: &Path) -> Option<Box<dyn Watch>>;
}

/// Sees that programs open and close a lock file.
pub(crate) trait Watch: Send {
    /// Tells what has happened since the last look, in order. The same event several times in a row
    /// may be told once.
    fn look(&self, tell: &mut dyn FnMut(Event));
    /// Sends a signal to every watch of the file in all processes, this one included.
    fn signal(&self);
}

/// What a [`Watch`] sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Open,
    Close,
    Signal,
}
