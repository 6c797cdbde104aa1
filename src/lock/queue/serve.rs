//! The way of an entry: from the call that makes it to its grant or refusal.
//!
//! An entry enters the queue on the calling thread. The thread that comes first serves it: the
//! worker thread that was sent for it ([`Queue::attempt`]), or the waiter thread
//! ([`super::waiter`]) once the lock was found taken.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "node"),
    expect(dead_code, reason = "only the Node face has entries that no thread waits for")
)]

use std::io;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::waiter::{self, UNKNOWN_HOLDER};
use super::{EntryId, Queue, QueueState, Request, WriteGuard};
use crate::lock::Error;
use crate::lock::claim::Claim;
use crate::os;

impl Queue {
    /// One attempt, which never waits. It is made only if no entry of this process is ahead. With
    /// `in_turn` it is not made while the lock is left to other processes. A caller that does not
    /// try again leaves `in_turn` out.
    ///
    /// # Errors
    /// [`Error::NotRegular`], [`Error::Io`].
    pub(crate) fn try_acquire(self: &Arc<Self>, claim: &Claim, in_turn: bool) -> Result<Option<WriteGuard>, Error> {
        let mut state = self.state();
        if state.held || !state.entries.is_empty() || (in_turn && state.courtesy.pause(Instant::now()).is_some()) {
            return Ok(None);
        }
        self.take(&mut state, claim)
    }

    /// Joins the queue after a failed attempt; settles when the lock is granted or the deadline has
    /// passed.
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

