//! A batch of writes that takes the lock itself.
//!
//! The batch is in the queue of its lock file together with its bytes. So the thread that gets the
//! lock can write at once, without another thread. While the batch waits, further writes may join
//! it. A batch that had its time puts the rest of its writes back in its old place and gives the
//! lock back. Later calls stay behind it, whether the rest is ready or not.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::convert::to_duration;
use super::environment;
use super::error::{Failure, guarded};
use super::outcomes::{Delivery, Mailbox, Served, Turn};
use super::ticket::Ticket;
use crate::lock::{self, Owner, Queue, WriteGuard};
use crate::sqlite::{self, Interrupt};

pub(super) struct Queued {
    pub(super) ticket: Ticket,
    /// `None` when it is written. The mutex stays locked until the outcomes are delivered, so that
    /// those of the next part come after them.
    batch: Mutex<Option<Batch>>,
    mailbox: Mailbox,
    interrupt: Arc<Interrupt>,
    timeout: Option<Duration>,
    owner: Owner,
    /// Has the thread of the caller ended?
    gone: Arc<AtomicBool>,
}

impl Queued {
    pub(super) fn enter(
        batch: Batch,
        timeout_ms: f64,
        mailbox: Mailbox,
        interrupt: Arc<Interrupt>,
    ) -> std::result::Result<Arc<Self>, lock::Error> {
        let locker = Arc::clone(batch.database.shared_locker());
        let queue = locker.queue()?;
        let queued = Arc::new(Self {
            ticket: Ticket::default(),
            batch: Mutex::new(Some(batch)),
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

    /// Adds writes to those that wait for the lock, and starts the timeout of the whole batch
    /// again. The caller makes sure that the first of them was not called long before.
    pub(super) fn append(&self, statements: Vec<String>, bytes: &[u8]) -> bool {
        // If it is locked, a thread writes it.
        let Ok(mut batch) = self.batch.try_lock() else { return false };
        let Some(batch) = batch.as_mut() else { return false };
        // From here on the batch is not served without these writes, and not refused before their
        // timeout.
        if self.ticket.with(|queue, id| queue.renew(id)) != Some(true) {
            return false;
        }
        batch.statements.extend(statements);
        batch.bytes.extend_from_slice(bytes);
        true
    }

    fn settle(self: &Arc<Self>) -> impl FnOnce(std::result::Result<WriteGuard, lock::Error>) + Send + 'static {
        let queued = Arc::clone(self);
        move |granted| queued.serve(granted)
    }

    fn serve(self: &Arc<Self>, granted: std::result::Result<WriteGuard, lock::Error>) {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        // If it panics, unwinding drops the guard, and the promise is still rejected.
        self.mailbox.deliver(guarded(|| self.write(&mut batch, granted)));
        let is_over = batch.is_none();
        drop(batch);
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
        batch: &mut Option<Batch>,
        granted: std::result::Result<WriteGuard, lock::Error>,
    ) -> Delivery {
        let taken = batch.take();
        let (guard, began) = (granted?, Instant::now());
        guard.begin_batch();
        let taken = taken.ok_or(crate::Error::from(sqlite::Error::Malformed))?;
        let (locker, wait) = (Arc::clone(taken.database.shared_locker()), began - taken.since);
        let (outcomes, left) = taken.run(&guard, None, &self.interrupt)?;
        if let Some(left) = left {
            *batch = Some(Batch { since: Instant::now(), ..left });
            let request = |settle| locker.request(self.timeout, self.owner.clone(), settle);
            self.ticket.put_back(&guard, self.settle(), request);
        }
        let (release, hold) = (guard.release(), began.elapsed());
        Ok::<_, Failure>(Served { outcomes, lock: Some(Turn { wait, hold, release }) })
    }
}
