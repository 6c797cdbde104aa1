//! A batch of writes on its way.
//!
//! A submission enters the queue of its lock file with the call. The thread that comes first serves
//! it: the libuv worker that was sent for it, or the waiter thread. The waiter thread serves it if
//! the worker finds the lock taken, or does not come. A worker never waits for the lock. The result
//! is left in a [`Mailbox`], and settles the promise that was made last.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over arrays, it does not lend them")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{AsyncTask, Object, Uint8Array};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::batch::Batch;
use super::environment;
use super::error::{Failure, exception, guarded, not_started};
use super::interrupts::interrupt;
use super::outcomes::{Mailbox, NativeOutcomes, Resolver, Served, to_js};
use super::queued::Queued;
use crate::lock::{self, Queue, WriteGuard};
use crate::sqlite::{HoldId, Interrupt};
use crate::threads;

/// A batch under a hold of JavaScript, until a thread takes it.
#[derive(Clone)]
struct UnderHold {
    hold: HoldId,
    waiting: Arc<Mutex<Option<Waiting>>>,
    interrupt: Arc<Interrupt>,
}

/// The flag is true when the hold has ended.
type Waiting = (Arc<WriteGuard>, Batch, Arc<AtomicBool>);

impl UnderHold {
    fn write(&self, mailbox: &Mailbox) {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((guard, batch, ended)) = taken {
            let database = Arc::clone(&batch.database);
            let written = guarded(|| batch.run(&guard, Some(self.hold), &self.interrupt));
            // The end of the hold did not wait for this write. If the write began a transaction
            // after that, nobody else can end it.
            if ended.load(Ordering::SeqCst) {
                database.abandon_transaction(&guard);
            }
            drop(guard);
            mailbox.deliver(written.map(|(outcomes, _)| Served { outcomes, lock: None }));
        }
    }

    /// No thread could be started for the batch. None of it is written, unless a worker has come
    /// meanwhile.
    fn refuse(&self, mailbox: &Mailbox, error: io::Error) {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, batch, _)) = taken {
            mailbox.deliver(Err(not_started(batch.database.path(), error)));
        }
    }
}

/// How a batch comes to the lock.
#[derive(Clone)]
enum Route {
    /// Through the queue.
    Queue(Arc<Queued>),
    /// Under a hold of JavaScript.
    Hold(UnderHold),
}

/// A batch of writes on its way.
#[napi]
pub struct NativeSubmission {
    route: Route,
    mailbox: Mailbox,
    interrupt: Arc<Interrupt>,
}

impl NativeSubmission {
    /// Enters a write into the queue, or prepares it to run under `hold`.
    pub(super) fn new(env: &Env, hold: i64, timeout_ms: f64, batch: Batch) -> Result<Self> {
        let (mailbox, interrupt) = (Mailbox::default(), interrupt());
        if hold != environment::NO_HOLD {
            let guard = environment::guard(hold).ok_or_else(|| exception(env, lock::Error::Cancelled))?;
            if batch.transaction.is_some() {
                environment::note(hold, &batch.database, &interrupt);
            }
            let waiting = Arc::new(Mutex::new(Some((guard, batch, environment::ended(hold)))));
            let route = Route::Hold(UnderHold { hold, waiting, interrupt: Arc::clone(&interrupt) });
            return Ok(Self { route, mailbox, interrupt });
        }
        let queued = Queued::enter(batch, timeout_ms, mailbox.clone(), Arc::clone(&interrupt));
        let route = Route::Queue(queued.map_err(|error| exception(env, error))?);
        Ok(Self { route, mailbox, interrupt })
    }
}

#[napi]
impl NativeSubmission {
    /// Sends a worker for it. Resolves to null if the worker found the lock taken: call `overtake`
    /// then.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeOutcomes | null>")]
    pub fn run(&self) -> AsyncTask<WriteTask> {
        AsyncTask::new(WriteTask { route: self.route.clone(), mailbox: self.mailbox.clone() })
    }

    /// Does not wait for the worker any more. The thread that serves the batch settles the promise,
    /// with what came of the writes that are done. If some are left, call it again for the next
    /// part.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeOutcomes>")]
    pub fn overtake<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<NativeOutcomes, Resolver>()?;
        self.mailbox.settle(deferred);
        match &self.route {
            Route::Queue(queued) => {
                queued.ticket.with(Queue::overtake);
            }
            // The lock is held meanwhile, and the pool may stay full for ever. So this batch gets a
            // thread of its own.
            Route::Hold(under_hold) => {
                let (writing, mailbox) = (under_hold.clone(), self.mailbox.clone());
                if let Err(error) = threads::spawn("sqlock-write", move || writing.write(&mailbox)) {
                    under_hold.refuse(&self.mailbox, error);
                }
            }
        }
        Ok(promise)
    }

    /// Was it refused the lock, and does it wait now?
    #[napi(catch_unwind)]
    pub fn waiting(&self) -> bool {
        matches!(&self.route, Route::Queue(queued) if queued.ticket.with(Queue::is_waiting) == Some(true))
    }

    /// Leaves the queue: the promise is rejected as cancelled. If it was granted in the meantime,
    /// the statement that runs is interrupted, and the writes that are not done fail with
    /// `SQLITE_INTERRUPT`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.interrupt.request();
        if let Route::Queue(queued) = &self.route {
            queued.ticket.with(|queue, id| queue.cancel(id));
        }
    }

    /// Adds further writes while it waits for the lock, and starts its timeout again. False if it
    /// does not wait.
    #[napi(catch_unwind)]
    pub fn append(&self, statements: Vec<String>, batch: Uint8Array) -> bool {
        matches!(&self.route, Route::Queue(queued) if queued.append(statements, &batch))
    }
}

pub struct WriteTask {
    route: Route,
    mailbox: Mailbox,
}

impl Task for WriteTask {
    type Output = std::result::Result<(), Failure>;
    type JsValue = Option<NativeOutcomes>;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(guarded(|| {
            match &self.route {
                Route::Queue(queued) => {
                    queued.ticket.with(Queue::attempt);
                }
                Route::Hold(under_hold) => under_hold.write(&self.mailbox),
            }
            Ok::<(), Failure>(())
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> Result<Option<NativeOutcomes>> {
        output.map_err(|failure| exception(&env, failure))?;
        self.mailbox.collect().map(|outcome| to_js(&env, outcome)).transpose()
    }
}
