//! What the crate needs of an operating system, as types and traits that its implementations share.
//!
//! The tests of the queue implement the traits without a kernel, so that they can cause every fault
//! and never sleep.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::time::Duration;

/// What a file or directory is, whatever it is called: device and inode, or volume and file index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    volume: u64,
    index: u64,
}

impl Identity {
    pub(in crate::os) fn new(volume: u64, index: u64) -> Self {
        Self { volume, index }
    }

    #[cfg(test)]
    pub(crate) fn fake(index: u64) -> Self {
        Self { volume: 0, index }
    }
}

/// What each write to a file changes. The times are seconds and nanoseconds since the Unix epoch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(in crate::os) identity: Identity,
    pub(in crate::os) size: u64,
    pub(in crate::os) modified: (i64, i64),
    pub(in crate::os) changed: (i64, i64),
}

impl Stamp {
    /// When the file was last changed, its times included.
    pub(crate) fn changed(&self) -> (i64, i64) {
        self.changed
    }
}

/// What an open file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A look, which is in nobody's way.
    Read,
    /// To lock it and to write to it.
    Write,
}

/// What was found where a regular file should be.
#[derive(Debug)]
pub(crate) enum Entry {
    Regular(File),
    /// A link, directory, FIFO, socket or device. It was not touched.
    Other,
    Missing,
}

/// An open lock file, as the queue sees it.
pub(crate) trait LockFile: Send + Sync {
    /// What the open file is.
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
    /// Empties the holder text.
    fn clear(&self) -> io::Result<()>;
    /// Removes what a killed holder left and writes `text`.
    fn announce(&self, text: &str) -> io::Result<()>;
}

/// Sees that programs open and close a lock file.
pub(crate) trait Watch: Send {
    /// Tells what has happened since the last look, in order. The same event several times in a row
    /// may be told once.
    fn look(&self, tell: &mut dyn FnMut(Event));
    /// Sends a signal to every watch of the file in all processes, this one included.
    fn signal(&self);
}

/// Hears that files of directories are written to, made or taken away.
pub(crate) trait Listener: Send + Sync {
    /// Waits for an event, for [`wake`](Self::wake), or until the time is over: for ever without one. True after an event.
    /// One that comes while nobody waits is kept for the next wait.
    fn wait(&self, timeout: Option<Duration>) -> bool;
    /// Waits for `wake` alone, and keeps each event for a later wait. True when it was woken.
    fn rest(&self, timeout: Option<Duration>) -> bool;
    /// Ends the wait of the thread, or its next one.
    fn wake(&self);
}

/// What a [`Watch`] sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(any(target_os = "linux", test)), expect(dead_code, reason = "only Linux tells"))]
pub(crate) enum Event {
    Open,
    Close,
    Signal,
}
