//! What stands in the queue of a lock file, and what the queue knows besides. All of it is used under one mutex, that of
//! [`Queue`](super::queue::Queue).

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claim::Claim;
use super::courtesy::Courtesy;
use super::directory::Identity;
use super::file::LockFile;
use super::{Error, WriteGuard};

/// What becomes of an entry: called exactly once, outside the mutex, on whatever thread serves or refuses it.
pub(crate) type Settle = Box<dyn FnOnce(Result<WriteGuard, Error>) + Send>;

/// One wish for the lock.
pub(crate) struct Request {
    pub(crate) claim: Arc<Claim>,
    /// How long to wait at most; `None`: for ever. Zero: one attempt.
    pub(crate) timeout: Option<Duration>,
    /// Whose entry this is; see [`abandon`](super::registry::abandon).
    pub(crate) owner: u64,
    pub(crate) settle: Settle,
}

/// Names an entry of one queue.
pub(crate) type EntryId = u64;

pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) claim: Arc<Claim>,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    /// Has one attempt been made for it, or was it found behind somebody? Before that it cannot time out.
    pub(super) tried: bool,
    pub(super) owner: u64,
    settle: Settle,
}

impl Entry {
    pub(super) fn settle(self, outcome: Result<WriteGuard, Error>) {
        (self.settle)(outcome);
    }

    /// Settles as timed out.
    pub(super) fn time_out(self, holder: &str) {
        let timeout = self.timeout.unwrap_or(Duration::MAX);
        self.settle(Err(Error::Timeout { holder: holder.to_owned(), timeout }));
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) entries: VecDeque<Entry>,
    /// Entries that get no further attempt and wait for the timekeeper to refuse them.
    pub(super) overdue: Vec<Entry>,
    /// Does this process hold the lock?
    pub(super) held: bool,
    /// When to leave the lock to other processes.
    pub(super) courtesy: Courtesy,
    /// Open, unlocked lock files, see [`keep`](State::keep).
    pub(super) spare: Vec<Box<dyn LockFile>>,
    /// The generation of the waiter thread, while there is one.
    pub(super) waiter: Option<u64>,
    /// The file that the waiter thread waits for in the kernel.
    pub(super) blocked_on: Option<Identity>,
    pub(super) generations: u64,
    pub(super) timekeeper: bool,
    /// When the timekeeper will look again of itself.
    pub(super) wakes_at: Option<Instant>,
    next_id: EntryId,
}

impl State {
    /// Puts a request at the end of the queue.
    pub(super) fn push(&mut self, request: Request) -> EntryId {
        let Request { claim, timeout, owner, settle } = request;
        let id = self.next_id;
        self.next_id += 1;
        let deadline = from_now(timeout);
        self.entries.push_back(Entry { id, claim, timeout, deadline, tried: false, owner, settle });
        id
    }

    /// Keeps an unlocked lock file: opening costs more than locking, and looks like an attempt of one that polls. One is held
    /// while another one waits, so two are enough.
    pub(super) fn keep(&mut self, file: Box<dyn LockFile>) {
        if self.spare.len() < 2 {
            self.spare.push(file);
        }
    }

    pub(super) fn position(&self, id: EntryId) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id)
    }

    /// Marks every entry as tried: somebody else has the lock.
    pub(super) fn mark_tried(&mut self) {
        for entry in &mut self.entries {
            entry.tried = true;
        }
    }

    /// Takes out what is due at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Entry> {
        let mut due = std::mem::take(&mut self.overdue);
        let is_due = |entry: &Entry| entry.tried && entry.deadline.is_some_and(|deadline| deadline <= now);
        if self.entries.iter().any(is_due) {
            let (expired, waiting) = self.entries.drain(..).partition(is_due);
            self.entries = waiting;
            due.extend::<VecDeque<Entry>>(expired);
        }
        due
    }

    /// The earliest deadline the timekeeper has to keep.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.entries.iter().filter(|entry| entry.tried).filter_map(|entry| entry.deadline).min()
    }
}

/// The deadline of somebody who waits from now on; none for one that no clock reaches.
pub(super) fn from_now(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}
