//! The two threads of a lock file that is contended.
//!
//! The *waiter thread* blocks in flock(2) for the first entry of the queue. When the kernel grants
//! the lock, the same thread runs the entry to its end. If it passed the entry to a pool of
//! workers, the lock would be held while nothing runs. The *timekeeper* refuses entries whose
//! deadline has passed, because the waiter thread cannot look at a clock. Both threads are
//! detached: the end of the process or of a thread never waits for a lock. Both end when no entry
//! has waited for a moment.
//!
//! When an entry is refused, the waiter thread stays in the kernel. A late grant goes to the next
//! entry. If there is none, the lock is given back at once.

#![forbid(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::registry::let_go;
use super::{Entry, Queue, QueueState, WriteGuard};
use crate::lock::claim::Claim;
use crate::lock::seam::LockFile;
use crate::lock::{Error, scheduling};
use crate::threads;

/// What stands for the holder when the lock file is empty or unreadable.
pub(super) const UNKNOWN_HOLDER: &str = "unknown";
/// How long an empty lock file is read again before its holder is called unknown: the gap between
/// two holders.
const HOLDER_PATIENCE: Duration = Duration::from_millis(10);
const HOLDER_RETRY: Duration = Duration::from_millis(1);
/// How long a thread with nobody to look after stays. Where several processes write all the time,
/// the next one is likely to come soon, and a thread that is there takes a fraction of the time of
/// a new one.
const LINGER: Duration = Duration::from_millis(100);

pub(super) fn spawn_waiter(queue: Arc<Queue>, generation: u64) -> io::Result<()> {
    spawn("sqlock-waiter", queue, move |queue| wait(queue, generation))
}

pub(super) fn spawn_timekeeper(queue: Arc<Queue>) -> io::Result<()> {
    spawn("sqlock-clock", queue, |queue| keep_time(queue))
}

fn spawn(name: &str, queue: Arc<Queue>, work: impl FnOnce(&Arc<Queue>) + Send + 'static) -> io::Result<()> {
    let work = move || {
        work(&queue);
        // It was used while the thread was there, and may have been let go meanwhile.
        drop(queue);
        let_go();
    };
    threads::spawn(name, work)
}

fn wait(queue: &Arc<Queue>, generation: u64) {
    scheduling::do_not_preempt();
    while let Some((entry, outcome)) = next(queue, generation) {
        // A panic of what runs under the grant ends that entry alone: unwinding drops its guard,
        // which unlocks.
        let _ = catch_unwind(AssertUnwindSafe(|| entry.settle(outcome)));
    }
}

/// Waits until the head of the queue can be settled; `None` when this thread is not needed any
/// more.
fn next(queue: &Arc<Queue>, generation: u64) -> Option<(Entry, Result<WriteGuard, Error>)> {
    let mut state = queue.state();
    loop {
        if state.waiter != Some(generation) {
            return None;
        }
        let Some(claim) = state.head().map(|head| Arc::clone(&head.claim)) else {
            state = linger(queue, state, generation);
            continue;
        };
        let (back, locked) = lock(queue, state, &claim, generation);
        state = back;
        match locked {
            Ok(None) => {}
            Ok(Some((file, waited))) => {
                if let Some((id, head)) = state.take_head() {
                    let guard = queue.grant(&mut state, file, &head.claim, waited);
                    return Some((head, Ok(guard.for_entry(id))));
                }
                // Everybody gave up in the meantime.
                if file.unlock().is_ok() {
                    state.keep(file);
                }
            }
            // With nobody left to tell, it is of no interest.
            Err(error) => {
                if let Some((_, head)) = state.take_head() {
                    return Some((head, Err(error)));
                }
            }
        }
    }
}

/// Waits for somebody to look after; with nobody for long enough, this thread is not needed any
/// more.
fn linger<'q>(queue: &'q Queue, state: MutexGuard<'q, QueueState>, generation: u64) -> MutexGuard<'q, QueueState> {
    let (mut state, timeout) = queue.turn.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
    if timeout.timed_out() && state.entries.is_empty() && state.waiter == Some(generation) {
        state.waiter = None;
    }
    state
}

