//! The queue of everything in this process that wants one lock file: its types.
//!
//! A call is an [entry](Entry) in the queue. Entries are granted the lock in the order of the calls that
//! made them. The methods of these types are in the parts below; each part uses the types of this file
//! and the parts below its own row.
//!
//! | file | holds |
//! |---|---|
//! | `serve` | the way of an entry from the call to its grant or refusal |
//! | `waiter` | the thread that waits in the kernel, and the thread that keeps deadlines |
//! | `registry` | which directory has which queue |
//! | `guard` | a hold, from the grant to the release |
//! | `state` | what the queue knows, and its order |
//! | `entry` | when an entry times out |
//!
//! Invariants, all kept under the mutex of [`QueueState`]:
//! - `held` is true from a grant to the release of its guard; only then is a lock file of ours locked.
//! - A lock file that is held or waited for is nowhere else: two holds, or a hold and a waiting thread, on one open file
//!   description would both be granted, and the unlock of one would drop the other.
//! - An entry that was `tried` has a waiter thread and a timekeeper, which end only when the queue is empty.
//!
//! Everything done under the mutex is a non-blocking system call of a few microseconds. Grants and refusals are
//! delivered outside of it.

#![forbid(unsafe_code)]

mod entry;
mod guard;
mod registry;
mod serve;
mod state;
mod waiter;

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Error;
use super::claim::Claim;
use super::courtesy::Courtesy;
use super::directory::{Directory, Identity};
use super::owner::Owner;
use super::seam::{LockFile, LockFiles};

#[cfg(any(feature = "node", test))]
pub(crate) use registry::abandon;
pub(crate) use registry::let_go;
pub(super) use registry::queue_of;

/// The queue for the lock file of one directory.
pub(crate) struct Queue {
    id: u32,
    _directory: Option<Directory>,
    files: Box<dyn LockFiles>,
    state: Mutex<QueueState>,
    /// For the waiter thread: there is somebody to look after, or a hold of this process has ended.
    turn: Condvar,
    /// For the timekeeper: there is an earlier deadline.
    clock: Condvar,
}

impl Queue {
    fn new(directory: Option<Directory>, files: Box<dyn LockFiles>) -> Arc<Self> {
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
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only the Node face tells queues apart"))]
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // Nothing that can panic runs under the mutex; should it, the state is still the one to go on with.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hold of the write lock. It ends with [`release`](Self::release), with its drop, or with the process.
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard {
    queue: Arc<Queue>,
    file: Option<Box<dyn LockFile>>,
    lock_path: PathBuf,
    /// The entry of the queue that it was granted to, if it was one.
    entry: Option<EntryId>,
}

/// What becomes of an entry: called exactly once, outside the mutex, on whatever thread serves or refuses it.
pub(crate) type Settle = Box<dyn FnOnce(Result<WriteGuard, Error>) + Send>;

/// One wish for the lock.
pub(crate) struct Request {
    pub(crate) claim: Arc<Claim>,
    /// How long to wait at most; `None`: for ever. Zero: one attempt.
    pub(crate) timeout: Option<Duration>,
    pub(crate) owner: Owner,
    pub(crate) settle: Settle,
}

/// Names an entry of one queue. The numbers grow, so that they are the order of the queue, too.
pub(crate) type EntryId = u64;

/// A call in the queue.
struct Entry {
    claim: Arc<Claim>,
    timeout: Option<Duration>,
    /// From when on its timeout counts.
    since: Instant,
    /// Has one attempt been made for it, or was it found behind somebody? Before that it cannot time out.
    tried: bool,
    /// When the timekeeper looks after it, see [`QueueState::deadlines`].
    alarm: Option<Instant>,
    owner: Owner,
    settle: Settle,
}

/// What the queue knows.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct QueueState {
    entries: BTreeMap<EntryId, Entry>,
    /// When to look after which of those that were tried. A deadline that has started again since is found later then.
    deadlines: BTreeSet<(Instant, EntryId)>,
    /// Every entry before this one was tried.
    untried: EntryId,
    /// When a database of this process last got the lock, or gave it back.
    last_had: Option<Instant>,
    /// Does a database hold it?
    by_database: bool,
    /// Is a batch of a database of this process being written? Then no database of it is without the lock.
    writing: bool,
    /// Entries that get no further attempt and wait for the timekeeper to refuse them.
    overdue: Vec<Entry>,
    /// Does this process hold the lock?
    held: bool,
    /// When to leave the lock to other processes.
    courtesy: Courtesy,
    /// Open, unlocked lock files, see [`keep`](QueueState::keep).
    spare: Vec<Box<dyn LockFile>>,
    /// The generation of the waiter thread, while there is one.
    waiter: Option<u64>,
    /// The file that the waiter thread waits for in the kernel.
    blocked_on: Option<Identity>,
    generations: u64,
    timekeeper: bool,
    /// When the timekeeper will look again of itself.
    wakes_at: Option<Instant>,
    next_id: EntryId,
}
