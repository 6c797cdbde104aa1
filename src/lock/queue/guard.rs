//! A hold: from the grant to the release. Its [`WriteGuard`] is the proof that the lock is held.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "node")]
use super::Request;
use super::{Entry, EntryId, Queue, QueueState, WriteGuard};
use crate::lock::claim::Claim;
use crate::lock::{Error, holder};
use crate::os::{self, LockFile};

impl Queue {
    /// Turns a locked file into a guard.
    pub(super) fn grant(
        self: &Arc<Self>,
        state: &mut QueueState,
        file: Arc<dyn LockFile>,
        claim: &Claim,
        waited: bool,
    ) -> WriteGuard {
        let now = Instant::now();
        state.granted(claim);
        state.courtesy.granted(now, waited);
        state.courtesy.pollers.hold_begins(now);
        // The flock is the lock. A full disk must not end a hold because its text cannot be
        // written.
        let _ = file.announce(&holder::compose(claim.label.as_deref()));
        WriteGuard::new(Arc::clone(self), file, claim.lock_path.clone())
    }

    /// The guard calls this. Empties the lock file, unlocks it and wakes the waiter thread; or
    /// passes the lock on.
    pub(super) fn release(self: &Arc<Self>, file: Arc<dyn LockFile>, lock_path: &Path) -> Result<(), Error> {
        let mut state = self.state();
        state.courtesy.pollers.hold_ends(Instant::now());
        if let Some((next, guard)) = self.pass_on(&mut state, &file) {
            drop(state);
            next.settle(Ok(guard));
            return Ok(());
        }
        let cleared = file.clear().map_err(|error| Error::io("ftruncate", lock_path, error));
        let unlocked = file.unlock().map_err(|error| Error::io(os::LOCK_CALL, lock_path, error));
        // While the waiter thread blocks in the kernel, this process gets the lock in the order of
        // the kernel, and has no stint.
        if state.blocked_on.is_none() && state.courtesy.released(Instant::now(), &*file) {
            state.courtesy.pollers.look_out(file.id(), &*self.files, lock_path);
        }
        // Closing the descriptor frees a lock that would not be given back.
        if unlocked.is_ok() {
            state.keep(file);
        }
        state.released();
        // The kernel wakes a waiter thread that blocks in flock. A waiter thread without an entry
        // needs no wake-up.
        if state.waiter.is_some() && state.blocked_on.is_none() && !state.entries.is_empty() {
            self.turn.notify_all();
        }
        cleared.and(unlocked)
    }

    /// Gives the lock to the next call of this process without a way through the kernel, which
    /// would wake the waiter thread first. Not when it is the turn of others, or when the lock file
    /// was replaced.
    fn pass_on(self: &Arc<Self>, state: &mut QueueState, file: &Arc<dyn LockFile>) -> Option<(Entry, WriteGuard)> {
        let claim = Arc::clone(&state.head().filter(|head| head.is_brief)?.claim);
        if self.files.current(&claim) != Some(file.id()) {
            return None;
        }
        let now = Instant::now();
        if state.courtesy.is_over(now) {
            state.courtesy.pollers.look_out(file.id(), &*self.files, &claim.lock_path);
        }
        // Asked by way of its own file, the waiter thread of this process is not among those that
        // wait.
        let seen_from = state.blocked_on.as_ref().unwrap_or(file);
        if !state.courtesy.goes_on(now, &**seen_from) {
            return None;
        }
        let (id, next) = state.take_head()?;
        state.released();
        let guard = self.grant(state, Arc::clone(file), &claim, false).for_entry(id);
        Some((next, guard))
    }
}

impl WriteGuard {
    pub(super) fn new(queue: Arc<Queue>, file: Arc<dyn LockFile>, lock_path: PathBuf) -> Self {
        Self { queue, file: Some(file), lock_path, entry: None }
    }

    pub(super) fn for_entry(mut self, id: EntryId) -> Self {
        self.entry = Some(id);
        self
    }

    /// Notes that this hold is for a batch of writes. No call of this process times out behind a
    /// batch.
    #[cfg(feature = "node")]
    #[cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]
    pub(crate) fn begin_batch(&self) {
        self.queue.begin_batch();
    }

    /// Puts the rest of the work back into the queue, ahead of all calls that came after the entry
    /// of this guard. The caller then gives back the lock and calls [`Queue::overtake`], so that a
    /// thread serves the rest.
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

    /// How long it is until the lock has to be left free for programs that poll. `None` if there
    /// are none.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.queue.state().courtesy.pollers.next_window(Instant::now())
    }

    /// Empties the lock file and gives the lock back, at once. Dropping the guard does the same and
    /// keeps the error.
    ///
    /// # Errors
    /// [`Error::Io`] when the file could not be emptied or unlocked. The lock is free all the same:
    /// the descriptor is closed in that case.
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