/// What came of locking the lock file, and whether it took a wait. `None`: look again.
type Locked = Result<Option<(Box<dyn LockFile>, bool)>, Error>;

/// Locks the lock file, in the kernel if need be, where the mutex is not held.
///
/// A hold of this very process is waited for in the kernel like any other, on an open file of the
/// thread's own: that gives it its place among the waiters of other processes.
fn lock<'q>(
    queue: &'q Queue,
    mut state: MutexGuard<'q, QueueState>,
    claim: &Claim,
    generation: u64,
) -> (MutexGuard<'q, QueueState>, Locked) {
    if let Some(pause) = state.courtesy.pause(Instant::now()) {
        state.mark_all_as_tried();
        queue.heed_deadlines(&state);
        drop(state);
        stand_back(pause);
        return (queue.state(), Ok(None));
    }
    let file = match state.spare.pop().map_or_else(|| queue.files.open(claim), Ok) {
        Ok(file) => file,
        Err(error) => return (state, Err(error)),
    };
    let (mut locked, mut waited) = (file.try_lock(), false);
    if let Ok(false) = locked {
        if queue.files.current(claim) != Some(file.id()) {
            return (state, Ok(None));
        }
        state.mark_all_as_tried();
        state.blocked_on = Some(file.id());
        state.courtesy.pollers.look_out(file.id(), &*queue.files, &claim.lock_path);
        queue.heed_deadlines(&state);
        drop(state);
        locked = file.lock().map(|()| true);
        waited = true;
        state = queue.state();
        if state.waiter != Some(generation) {
            // Another thread waits on the file that took the place of this one; closing it frees
            // it.
            return (state, Ok(None));
        }
        state.blocked_on = None;
    }
    if let Err(error) = locked {
        return (state, Err(Error::io("flock", &claim.lock_path, error)));
    }
    if queue.files.current(claim) != Some(file.id()) {
        return (state, Ok(None));
    }
    if waited && state.courtesy.pollers.window(Instant::now()).is_some() {
        if file.unlock().is_ok() {
            state.keep(file);
        }
        return (state, Ok(None));
    }
    if state.held {
        // The lock file was replaced during a hold of ours: the new one is free, but the old hold
        // still stands.
        drop(file);
        let (state, _) = queue.turn.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
        return (state, Ok(None));
    }
    (state, Ok(Some((file, waited))))
}

#[expect(clippy::disallowed_methods, reason = "nothing tells when another process has been woken")]
fn stand_back(pause: Duration) {
    thread::sleep(pause);
}

fn keep_time(queue: &Queue) {
    let mut idle = false;
    loop {
        let due = {
            let mut state = queue.state();
            let due = state.expire(Instant::now());
            if due.is_empty() {
                if state.entries.is_empty() && idle {
                    state.timekeeper = false;
                    return;
                }
                idle = state.entries.is_empty();
                sleep_until(queue, state);
                continue;
            }
            due
        };
        let holder = holder(queue, &due[0].claim);
        for entry in due {
            let _ = catch_unwind(AssertUnwindSafe(|| entry.time_out(&holder)));
        }
    }
}

fn sleep_until(queue: &Queue, mut state: MutexGuard<'_, QueueState>) {
    let now = Instant::now();
    let until = state.next_deadline().map_or(now + LINGER, |deadline| deadline.min(now + LINGER));
    state.wakes_at = Some(until);
    drop(queue.clock.wait_timeout(state, until.saturating_duration_since(now)).unwrap_or_else(PoisonError::into_inner));
}

/// The text in the lock file, read again for a moment when it is empty.
#[expect(clippy::disallowed_methods, reason = "nothing tells when another process writes its text")]
fn holder(queue: &Queue, claim: &Claim) -> String {
    let give_up = Instant::now() + HOLDER_PATIENCE;
    loop {
        match queue.files.holder(claim) {
            Some(text) => return text,
            None if Instant::now() >= give_up => return UNKNOWN_HOLDER.to_owned(),
            None => thread::sleep(HOLDER_RETRY),
        }
    }
}
