//! A batch of writes on its way.
//!
//! A submission stands in the queue of its lock file from the call on. It is served by whichever thread comes first: the
//! libuv worker that was sent for it, or, when that one finds the lock taken or does not come, the waiter thread. A
//! worker never waits for the lock. The result is left in a [`Slot`], and the promise of whoever asks last is settled
//! with it.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over arrays, it does not lend them")]

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, BigInt, Either, Float64Array, Object, ObjectRef, Uint8Array};
use napi::{Env, JsDeferred, Result, Task};
use napi_derive::napi;

use super::convert::{duration_to_ms, from_integer};
use super::environment;
use super::error::{Failure, describe, exception, guarded, not_started};
use super::lock::Entry;
use super::queued::{Queued, Work};
use super::rows::NativeRows;
use crate::db::Batch;
use crate::lock::{self, Queue, WriteGuard};
use crate::sqlite::{self, HoldId, Interrupt};
use crate::threads;

/// What came of the writes that are done, and what giving back the lock said after them.
pub(super) struct Written {
    pub(super) batch: Batch,
    /// `None` under a hold of JavaScript.
    pub(super) lock: Option<Turn>,
}

/// What taking and giving back the lock came to.
pub(super) struct Turn {
    pub(super) wait: Duration,
    pub(super) hold: Duration,
    pub(super) release: std::result::Result<(), lock::Error>,
}

pub(super) type Outcome = std::result::Result<Written, Failure>;
type Resolver = Box<dyn FnOnce(Env) -> Result<NativeWritten>>;
type Deferred = JsDeferred<NativeWritten, Resolver>;

/// What the threads that write leave, in its order, and who in JavaScript waits for the next of it.
#[derive(Default)]
struct Slot {
    arrived: VecDeque<Outcome>,
    awaited: Option<Deferred>,
    /// JavaScript does not wait for the worker any more: what arrives is not for that one.
    overtaken: bool,
}

#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Slot>>);

impl Mailbox {
    pub(super) fn deliver(&self, outcome: Outcome) {
        let mut slot = self.slot();
        match slot.awaited.take() {
            Some(deferred) => resolve(deferred, outcome),
            None => slot.arrived.push_back(outcome),
        }
    }

    /// Settles with what has arrived or will arrive. One step: an outcome that came in between would be lost.
    fn settle(&self, deferred: Deferred) {
        let mut slot = self.slot();
        slot.overtaken = true;
        match slot.arrived.pop_front() {
            Some(outcome) => resolve(deferred, outcome),
            None => slot.awaited = Some(deferred),
        }
    }

    /// What a worker has left here; `None` when the promise of somebody else is to be settled.
    fn collect(&self) -> Option<Outcome> {
        let mut slot = self.slot();
        if slot.overtaken { None } else { slot.arrived.pop_front() }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolve(deferred: Deferred, outcome: Outcome) {
    deferred.resolve(Box::new(move |env| to_js(&env, outcome)));
}

/// What came of the writes of a submission that are done. What is left of one that takes the lock itself follows.
#[napi(object, object_from_js = false)]
pub struct NativeWritten {
    /// How many rows each one has changed.
    pub changes: Float64Array,
    /// The last rowid that each one has inserted, or 0; NaN where `bigints` has it.
    pub rowids: Float64Array,
    /// Rowids that are no safe integers.
    pub bigints: Vec<NativeBigint>,
    pub failures: Vec<NativeFailure>,
    /// Of the statements whose rows were asked for.
    pub returned: Vec<NativeReturned>,
    pub commits: f64,
    /// Has SQLite rolled back the transaction of these writes by itself?
    pub rolled_back: bool,
    /// How long it took to get the lock, and how long it was held; undefined under a hold.
    pub wait_ms: Option<f64>,
    pub hold_ms: Option<f64>,
    /// What giving back the lock said, if it failed.
    #[napi(ts_type = "Error")]
    pub warning: Option<ObjectRef>,
}

/// The rows that a statement has returned.
#[napi(object, object_from_js = false)]
pub struct NativeReturned {
    pub index: u32,
    pub rows: NativeRows,
}

#[napi(object, object_from_js = false)]
pub struct NativeBigint {
    pub index: u32,
    pub value: BigInt,
}

#[napi(object, object_from_js = false)]
pub struct NativeFailure {
    pub index: u32,
    #[napi(ts_type = "Error")]
    pub failure: ObjectRef,
}

fn to_js(env: &Env, outcome: Outcome) -> Result<NativeWritten> {
    let Written { batch: Batch { outcomes, commits, rolled_back }, lock } =
        outcome.map_err(|failure| exception(env, failure))?;
    let (mut changes, mut rowids) = (Vec::with_capacity(outcomes.len()), Vec::with_capacity(outcomes.len()));
    let (mut bigints, mut failures, mut returned) = (Vec::new(), Vec::new(), Vec::new());
    for (index, outcome) in (0_u32..).zip(outcomes) {
        let written = match outcome {
            Ok(written) => written,
            Err(error) => {
                failures.push(NativeFailure { index, failure: describe(env, &error.into())?.create_ref()? });
                sqlite::Written::default()
            }
        };
        if let Some(rows) = written.rows {
            returned.push(NativeReturned { index, rows: (*rows).into() });
        }
        changes.push(count(written.changes));
        rowids.push(match from_integer(written.last_insert_rowid) {
            Either::A(number) => number,
            Either::B(value) => {
                bigints.push(NativeBigint { index, value });
                f64::NAN
            }
        });
    }
    let (wait_ms, hold_ms, release) = match lock {
        Some(Turn { wait, hold, release }) => (Some(duration_to_ms(wait)), Some(duration_to_ms(hold)), release),
        None => (None, None, Ok(())),
    };
    let warning = match release {
        Ok(()) => None,
        Err(error) => Some(describe(env, &error.into())?.create_ref()?),
    };
    let (changes, rowids, commits) = (changes.into(), rowids.into(), count(commits));
    Ok(NativeWritten { changes, rowids, bigints, failures, returned, commits, rolled_back, wait_ms, hold_ms, warning })
}

#[expect(clippy::cast_precision_loss, reason = "nothing is done 2^53 times at once")]
fn count(times: u64) -> f64 {
    times as f64
}

/// Work under a hold of JavaScript, until a thread takes it.
#[derive(Clone)]
struct Held {
    hold: HoldId,
    work: Arc<Mutex<Option<HeldWork>>>,
    interrupt: Arc<Interrupt>,
}

/// The last one tells when the hold has ended.
type HeldWork = (Arc<WriteGuard>, Work, Arc<AtomicBool>);

impl Held {
    fn write(&self, mailbox: &Mailbox) {
        let taken = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((guard, work, ended)) = taken {
            let database = Arc::clone(&work.database);
            let written = guarded(|| work.run(&guard, Some(self.hold), &self.interrupt));
            // The end of the hold did not wait for it, and what it has begun after that nobody could end any more.
            if ended.load(Ordering::SeqCst) {
                database.abandon_transaction(&guard);
            }
            drop(guard);
            mailbox.deliver(written.map(|(batch, _)| Written { batch, lock: None }));
        }
    }

    /// No thread could be started for it: nothing of it is written, unless a worker has come meanwhile.
    fn refuse(&self, mailbox: &Mailbox, error: io::Error) {
        let taken = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, work, _)) = taken {
            mailbox.deliver(Err(not_started(work.database.path(), error)));
        }
    }
}

