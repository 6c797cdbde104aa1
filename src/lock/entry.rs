//! What stands in the queue of a lock file, and what the queue knows besides. All of it is used under one mutex, that of
//! [`Queue`](super::queue::Queue).

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claim::Claim;
use super::courtesy::Courtesy;
use super::directory::Identity;
use super::file::LockFile;
use super::owner::Owner;
use super::{Error, WriteGuard};

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

/// A timeout that starts again lasts so long at least: on a busy machine the next call of this process takes a moment to get a lock
/// that is free.
const RESTARTED: Duration = Duration::from_millis(200);

pub(super) struct Entry {
    pub(super) claim: Arc<Claim>,
    pub(super) timeout: Option<Duration>,
    /// From when on its timeout counts.
    since: Instant,
    /// Has one attempt been made for it, or was it found behind somebody? Before that it cannot time out.
    pub(super) tried: bool,
    /// When the timekeeper looks after it, see [`State::deadlines`].
    alarm: Option<Instant>,
    pub(super) owner: Owner,
    settle: Settle,
}

impl Entry {
    fn new(request: Request) -> Self {
        let Request { claim, timeout, owner, settle } = request;
        Self { claim, timeout, since: Instant::now(), tried: false, alarm: None, owner, settle }
    }

    /// When it is refused; never for one that no clock reaches. A call of a database counts from when a database of this
    /// process last got the lock or gave it back: what waits behind calls of its own program is not without the lock. Behind a hold of this
    /// process it counts from when its event loop was last blocked.
    fn deadline(&self, last_had: Option<Instant>, held: bool) -> Option<Instant> {
        let timeout = self.timeout?;
        let again = last_had.max(self.owner.resumed().filter(|_| held));
        match again.filter(|again| self.starts_again() && *again > self.since) {
            Some(again) => again.checked_add(timeout.max(RESTARTED)),
            None => self.since.checked_add(timeout),
        }
    }

    fn starts_again(&self) -> bool {
        self.claim.of_database && self.timeout != Some(Duration::ZERO)
    }

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
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct State {
    pub(super) entries: BTreeMap<EntryId, Entry>,
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
        let id = self.next_id;
        self.next_id += 1;
        self.entries.insert(id, Entry::new(request));
        id
    }

    /// Puts what is left of an entry that has the lock where that one was: all that was called later stays behind it.
    pub(super) fn put_back(&mut self, id: Option<EntryId>, request: Request) -> EntryId {
        let Some(id) = id else { return self.push(request) };
        self.entries.insert(id, Entry::new(request));
        self.mark_as_tried(id);
        id
    }

    pub(super) fn take(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(alarm) = entry.alarm {
            self.deadlines.remove(&(alarm, id));
        }
        Some(entry)
    }

    pub(super) fn take_head(&mut self) -> Option<(EntryId, Entry)> {
        let (&id, _) = self.entries.first_key_value()?;
        Some((id, self.take(id)?))
    }

    pub(super) fn head(&self) -> Option<&Entry> {
        self.entries.first_key_value().map(|(_, head)| head)
    }

    pub(super) fn is_head(&self, id: EntryId) -> bool {
        self.entries.first_key_value().is_some_and(|(head, _)| *head == id)
    }

    /// Keeps an unlocked lock file: opening costs more than locking, and a close soon after it looks like an attempt of a
    /// program that polls. One is held while another one waits, so two are enough.
    pub(super) fn keep(&mut self, file: Box<dyn LockFile>) {
        if self.spare.len() < 2 {
            self.spare.push(file);
        }
    }

    /// The lock was granted.
    pub(super) fn granted(&mut self, claim: &Claim) {
        self.held = true;
        self.by_database = claim.of_database;
        if self.by_database {
            self.last_had = Some(Instant::now());
        }
    }

    /// The hold that was granted last is for a batch, until it is released.
    pub(super) fn begin_batch(&mut self) {
        self.writing = true;
    }

    pub(super) fn released(&mut self) {
        self.held = false;
        self.writing = false;
        if std::mem::take(&mut self.by_database) {
            self.last_had = Some(Instant::now());
        }
    }

    /// Lets the timeout of an entry count from now on. False when there is none.
    pub(super) fn renew(&mut self, id: EntryId) -> bool {
        let entry = self.entries.get_mut(&id);
        entry.map(|entry| entry.since = Instant::now()).is_some()
    }

    /// From now on this entry may time out.
    pub(super) fn mark_as_tried(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.tried) {
            entry.tried = true;
            self.set_alarm(id);
        }
    }

    /// From now on every entry may time out: somebody else has the lock.
    pub(super) fn mark_all_as_tried(&mut self) {
        let untried: Vec<EntryId> = self.entries.range(self.untried..).map(|(id, _)| *id).collect();
        for id in untried {
            self.mark_as_tried(id);
        }
        self.untried = self.next_id;
    }

    fn set_alarm(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.alarm = entry.deadline(self.last_had, self.held);
            self.deadlines.extend(entry.alarm.map(|alarm| (alarm, id)));
        }
    }

    /// Takes out what is due at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Entry> {
        let mut due = std::mem::take(&mut self.overdue);
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(alarm, _)| *alarm <= now) {
            self.deadlines.pop_first();
            self.put_off(id, now);
            self.set_alarm(id);
            if self.entries.get(&id).is_some_and(|entry| entry.alarm.is_some_and(|alarm| alarm <= now)) {
                due.extend(self.take(id));
            }
        }
        due
    }

    /// Lets the timeout of an entry that is due start again if its caller is not without the lock: a batch is being written, or
    /// the event loop of its thread is blocked, so that no hold there can end.
    fn put_off(&mut self, id: EntryId, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.starts_again() && (self.writing || (self.held && entry.owner.is_blocked())) {
            entry.since = now;
        }
    }

    /// When the timekeeper has to look again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(alarm, _)| *alarm)
    }
}
