//! What a call keeps while it has an entry in the queue of a lock file.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::lock::{EntryId, Error, Queue, Request, Settle, WriteGuard};

/// The place of a call in the queue, as long as it has one: a queue that somebody holds on to is
/// not let go.
#[derive(Clone, Default)]
pub(super) struct Ticket(Arc<Mutex<Place>>);

#[derive(Default)]
enum Place {
    #[default]
    NotYet,
    At(Arc<Queue>, EntryId),
    Left,
}

impl Ticket {
    /// Puts a request into the queue. `settle` is called when it leaves, on any thread, and maybe
    /// before this returns.
    pub(super) fn enter(
        &self,
        queue: Arc<Queue>,
        settle: impl FnOnce(std::result::Result<WriteGuard, Error>) + Send + 'static,
        enter: impl FnOnce(&Arc<Queue>, Settle) -> EntryId,
    ) {
        let id = enter(&queue, self.leaving(settle));
        let mut place = self.place();
        if matches!(*place, Place::NotYet) {
            *place = Place::At(queue, id);
        }
    }

    /// Puts what is left to do back at the place that it had, before the lock is given back.
    pub(super) fn put_back(
        &self,
        guard: &WriteGuard,
        settle: impl FnOnce(std::result::Result<WriteGuard, Error>) + Send + 'static,
        request: impl FnOnce(Settle) -> Request,
    ) {
        let request = request(self.leaving(settle));
        // Whoever settles it waits until its place is known.
        let mut place = self.place();
        let (queue, id) = guard.put_back(request);
        *place = Place::At(queue, id);
    }

    fn leaving(&self, settle: impl FnOnce(std::result::Result<WriteGuard, Error>) + Send + 'static) -> Settle {
        let ticket = self.clone();
        Box::new(move |outcome| {
            *ticket.place() = Place::Left;
            settle(outcome);
        })
    }

    /// Asks the queue; `None` when the call is in none.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&Arc<Queue>, EntryId) -> T) -> Option<T> {
        let at = match &*self.place() {
            Place::At(queue, id) => Some((Arc::clone(queue), *id)),
            Place::NotYet | Place::Left => None,
        };
        at.map(|(queue, id)| ask(&queue, id))
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
