//! The two threads of a contended lock file.
//!
//! The *waiter* sits in the kernel's blocking flock(2) for the head of the queue, and runs it to its end when the lock
//! is granted: sent back to a pool of workers, the lock would be held while nothing runs. The *timekeeper* refuses
//! entries whose deadline has passed, since the waiter cannot look at a clock. Both are detached, so that neither the
//! end of the process nor that of a thread ever waits for a lock, and both end when nobody waits.
//!
//! An entry that is refused leaves the waiter in the kernel. A grant that then arrives late goes to the next entry, or
//! is given back at once.

#![forbid(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;
use super::claim::Claim;
use super::entry::{Entry, State};
use super::file::LockFile;
use super::queue::{Queue, UNKNOWN_HOLDER};

/// How long an empty lock file is read again before its holder is called unknown: the gap between two holders.
const HOLDER_PATIENCE: Duration = Duration::from_millis(10);
const HOLDER_RETRY: Duration = Duration::from_millis(1);

pub(super) fn spawn_waiter(queue: Arc<Queue>, generation: u64) -> io::Result<()> {
    thread::Builder::new().name("sqlock-waiter".into()).spawn(move || wait(&queue, generation)).map(drop)
}

pub(super) fn spawn_timekeeper(queue: Arc<Queue>) -> io::Result<()> {
    thread::Builder::new().name("sqlock-clock".into()).spawn(move || keep_time(&queue)).map(drop)
}

fn wait(queue: &Arc<Queue>, generation: u64) {
    while let Some((entry, outcome)) = next(queue, generation) {
        // A panic of what runs under the grant ends that entry alone: unwinding drops its guard, which unlocks.
        let _ = catch_unwind(AssertUnwindSafe(|| entry.settle(outcome)));
    }
}

/// Waits until the head of the queue can be settled; `None` when this thread is not needed any more.
fn next(queue: &Arc<Queue>, generation: u64) -> Option<(Entry, Result<super::WriteGuard, Error>)> {
    let mut state = queue.state();
    loop {
        if state.waiter != Some(generation) {
            return None;
        }
        let Some(claim) = state.entries.front().map(|head| Arc::clone(&head.claim)) else {
            state.waiter = None;
            return None;
        };
        let (back, locked) = lock(queue, state, &claim, generation);
        state = back;
        match locked {
            Ok(None) => {}
            Ok(Some(file)) => {
                if let Some(head) = queue.remove(&mut state, 0) {
                    let guard = queue.grant(&mut state, file, &head.claim);
                    return Some((head, Ok(guard)));
                }
                // Everybody gave up in the meantime. Unlocked and kept; the loop ends this thread.
                state.spare = file.unlock().is_ok().then_some(file);
            }
            // With nobody left to tell, the loop ends this thread.
            Err(error) => {
                if let Some(head) = queue.remove(&mut state, 0) {
                    return Some((head, Err(error)));
                }
            }
        }
    }
}

/// What came of locking the lock file. `None`: look again.
type Locked = Result<Option<Box<dyn LockFile>>, Error>;

/// Locks the lock file, in the kernel if need be, where the mutex is not held.
///
/// A hold of this very process is waited for in the kernel like any other, on an open file of the thread's own: that
/// gives it its place among the waiters of other processes.
fn lock<'q>(
    queue: &'q Queue,
    mut state: MutexGuard<'q, State>,
    claim: &Claim,
    generation: u64,
) -> (MutexGuard<'q, State>, Locked) {
    let file = match state.spare.take().map_or_else(|| queue.files.open(claim), Ok) {
        Ok(file) => file,
        Err(error) => return (state, Err(error)),
    };
    let mut locked = file.try_lock();
    if let Ok(false) = locked {
        if queue.files.current(claim) != Some(file.id()) {
            return (state, Ok(None));
        }
        state.mark_tried();
        state.blocked_on = Some(file.id());
        queue.clock.notify_all();
        drop(state);
        locked = file.lock().map(|()| true);
        state = queue.state();
        if state.waiter != Some(generation) {
            // Another thread waits on the file that took the place of this one; closing it frees it.
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
    if state.held {
        // The lock file was replaced during a hold of ours: the new one is free, but the old hold still stands.
        drop(file);
        state = queue.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        return (state, Ok(None));
    }
    (state, Ok(Some(file)))
}

fn keep_time(queue: &Queue) {
    loop {
        let due = {
            let mut state = queue.state();
            let due = state.expire(Instant::now());
            if due.is_empty() {
                if state.entries.is_empty() {
                    state.timekeeper = false;
                    return;
                }
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

fn sleep_until(queue: &Queue, state: MutexGuard<'_, State>) {
    match state.next_deadline() {
        Some(deadline) => {
            let pause = deadline.saturating_duration_since(Instant::now());
            drop(queue.clock.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
        }
        None => drop(queue.clock.wait(state).unwrap_or_else(PoisonError::into_inner)),
    }
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
