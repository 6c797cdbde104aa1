//! A batch of writes that takes the lock itself.
//!
//! It stands in the queue of its lock file with its bytes, so that the thread that is granted the lock needs nobody else. While it
//! waits, further writes may join it. A batch that had its time gives the lock back and stands at its old place again with the
//! rest: what was called later stays behind it, whether that is ready or not.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::convert::to_duration;
use super::environment;
use super::error::{Failure, guarded};
use super::outcomes::{Mailbox, Outcome, Turn, Written};
use super::ticket::Ticket;
use crate::Database;
use crate::db::Batch;
use crate::lock::{self, Owner, Queue, WriteGuard};
use crate::sqlite::{self, HoldId, Interrupt, TransactionId, Write};

/// What is to be written, and where.
pub(super) struct Work {
    pub(super) database: Arc<Database>,
    /// The open transaction it belongs to.
    pub(super) transaction: Option<TransactionId>,
    pub(super) statements: Vec<String>,
    pub(super) batch: Vec<u8>,
    /// How many writes are done.
    pub(super) done: usize,
    /// Since when the others wait.
    pub(super) since: Instant,
}

impl Work {
    /// Writes for a while; with what is left, if there is something.
    pub(super) fn run(
        mut self,
        guard: &WriteGuard,
        hold: Option<HoldId>,
        interrupt: &Interrupt,
    ) -> std::result::Result<(Batch, Option<Self>), crate::Error> {
        let writes = sqlite::decode(&self.statements, &self.batch).ok_or(sqlite::Error::Malformed)?;
        let left = writes.get(self.done..).unwrap_or_default();
        let batch = self.database.write(guard, hold, self.transaction, left, interrupt)?;
        let done = count(left, batch.outcomes.len());
        if done == left.len() {
            return Ok((batch, None));
        }
        self.done += done;
        Ok((batch, Some(self)))
    }
}

/// How many of these writes have so many outcomes: several that go together have one each.
fn count(writes: &[Write<'_>], outcomes: usize) -> usize {
    let mut sum = 0;
    let has_outcome = |write: &&Write<'_>| {
        sum += if let Write::All(all) = write { all.len() } else { 1 };
        sum <= outcomes
    };
    writes.iter().take_while(has_outcome).count()
}

pub(super) struct Queued {
    pub(super) ticket: Ticket,
    /// Until a thread writes it. It is locked until what came of it is delivered, so that the next part comes behind that.
    work: Mutex<Option<Work>>,
    mailbox: Mailbox,
    interrupt: Arc<Interrupt>,
    timeout: Option<Duration>,
    owner: Owner,
    /// Has the thread of the caller ended?
    gone: Arc<AtomicBool>,
}

impl Queued {
    pub(super) fn enter(
        work: Work,
        timeout_ms: f64,
        mailbox: Mailbox,
        interrupt: Arc<Interrupt>,
    ) -> std::result::Result<Arc<Self>, lock::Error> {
        let locker = Arc::clone(work.database.shared_locker());
        let queue = locker.queue()?;
        let queued = Arc::new(Self {
            ticket: Ticket::default(),
            work: Mutex::new(Some(work)),
            mailbox,
            interrupt,
            timeout: to_duration(timeout_ms),
            owner: environment::owner(),
            gone: environment::gone(),
        });
        queued.ticket.enter(queue, queued.settle(), |queue, settle| {
            queue.enter(locker.request(queued.timeout, queued.owner.clone(), settle))
        });
        Ok(queued)
    }

    /// Adds writes to those that wait for the lock. Their timeouts count from now on, and so does that of the whole; the caller
    /// sees to it that the first of them was not called long before.
    pub(super) fn append(&self, statements: Vec<String>, batch: &[u8]) -> bool {
        // Locked: a thread writes it.
        let Ok(mut work) = self.work.try_lock() else { return false };
        let Some(work) = work.as_mut() else { return false };
        // From here on it cannot be served without them, nor be refused before their time.
        if self.ticket.with(|queue, id| queue.renew(id)) != Some(true) {
            return false;
        }
        work.statements.extend(statements);
        work.batch.extend_from_slice(batch);
        true
    }

    fn settle(self: &Arc<Self>) -> impl FnOnce(std::result::Result<WriteGuard, lock::Error>) + Send + 'static {
        let queued = Arc::clone(self);
        move |granted| queued.serve(granted)
    }

    fn serve(self: &Arc<Self>, granted: std::result::Result<WriteGuard, lock::Error>) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        // A panic drops the guard while it unwinds, and the promise is rejected all the same.
        self.mailbox.deliver(guarded(|| self.write(&mut work, granted)));
        let is_over = work.is_none();
        drop(work);
        if is_over {
            return;
        }
        if self.gone.load(Ordering::SeqCst) || self.interrupt.is_requested() {
            self.ticket.with(|queue, id| queue.cancel(id));
        } else {
            self.ticket.with(Queue::overtake);
        }
    }

    fn write(
        self: &Arc<Self>,
        work: &mut Option<Work>,
        granted: std::result::Result<WriteGuard, lock::Error>,
    ) -> Outcome {
        let taken = work.take();
        let (guard, began) = (granted?, Instant::now());
        guard.begin_batch();
        let taken = taken.ok_or(crate::Error::from(sqlite::Error::Malformed))?;
        let (locker, wait) = (Arc::clone(taken.database.shared_locker()), began - taken.since);
        let (batch, left) = taken.run(&guard, None, &self.interrupt)?;
        if let Some(left) = left {
            *work = Some(Work { since: Instant::now(), ..left });
            let request = |settle| locker.request(self.timeout, self.owner.clone(), settle);
            self.ticket.put_back(&guard, self.settle(), request);
        }
        let (release, hold) = (guard.release(), began.elapsed());
        Ok::<_, Failure>(Written { batch, lock: Some(Turn { wait, hold, release }) })
    }
}