enum Route {
    /// Through the queue.
    Queue(Arc<Queued>),
    /// Under a hold of JavaScript.
    Hold(Held),
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
    pub(super) fn new(env: &Env, hold: i64, timeout_ms: f64, work: Work) -> Result<Self> {
        let (mailbox, interrupt) = (Mailbox::default(), environment::interrupt());
        if hold != environment::NO_HOLD {
            let guard = environment::guard(hold).ok_or_else(|| exception(env, lock::Error::Cancelled))?;
            if work.transaction.is_some() {
                environment::note(hold, &work.database, &interrupt);
            }
            let work = Arc::new(Mutex::new(Some((guard, work, environment::ended(hold)))));
            let route = Route::Hold(Held { hold, work, interrupt: Arc::clone(&interrupt) });
            return Ok(Self { route, mailbox, interrupt });
        }
        let queued = Queued::enter(work, timeout_ms, mailbox.clone(), Arc::clone(&interrupt));
        let route = Route::Queue(queued.map_err(|error| exception(env, error))?);
        Ok(Self { route, mailbox, interrupt })
    }
}

#[napi]
impl NativeSubmission {
    /// Sends a worker for it. Resolves to null when the worker found the lock taken: `overtake` is to follow.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeWritten | null>")]
    pub fn run(&self) -> AsyncTask<WriteTask> {
        let errand = match &self.route {
            Route::Queue(queued) => Errand::Attempt(queued.entry.clone()),
            Route::Hold(held) => Errand::Write(held.clone()),
        };
        AsyncTask::new(WriteTask { errand, mailbox: self.mailbox.clone() })
    }

    /// Does not wait for the worker any more: the promise is settled by whichever thread serves it, with what came of the writes
    /// that are done. As long as some are left, it is called again for the next.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeWritten>")]
    pub fn overtake<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<NativeWritten, Resolver>()?;
        self.mailbox.settle(deferred);
        match &self.route {
            Route::Queue(queued) => {
                queued.entry.with(Queue::overtake);
            }
            // The lock is held meanwhile, and the pool may be full for ever: a thread of its own.
            Route::Hold(held) => {
                let (writing, mailbox) = (held.clone(), self.mailbox.clone());
                if let Err(error) = threads::spawn("sqlock-write", move || writing.write(&mailbox)) {
                    held.refuse(&self.mailbox, error);
                }
            }
        }
        Ok(promise)
    }

    /// Was it refused the lock, and waits since?
    #[napi(catch_unwind)]
    pub fn waiting(&self) -> bool {
        matches!(&self.route, Route::Queue(queued) if queued.entry.with(Queue::is_waiting) == Some(true))
    }

    /// Leaves the queue: the promise is rejected as cancelled. If it was granted in the meantime, the statement that runs is
    /// interrupted, and the writes that are not done fail with `SQLITE_INTERRUPT`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.interrupt.request();
        if let Route::Queue(queued) = &self.route {
            queued.entry.with(|queue, id| queue.cancel(id));
        }
    }

    /// Adds further writes, while it waits for the lock: then its timeout counts from now on. False when it does not wait.
    #[napi(catch_unwind)]
    pub fn append(&self, statements: Vec<String>, batch: Uint8Array) -> bool {
        matches!(&self.route, Route::Queue(queued) if queued.append(statements, &batch))
    }
}

/// What a worker is sent for.
enum Errand {
    Attempt(Entry),
    Write(Held),
}

pub struct WriteTask {
    errand: Errand,
    mailbox: Mailbox,
}

impl Task for WriteTask {
    type Output = std::result::Result<(), Failure>;
    type JsValue = Option<NativeWritten>;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(guarded(|| {
            match &self.errand {
                Errand::Attempt(entry) => {
                    entry.with(Queue::attempt);
                }
                Errand::Write(held) => held.write(&self.mailbox),
            }
            Ok::<(), Failure>(())
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> Result<Option<NativeWritten>> {
        output.map_err(|failure| exception(&env, failure))?;
        self.mailbox.collect().map(|outcome| to_js(&env, outcome)).transpose()
    }
}
