//! When an entry of the queue times out, and how it ends.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use super::{Entry, Request, WriteGuard};
use crate::lock::Error;

/// A timeout that starts again lasts at least this long: on a busy machine, the next call of this
/// process takes a moment to get a lock that is free.
const RESTARTED: Duration = Duration::from_millis(200);

impl Entry {
    pub(super) fn new(request: Request) -> Self {
        let Request { claim, timeout, owner, is_brief, settle } = request;
        Self { claim, timeout, since: Instant::now(), tried: false, alarm: None, owner, is_brief, settle }
    }

    /// When the entry is refused; `None` if no clock reaches that instant. The timeout of a call of
    /// a database starts when a database of this process last got the lock or gave it back: a call
    /// that waits behind calls of its own program is not kept from the lock by others. Behind a
    /// hold of this process, the timeout starts when its event loop last went on after it was
    /// blocked.
    pub(super) fn deadline(&self, last_had: Option<Instant>, held: bool) -> Option<Instant> {
        let timeout = self.timeout?;
        let again = last_had.max(self.owner.resumed().filter(|_| held));
        match again.filter(|again| self.starts_again() && *again > self.since) {
            Some(again) => again.checked_add(timeout.max(RESTARTED)),
            None => self.since.checked_add(timeout),
        }
    }

    pub(super) fn starts_again(&self) -> bool {
        self.claim.of_database && self.timeout != Some(Duration::ZERO)
    }

    pub(super) fn settle(self, outcome: Result<WriteGuard, Error>) {
        (self.settle)(outcome);
    }

    /// Settles with [`Error::Timeout`].
    pub(super) fn time_out(self, holder: &str) {
        let timeout = self.timeout.unwrap_or(Duration::MAX);
        self.settle(Err(Error::Timeout { holder: holder.to_owned(), timeout }));
    }
}
