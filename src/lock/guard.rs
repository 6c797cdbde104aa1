//! The proof that the lock is held.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Error;
use super::entry::EntryId;
#[cfg(feature = "node")]
use super::entry::Request;
use super::file::LockFile;
use super::queue::Queue;

/// A hold of the write lock. It ends with [`release`](Self::release), with its drop, or with the process.
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard {
    queue: Arc<Queue>,
    file: Option<Box<dyn LockFile>>,
    lock_path: PathBuf,
    /// The entry of the queue that it was granted to, if it was one.
    entry: Option<EntryId>,
}

impl WriteGuard {
    pub(super) fn new(queue: Arc<Queue>, file: Box<dyn LockFile>, lock_path: PathBuf) -> Self {
        Self { queue, file: Some(file), lock_path, entry: None }
    }

    pub(super) fn for_entry(mut self, id: EntryId) -> Self {
        self.entry = Some(id);
        self
    }

    /// What it is used for is a batch of writes, which no call of this process times out behind.
    #[cfg(feature = "node")]
    #[cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]
    pub(crate) fn begin_batch(&self) {
        self.queue.begin_batch();
    }

    /// Puts what is left to do into the queue, ahead of all that was called later than what this guard was granted to. The lock
    /// has to be given back, and then [`Queue::overtake`] lets somebody serve it.
    #[cfg(feature = "node")]
    #[cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]
    pub(crate) fn put_back(&self, request: Request) -> (Arc<Queue>, EntryId) {
        (Arc::clone(&self.queue), self.queue.put_back(self.entry, request))
    }

    /// The path of the lock file.
    #[must_use]
    pub fn lock_path(&self) -> &Path {
        &self.lock_path
    }

    /// A number that tells the locked directories of this process apart.
    #[cfg(feature = "node")]
    #[cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]
    pub(crate) fn directory_id(&self) -> u32 {
        self.queue.id()
    }

    /// After what time others are to have their turn, if that is sooner than a hold would end by itself.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.queue.state().courtesy.pollers.next_window(Instant::now())
    }

    /// Empties the lock file and gives the lock back, at once. Dropping the guard does the same and keeps the error.
    ///
    /// # Errors
    /// [`Error::Io`] when the file could not be emptied or unlocked. The lock is free all the same: the descriptor is
    /// closed in that case.
    pub fn release(mut self) -> Result<(), Error> {
        self.give_back()
    }

    fn give_back(&mut self) -> Result<(), Error> {
        self.file.take().map_or(Ok(()), |file| self.queue.release(file, &self.lock_path))
    }
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}

impl fmt::Debug for WriteGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteGuard").field("lock_path", &self.lock_path).finish_non_exhaustive()
    }
}
