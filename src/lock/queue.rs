//! The queue of all calls in this process that want one lock file: its types, and the life of a
//! call.
//!
//! ```text
//!              ┌──────────────────────────────┐
//!  enter() ───►│ an entry at the end          │
//!              └──────────────┬───────────────┘
//!                             ▼
//!              ┌──────────────────────────────┐  free       ┌─────────────────────────────────┐
//!              │ a worker makes one attempt:  ├────────────►│ granted: the entry settles with │
//!              │ flock, without a wait        │      ┌─────►│ a guard, and its work runs      │
//!              └──────────────┬───────────────┘      │      └──┬───────────────────────────┬──┘
//!                             │ refused              │         │ done                      │ left
//!                             ▼                      │         │                           │
//!              ┌──────────────────────────────┐      │         │                  put_back │
//!         ┌────┤ the entry waits in its place │◄─────┼─────────┼───────────────────────────┘
//!         │    └──────────────┬───────────────┘      │         ▼
//!  timeout│                   │ it is the first      │  ┌───────────────────────────────┐
//!  or     │                   ▼                      │  │ give back: empty db.lock,     │
//!  cancel │    ┌──────────────────────────────┐      │  │ unlock; the kernel wakes the  │
//!         │    │ the waiter thread blocks     ├──────┘  │ first thread that waits for   │
//!         │    │ in flock                     │◄────────┤ the file, in whatever process │
//!         ▼    └──────────────────────────────┘         └───────────────────────────────┘
//!    refused: the entry settles with Timeout or Cancelled
//! ```
//!
//! Each call has an [entry](Entry). Entries get the lock in the order of their calls.
//!
//! 1. The call enters the queue on its own thread, and does not wait there.
//! 2. A worker of a thread pool makes one attempt ([`Queue::attempt`]). It takes the lock only if
//!    the entry is the first, this process does not hold the lock, and it is not the turn of other
//!    processes. A call that can make this attempt on its own thread does so
//!    ([`Queue::try_acquire`]) and enters the queue only if it was refused ([`Queue::wait`]).
//! 3. A refused entry waits in its place. If no worker comes, [`Queue::overtake`] lets it wait,
//!    too. An entry whose timeout is 0 does not wait: it is refused at once.
//! 4. One thread of this process, the waiter thread, blocks in flock(2) for the first entry,
//!    however many entries wait. When the kernel grants the lock, the same thread runs the entry.
//! 5. A second thread, the timekeeper, refuses each entry whose deadline has passed. The waiter
//!    thread stays in the kernel then. If its grant comes when no entry is left, it gives the lock
//!    back.
//! 6. The work runs while its [`WriteGuard`] lives. A batch that had its time puts the rest of its
//!    writes back in its old place, and then gives the lock back like any other.
//! 7. The release empties db.lock and unlocks it. The kernel wakes the first thread that waits for
//!    the file, in this process or in another one. A waiter thread that is not in the kernel is
//!    woken here.
//! 8. If the next entry is a hold of JavaScript, the releasing thread passes the lock on to it
//!    instead, and db.lock stays locked. It does so for a stint ([`super::courtesy`]), and for
//!    longer if no other process waits. It does not run a batch: it may be an event loop.
//!
//! Invariants, all kept under the mutex of [`QueueState`]:
//! - `held` is true from a grant to the release of its guard. Only in that time has this process
//!   locked a lock file.
//! - A lock file that is held or waited for is used for nothing else. Two holds on one open file
//!   description would both be granted, and so would a hold and a wait; the unlock of one would end
//!   the other.
//! - While an entry that was `tried` is in the queue, there are a waiter thread and a timekeeper.
//!   They end only when the queue is empty.
//!
//! Under the mutex there are only system calls that do not block and take a few microseconds.
//! Grants and refusals are delivered outside of it.
//!
//! The methods of these types are in the parts below. Each part uses this file and the rows below
//! its own.
//!
//! | file | holds |
//! |---|---|
//! | `serve` | the way of an entry from its call to its grant or refusal |
//! | `waiter` | the waiter thread and the timekeeper |
//! | `registry` | which directory has which queue |
//! | `guard` | a hold, from the grant to the release |
//! | `state` | what the queue knows, and the order of its entries |
//! | `entry` | when an entry times out, and how it ends |

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
use super::directory::Directory;
use super::owner::Owner;
use super::seam::LockFiles;
use crate::os::LockFile;

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
    /// Wakes the waiter thread: an entry waits, or a hold of this process has ended.
    turn: Condvar,
    /// Wakes the timekeeper: there is an earlier deadline.
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
        // Nothing that can panic runs under the mutex. If it panics nevertheless, the state is
        // still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hold of the write lock. It ends with [`release`](Self::release), with its drop, or with the
/// process.
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard {
    queue: Arc<Queue>,
    file: Option<Arc<dyn LockFile>>,
    lock_path: PathBuf,
    /// The entry that got the lock; `None` for an attempt without an entry.
    entry: Option<EntryId>,
}

/// How an entry ends. Called exactly once, outside the mutex, on the thread that serves or refuses
/// the entry.
pub(crate) type Settle = Box<dyn FnOnce(Result<WriteGuard, Error>) + Send>;

/// What a call asks of the queue.
pub(crate) struct Request {
    pub(crate) claim: Arc<Claim>,
    /// How long to wait at most. `None`: for ever. Zero: one attempt.
    pub(crate) timeout: Option<Duration>,
    pub(crate) owner: Owner,
    /// Does `settle` only tell somebody? Then any thread may call it, the event loop too.
    pub(crate) is_brief: bool,
    pub(crate) settle: Settle,
}

/// The number of an entry in its queue. The numbers grow, so they are also the order of the queue.
pub(crate) type EntryId = u64;

/// A call in the queue.
struct Entry {
    claim: Arc<Claim>,
    timeout: Option<Duration>,
    /// When its timeout started.
    since: Instant,
    /// Was an attempt made for it, or was it found behind another entry? Before that it cannot time
    /// out.
    tried: bool,
    /// When the timekeeper looks at it, see [`QueueState::deadlines`].
    alarm: Option<Instant>,
    owner: Owner,
    is_brief: bool,
    settle: Settle,
}

/// What the queue knows.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct QueueState {
    entries: BTreeMap<EntryId, Entry>,
    /// When to look at which of the tried entries. If the timeout of an entry has started again
    /// meanwhile, that look finds out.
    deadlines: BTreeSet<(Instant, EntryId)>,
    /// Every entry before this one was tried.
    untried: EntryId,
    /// When a database of this process last got the lock, or gave it back.
    last_had: Option<Instant>,
    /// Does a database hold it?
    by_database: bool,
    /// Is a batch of a database of this process being written? Then the calls of its databases do
    /// not time out.
    writing: bool,
    /// Entries that get no further attempt and wait for the timekeeper to refuse them.
    overdue: Vec<Entry>,
    /// Does this process hold the lock?
    held: bool,
    /// When to leave the lock to other processes.
    courtesy: Courtesy,
    /// Open, unlocked lock files, see [`keep`](QueueState::keep).
    spare: Vec<Arc<dyn LockFile>>,
    /// The generation of the waiter thread, while there is one.
    waiter: Option<u64>,
    /// The file that the waiter thread waits for in the kernel.
    blocked_on: Option<Arc<dyn LockFile>>,
    generations: u64,
    timekeeper: bool,
    /// When the timekeeper wakes up without a signal.
    wakes_at: Option<Instant>,
    next_id: EntryId,
}