    /// Serves an entry on the calling thread if the entry is the first and the lock is free.
    /// Otherwise the waiter thread serves it. Nothing happens if the entry is gone. Never waits for
    /// the lock.
    pub(crate) fn attempt(self: &Arc<Self>, id: EntryId) {
        let mut state = self.state();
        let Some(entry) = state.entries.get(&id) else { return };
        let (claim, in_turn) = (Arc::clone(&entry.claim), entry.timeout != Some(Duration::ZERO));
        let is_others = !state.is_head(id) || state.held;
        let taken = if is_others || (in_turn && state.courtesy.pause(Instant::now()).is_some()) {
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

    /// Leaves an entry to the waiter thread without an attempt on the calling thread: for an entry
    /// whose worker thread does not come.
    pub(crate) fn overtake(self: &Arc<Self>, id: EntryId) {
        let mut state = self.state();
        if !state.entries.contains_key(&id) {
            return;
        }
        // A waiter thread that blocks in the kernel was refused the lock. That counts for this
        // entry, too.
        if !state.is_head(id) || state.held || state.blocked_on.is_some() {
            self.give_way(state, id);
        } else if let Err(error) = self.start(&mut state, id) {
            settle(state, id, Err(error));
        }
    }

    /// Takes an entry out of the queue, which settles with [`Error::Cancelled`]. Nothing happens if
    /// it is gone.
    pub(crate) fn cancel(&self, id: EntryId) {
        let state = self.state();
        settle(state, id, Err(Error::Cancelled));
    }

    /// Was this entry refused the lock, and does it wait now?
    pub(crate) fn is_waiting(self: &Arc<Self>, id: EntryId) -> bool {
        self.state().entries.get(&id).is_some_and(|entry| entry.tried)
    }

    /// The hold of this process is for a batch of writes, until it is released.
    pub(super) fn begin_batch(&self) {
        self.state().begin_batch();
    }

    /// Starts the timeout of a waiting entry again. False if it does not wait any more.
    pub(crate) fn renew(&self, id: EntryId) -> bool {
        self.state().renew(id)
    }

    /// Puts the rest of an entry that has the lock back in its old place, before the lock is given
    /// back. After that, the caller calls [`Queue::overtake`].
    pub(super) fn put_back(&self, id: Option<EntryId>, request: Request) -> EntryId {
        self.state().put_back(id, request)
    }

    /// Opens and locks the lock file without waiting; writes the holder text.
    fn take(self: &Arc<Self>, state: &mut QueueState, claim: &Claim) -> Result<Option<WriteGuard>, Error> {
        for _ in 0..MAX_REPLACED {
            let file = match state.spare.pop() {
                Some(file) => file,
                None => self.files.open(claim)?,
            };
            let locked = file.try_lock().map_err(|error| Error::io(os::LOCK_CALL, &claim.lock_path, error))?;
            // If the file was deleted or replaced, a lock on it excludes no other program, and a
            // refusal does not count.
            if self.files.current(claim) != Some(file.id()) {
                continue;
            }
            if !locked {
                state.keep(file);
                return Ok(None);
            }
            return Ok(Some(self.grant(state, file, claim, false)));
        }
        Err(Error::io("stat", &claim.lock_path, os::stale()))
    }

    /// Leaves a refused entry to the waiter thread. An entry with a timeout of 0 is refused for
    /// good.
    fn give_way(self: &Arc<Self>, mut state: MutexGuard<'_, QueueState>, id: EntryId) {
        let Some(entry) = state.entries.get(&id) else { return };
        if entry.timeout == Some(Duration::ZERO) {
            return self.refuse(state, id);
        }
        // An entry behind others was not refused if the lock may be free. The waiter thread marks
        // it as tried when it finds the lock taken.
        if state.held || state.blocked_on.is_some() || state.is_head(id) {
            state.mark_as_tried(id);
        }
        if let Err(error) = self.start(&mut state, id) {
            settle(state, id, Err(error));
        }
    }

    /// Leaves an entry to the timekeeper, which may take a moment to read who holds the lock.
    fn refuse(self: &Arc<Self>, mut state: MutexGuard<'_, QueueState>, id: EntryId) {
        let Some(entry) = state.take(id) else { return };
        if self.start_timekeeper(&mut state).is_ok() {
            state.overdue.push(entry);
            self.wake_timekeeper_in_time(&state);
        } else {
            drop(state);
            entry.time_out(UNKNOWN_HOLDER);
        }
    }

    /// Makes sure that the waiter thread and the timekeeper run.
    fn start(self: &Arc<Self>, state: &mut QueueState, id: EntryId) -> Result<(), Error> {
        let Some(entry) = state.entries.get(&id) else { return Ok(()) };
        let claim = Arc::clone(&entry.claim);
        let spawn_error = |error| Error::io("pthread_create", &claim.lock_path, error);
        self.start_timekeeper(state).map_err(spawn_error)?;
        // The waiter thread may block on a lock file that was deleted or replaced. Then no thread
        // waits for the file that is there now.
        let misplaced = state.blocked_on.as_ref().is_some_and(|file| self.files.current(&claim) != Some(file.id()));
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

    fn start_timekeeper(self: &Arc<Self>, state: &mut QueueState) -> io::Result<()> {
        if !state.timekeeper {
            waiter::spawn_timekeeper(Arc::clone(self))?;
            state.timekeeper = true;
        }
        self.wake_timekeeper_in_time(state);
        Ok(())
    }

    /// Wakes the timekeeper if it would sleep too long.
    pub(super) fn wake_timekeeper_in_time(&self, state: &QueueState) {
        let sooner = |deadline| state.wakes_at.is_none_or(|wakes_at| deadline < wakes_at);
        if !state.overdue.is_empty() || state.next_deadline().is_some_and(sooner) {
            self.clock.notify_all();
        }
    }
}

fn settle(mut state: MutexGuard<'_, QueueState>, id: EntryId, outcome: Result<WriteGuard, Error>) {
    let entry = state.take(id);
    drop(state);
    if let Some(entry) = entry {
        entry.settle(outcome);
    }
}

/// How often a lock file may be replaced during one attempt. After that, the file system seems to
/// give the same file different inode numbers, and the attempt fails.
const MAX_REPLACED: u32 = 100;
