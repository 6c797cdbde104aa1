//! The queue of everything in this process that wants one lock file.
//!
//! An [entry](super::entry) is granted the lock in the order of the calls that made it. It enters the queue on the calling thread;
//! it is served by whoever comes first: the worker thread that was sent for it ([`Queue::attempt`]) or, once the lock
//! was found taken, the waiter thread ([`super::waiter`]).
//!
//! Invariants, all kept under the mutex of [`State`]:
//! - `held` is true from a grant to the release of its guard; only then is a lock file of ours locked.
//! - A lock file that is held or waited for is nowhere else: two holds, or a hold and a waiting thread, on one open file
//!   description would both be granted, and the unlock of one would drop the other.
//! - An entry that was `tried` has a waiter thread and a timekeeper, which end only when the queue is empty.
//!
//! Everything done under the mutex is a non-blocking system call of a few microseconds. Grants and refusals are
//! delivered outside of it.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "node"),
    expect(dead_code, reason = "only the Node face has entries that no thread waits for")
)]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::claim::Claim;
use super::directory::Directory;
use super::entry::{EntryId, Request, State};
use super::file::{LockFile, LockFiles};
use super::guard::WriteGuard;
use super::{Error, holder, waiter};

/// The queue for the lock file of one directory.
pub(crate) struct Queue {
    id: u32,
    _directory: Option<Directory>,
    pub(super) files: Box<dyn LockFiles>,
    state: Mutex<State>,
    /// For the waiter thread: there is somebody to look after, or a hold of this process has ended.
    pub(super) turn: Condvar,
    /// For the timekeeper: there is an earlier deadline.
    pub(super) clock: Condvar,
}

