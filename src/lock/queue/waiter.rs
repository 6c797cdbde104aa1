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
use crate::lock::Error;
use crate::lock::claim::Claim;
use crate::os::{self, LockFile};
use crate::threads;

/// What stands for the holder when the lock file is empty or unreadable.
pub(super) const UNKNOWN_HOLDER: &str = "unknown";
/// How long an empty lock file is read again before its holder is called unknown: the gap between
/// two holders.
const HOLDER_PATIENCE: Duration = Duration::from_millis(10);
const HOLDER_RETRY: Duration = Duration::from_millis(1);
/// How long a thread without an entry stays. If several processes write all the time, the next
/// entry is likely to come within this time. A thread that is there serves it in a fraction of the
/// time of a new one.
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
        // The queue may have become idle while this thread kept it.
        drop(queue);
        let_go();
    };
    threads::spawn(name, work)
}

fn wait(queue: &Arc<Queue>, generation: u64) {
    os::do_not_preempt();
    while let Some((entry, outcome)) = next(queue, generation) {
        // If the work of an entry panics, only that entry ends: unwinding drops its guard, which
        // unlocks.
        let _ = catch_unwind(AssertUnwindSafe(|| entry.settle(outcome)));
    }
}

/// Waits until the first entry can be settled. `None` if this thread is not needed any more.
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
                // No entry is left: all have given up meanwhile.
                if file.unlock().is_ok() {
                    state.keep(file);
                }
            }
            // Without an entry, no call gets this error.
            Err(error) => {
                if let Some((_, head)) = state.take_head() {
                    return Some((head, Err(error)));
                }
            }
        }
    }
}

/// Waits for an entry. If none comes for long enough, this thread is not needed any more.
fn linger<'q>(queue: &'q Queue, state: MutexGuard<'q, QueueState>, generation: u64) -> MutexGuard<'q, QueueState> {
    let (mut state, timeout) = queue.turn.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
    if timeout.timed_out() && state.entries.is_empty() && state.waiter == Some(generation) {
        state.waiter = None;
    }
    state
}

/// The locked file, and whether the thread had to wait for it. `None`: try again.
type Locked = Result<Option<(Arc<dyn LockFile>, bool)>, Error>;

/// Locks the lock file. If the lock is taken, blocks in the kernel, without the mutex.
///
/// The thread also waits in the kernel if this process itself holds the lock, on an open file of
/// its own. So it has its place among the waiters of other processes.
fn lock<'q>(
    queue: &'q Queue,
    mut state: MutexGuard<'q, QueueState>,
    claim: &Claim,
    generation: u64,
) -> (MutexGuard<'q, QueueState>, Locked) {
    if let Some(pause) = state.courtesy.pause(Instant::now()) {
        state.mark_all_as_tried();
        queue.wake_timekeeper_in_time(&state);
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
        state.blocked_on = Some(Arc::clone(&file));
        state.courtesy.pollers.look_out(file.id(), &*queue.files, &claim.lock_path);
        queue.wake_timekeeper_in_time(&state);
        drop(state);
        locked = file.lock().map(|()| true);
        waited = true;
        state = queue.state();
        if state.waiter != Some(generation) {
            // Another thread waits for the file that has replaced this one. Closing this file
            // unlocks it.
            return (state, Ok(None));
        }
        state.blocked_on = None;
    }
    if let Err(error) = locked {
        return (state, Err(Error::io(os::LOCK_CALL, &claim.lock_path, error)));
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
        // The lock file was replaced during a hold of this process. The new file is free, but the
        // old hold goes on.
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

/// The text in the lock file. If it is empty, it is read again for a moment.
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
