//! What the queue knows, and the order of its entries. All of it is used under one mutex, that of
//! [`Queue`](super::Queue).

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Entry, EntryId, QueueState, Request};
use crate::lock::claim::Claim;
use crate::os::{self, LockFile};

impl QueueState {
    /// Puts a request at the end of the queue.
    pub(super) fn push(&mut self, request: Request) -> EntryId {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.insert(id, Entry::new(request));
        id
    }

    /// Puts the rest of an entry that has the lock back in its old place: all later calls stay
    /// behind it.
    pub(super) fn put_back(&mut self, id: Option<EntryId>, request: Request) -> EntryId {
        let Some(id) = id else { return self.push(request) };
        let has_time = request.timeout != Some(Duration::ZERO);
        self.entries.insert(id, Entry::new(request));
        if has_time {
            self.mark_as_tried(id);
        } else {
            // Its deadline would be now, before an attempt. It is refused when the lock is found
            // taken.
            self.untried = self.untried.min(id);
        }
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

    /// Keeps an unlocked lock file open, because opening costs more than locking. Also, an open and
    /// a close in a short time look like an attempt of a program that polls. One file is held while
    /// another one waits, so two are enough.
    ///
    /// A locker has no call that closes files. So where an open file cannot be deleted, only that of
    /// a hold of a database is kept: it is closed with the database.
    pub(super) fn keep(&mut self, file: Arc<dyn LockFile>) {
        let may_stay = self.by_database || !os::OPEN_FILES_CANNOT_BE_DELETED;
        if may_stay && self.spare.len() < 2 {
            self.spare.push(file);
        }
    }

    /// Closes the lock files that [`keep`](Self::keep) has kept, unless this process uses the lock.
    pub(super) fn close_idle(&mut self) {
        if !self.held && self.entries.is_empty() {
            self.spare.clear();
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

    /// Starts the timeout of an entry again. False if the entry is gone.
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

    /// From now on every entry may time out: another process has the lock.
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

    /// Takes out the entries whose deadline has passed at `now`.
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

    /// Starts the timeout of a due entry again in two cases. A batch of this process is being
    /// written, so its databases do get the lock. Or the event loop of its thread is blocked during
    /// a hold of this process, so that no hold there can end.
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