impl Queue {
    pub(super) fn new(directory: Option<Directory>, files: Box<dyn LockFiles>) -> Arc<Self> {
        static IDS: AtomicU32 = AtomicU32::new(1);
        Arc::new(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            _directory: directory,
            files,
            state: Mutex::default(),
            turn: Condvar::new(),
            clock: Condvar::new(),
        })
    }

    /// A number that tells the queues of this process apart.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the mutex; should it, the state is still the one to go on with.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One attempt, made only when nobody of this process is ahead. Never waits. Without `politely` it is made also in a
    /// moment in which the lock is left to other processes: for one who does not try again.
    ///
    /// # Errors
    /// [`Error::NotRegular`], [`Error::Io`].
    pub(crate) fn try_acquire(self: &Arc<Self>, claim: &Claim, politely: bool) -> Result<Option<WriteGuard>, Error> {
        let mut state = self.state();
        if state.held || !state.entries.is_empty() || (politely && state.courtesy.pause(Instant::now()).is_some()) {
            return Ok(None);
        }
        self.take(&mut state, claim)
    }

    /// Joins the queue after a failed attempt; settles when the lock is granted or the deadline has passed.
    pub(crate) fn wait(self: &Arc<Self>, request: Request) -> EntryId {
        let mut state = self.state();
        let id = state.push(request);
        self.give_way(state, id);
        id
    }

    /// Joins the queue; [`Queue::attempt`] or [`Queue::overtake`] is to follow.
    pub(crate) fn enter(&self, request: Request) -> EntryId {
        self.state().push(request)
    }

    /// Serves an entry on the calling thread if it is its turn and the lock is free; leaves it to the waiter thread if
    /// not. Nothing happens when the entry is gone. Never waits for the lock.
    pub(crate) fn attempt(self: &Arc<Self>, id: EntryId) {
        let mut state = self.state();
        let Some(entry) = state.entries.get(&id) else { return };
        let (claim, politely) = (Arc::clone(&entry.claim), entry.timeout != Some(Duration::ZERO));
        let is_others = !state.is_head(id) || state.held;
        let taken = if is_others || (politely && state.courtesy.pause(Instant::now()).is_some()) {
            Ok(None)
        } else {
            self.take(&mut state, &claim)
        };
        match taken {
            Ok(None) => self.give_way(state, id),
            Ok(Some(guard)) => settle(state, id, Ok(guard.for_entry(id))),
            Err(error) => settle(state, id, Err(error)),
        }
    }

    /// Leaves an entry to the waiter thread without an attempt on the calling thread: for an entry whose worker thread
    /// does not come.
    pub(crate) fn overtake(self: &Arc<Self>, id: EntryId) {
        let mut state = self.state();
        if !state.entries.contains_key(&id) {
            return;
        }
        // A thread that sits in the kernel has been refused, for this entry too.
        if !state.is_head(id) || state.held || state.blocked_on.is_some() {
            self.give_way(state, id);
        } else if let Err(error) = self.start(&mut state, id) {
            settle(state, id, Err(error));
        }
    }

    /// Takes an entry out of the queue; it settles as [`Error::Cancelled`]. Nothing happens when it is gone.
    pub(crate) fn cancel(&self, id: EntryId) {
        let state = self.state();
        settle(state, id, Err(Error::Cancelled));
    }

    /// Was this entry refused, and waits since?
    pub(crate) fn is_waiting(self: &Arc<Self>, id: EntryId) -> bool {
        self.state().entries.get(&id).is_some_and(|entry| entry.tried)
    }

    /// The hold of this process is for a batch of writes, until it is released.
    pub(super) fn begin_batch(&self) {
        self.state().begin_batch();
    }

    /// Lets the timeout of a waiting entry count from now on. False when it does not wait any more.
    pub(crate) fn renew(&self, id: EntryId) -> bool {
        self.state().renew(id)
    }

    /// Puts what is left of an entry that has the lock where that one was, before it gives the lock back;
    /// [`Queue::overtake`] is to follow then.
    pub(super) fn put_back(&self, id: Option<EntryId>, request: Request) -> EntryId {
        self.state().put_back(id, request)
    }

    /// Opens and locks the lock file without waiting; writes the holder text.
    fn take(self: &Arc<Self>, state: &mut State, claim: &Claim) -> Result<Option<WriteGuard>, Error> {
        for _ in 0..MAX_REPLACED {
            let file = match state.spare.pop() {
                Some(file) => file,
                None => self.files.open(claim)?,
            };
            let locked = file.try_lock().map_err(|error| Error::io("flock", &claim.lock_path, error))?;
            // A lock on a file that was deleted or replaced excludes nobody, and a refusal by its holder says nothing.
            if self.files.current(claim) != Some(file.id()) {
                continue;
            }
            if !locked {
                state.keep(file);
                return Ok(None);
            }
            return Ok(Some(self.grant(state, file, claim, false)));
        }
        Err(Error::io("stat", &claim.lock_path, rustix::io::Errno::STALE))
    }

    /// Turns a locked file into a guard.
    pub(super) fn grant(
        self: &Arc<Self>,
        state: &mut State,
        file: Box<dyn LockFile>,
        claim: &Claim,
        waited: bool,
    ) -> WriteGuard {
        let now = Instant::now();
        state.granted(claim);
        state.courtesy.granted(now, waited);
        state.courtesy.pollers.hold_begins(now);
        // The flock is the lock; a full disk must not take it from us for want of a text.
        let _ = file.announce(&holder::compose(claim.label.as_deref()));
        WriteGuard::new(Arc::clone(self), file, claim.lock_path.clone())
    }

    /// Called by the guard: empties the lock file, unlocks it and lets the next one in.
    pub(super) fn release(&self, file: Box<dyn LockFile>, lock_path: &Path) -> Result<(), Error> {
        let mut state = self.state();
        state.courtesy.pollers.hold_ends(Instant::now());
        let cleared = file.clear().map_err(|error| Error::io("ftruncate", lock_path, error));
        let unlocked = file.unlock().map_err(|error| Error::io("flock", lock_path, error));
        // With a thread in the kernel, this process takes the lock in the order of the kernel only.
        if state.blocked_on.is_none() && state.courtesy.released(Instant::now(), &*file) {
            state.courtesy.pollers.look_out(file.id(), &*self.files, lock_path);
        }
        // Closing the descriptor frees a lock that would not be given back.
        if unlocked.is_ok() {
            state.keep(file);
        }
        state.released();
        // One that sits in the kernel is woken by the kernel, and one that lingers is better left alone.
        if state.waiter.is_some() && state.blocked_on.is_none() && !state.entries.is_empty() {
            self.turn.notify_all();
        }
        cleared.and(unlocked)
    }

    /// The entry was refused once: it goes on in the waiter thread, unless one attempt was all it asked for.
    fn give_way(self: &Arc<Self>, mut state: MutexGuard<'_, State>, id: EntryId) {
        let Some(entry) = state.entries.get(&id) else { return };
        if entry.timeout == Some(Duration::ZERO) {
            return self.refuse(state, id);
        }
        // Behind others on a lock that may be free nobody was refused: the waiter thread tells when it finds the lock taken.
        if state.held || state.blocked_on.is_some() || state.is_head(id) {
            state.mark_as_tried(id);
        }
        if let Err(error) = self.start(&mut state, id) {
            settle(state, id, Err(error));
        }
    }

    /// Leaves an entry to the timekeeper, which may take a moment to read who holds the lock.
    fn refuse(self: &Arc<Self>, mut state: MutexGuard<'_, State>, id: EntryId) {
        let Some(entry) = state.take(id) else { return };
        if self.start_timekeeper(&mut state).is_ok() {
            state.overdue.push(entry);
            self.heed_deadlines(&state);
        } else {
            drop(state);
            entry.time_out(UNKNOWN_HOLDER);
        }
    }

    /// Sees to it that a thread waits for the lock and one keeps the deadlines.
    fn start(self: &Arc<Self>, state: &mut State, id: EntryId) -> Result<(), Error> {
        let Some(entry) = state.entries.get(&id) else { return Ok(()) };
        let claim = Arc::clone(&entry.claim);
        let spawn_error = |error| Error::io("pthread_create", &claim.lock_path, error);
        self.start_timekeeper(state).map_err(spawn_error)?;
        // The thread may sit on a lock file that was deleted or replaced since; then nobody waits on the one that is there.
        let misplaced = state.blocked_on.is_some_and(|id| self.files.current(&claim) != Some(id));
        if state.waiter.is_none() || misplaced {
            state.generations += 1;
            waiter::spawn_waiter(Arc::clone(self), state.generations).map_err(spawn_error)?;
            state.waiter = Some(state.generations);
            state.blocked_on = None;
        } else if state.blocked_on.is_none() {
            self.turn.notify_all();
        }
        Ok(())
    }

    fn start_timekeeper(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if !state.timekeeper {
            waiter::spawn_timekeeper(Arc::clone(self))?;
            state.timekeeper = true;
        }
        self.heed_deadlines(state);
        Ok(())
    }

    /// Wakes the timekeeper if it would sleep too long.
    pub(super) fn heed_deadlines(&self, state: &State) {
        let sooner = |deadline| state.wakes_at.is_none_or(|wakes_at| deadline < wakes_at);
        if !state.overdue.is_empty() || state.next_deadline().is_some_and(sooner) {
            self.clock.notify_all();
        }
    }
}

fn settle(mut state: MutexGuard<'_, State>, id: EntryId, outcome: Result<WriteGuard, Error>) {
    let entry = state.take(id);
    drop(state);
    if let Some(entry) = entry {
        entry.settle(outcome);
    }
}

/// How often a lock file may be replaced under one attempt, before its file system is taken for one that gives the same file
/// different inode numbers.
const MAX_REPLACED: u32 = 100;

/// What stands for the holder when the lock file is empty or unreadable.
pub(super) const UNKNOWN_HOLDER: &str = "unknown";

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
