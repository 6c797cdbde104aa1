//! The lock of a directory, for holds that JavaScript owns.

#![deny(unsafe_code)]
#![expect(clippy::unused_self, reason = "a method of a class of JavaScript, of its thread")]

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Object};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::convert::to_duration;
use super::environment;
use super::error::{Failure, exception, guarded};
use super::holder::{HolderInfo, Nullable, nullable};
use super::ticket::Ticket;
use crate::lock::{Error, LockOptions, Request, Status, WriteGuard, WriteLocker};

/// Options of a lock.
#[napi(object)]
#[derive(Default)]
pub struct NativeLockOptions {
    pub label: Option<String>,
    pub mode: Option<u32>,
}

impl From<NativeLockOptions> for LockOptions {
    fn from(options: NativeLockOptions) -> Self {
        Self { label: options.label, mode: options.mode }
    }
}

/// The lock of a directory.
#[napi]
pub struct NativeLock {
    locker: Arc<WriteLocker>,
}

impl NativeLock {
    pub(super) fn new(locker: Arc<WriteLocker>) -> Self {
        Self { locker }
    }
}

#[napi]
impl NativeLock {
    #[napi(constructor, catch_unwind)]
    pub fn open(env: Env, base_dir: String, options: NativeLockOptions) -> Result<Self> {
        let locker = guarded(|| WriteLocker::with_options(base_dir, options.into()));
        Ok(Self::new(Arc::new(locker.map_err(|failure| exception(&env, failure))?)))
    }

    #[napi(getter, catch_unwind)]
    pub fn lock_path(&self) -> String {
        self.locker.lock_path().to_string_lossy().into_owned()
    }

    /// A number that tells the directory that is there now from others of this process.
    #[napi(catch_unwind)]
    pub fn directory(&self, env: Env) -> Result<u32> {
        self.locker.queue().map(|queue| queue.id()).map_err(|error| exception(&env, error))
    }

    /// One attempt on the calling thread, which never waits: a hold, or null when somebody is ahead. Without `politely` it is
    /// made also in a moment in which the lock is left to other processes.
    #[napi(catch_unwind)]
    pub fn try_acquire(&self, env: Env, politely: bool) -> Result<Option<i64>> {
        let guard = self.locker.attempt(politely).map_err(|error| exception(&env, error))?;
        Ok(guard.map(environment::keep))
    }

    /// Empties the lock file and gives a hold back, on this thread, at once. Nothing happens when the hold is gone.
    #[napi(catch_unwind)]
    pub fn release(&self, env: Env, hold: i64) -> Result<()> {
        environment::release(hold).map_err(|error| exception(&env, error))
    }

    /// A number that tells the directory of a hold from others of this process; `null` when the hold is gone.
    #[napi(catch_unwind)]
    pub fn directory_of(&self, hold: i64) -> Option<u32> {
        environment::guard(hold).map(|guard| guard.directory_id())
    }

    /// The event loop of this thread turns: to be told from time to time while its calls wait.
    #[napi(catch_unwind)]
    pub fn beat(&self) {
        environment::beat();
    }

    /// A wait after a failed attempt; `start` puts it into the queue.
    #[napi(catch_unwind)]
    pub fn wait(&self) -> NativeWait {
        NativeWait { locker: Arc::clone(&self.locker), ticket: Ticket::default() }
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeStatus>")]
    pub fn status(&self) -> AsyncTask<StatusTask> {
        AsyncTask::new(StatusTask { locker: Arc::clone(&self.locker) })
    }
}

/// A call that waits for the lock in order to give it to JavaScript.
#[napi]
pub struct NativeWait {
    locker: Arc<WriteLocker>,
    ticket: Ticket,
}

#[napi]
impl NativeWait {
    /// Joins the queue. The promise keeps the event loop alive until it settles.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn start<'env>(&self, env: &'env Env, timeout_ms: f64) -> Result<Object<'env>> {
        let queue = self.locker.queue().map_err(|error| exception(env, error))?;
        let (deferred, promise) = env.create_deferred::<i64, Box<dyn FnOnce(Env) -> Result<i64>>>()?;
        let settle = move |outcome: std::result::Result<WriteGuard, Error>| {
            // Dropped unheard when the thread has ended meanwhile, and the guard in it releases the lock.
            deferred.resolve(Box::new(move |env| match outcome {
                Ok(guard) => Ok(environment::keep(guard)),
                Err(error) => Err(exception(&env, error)),
            }));
        };
        self.ticket.enter(queue, settle, |queue, settle| {
            let request = self.locker.request(to_duration(timeout_ms), environment::owner(), settle);
            queue.wait(Request { is_brief: true, ..request })
        });
        Ok(promise)
    }

    /// Leaves the queue: the promise is rejected as cancelled, unless it was granted in the meantime.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.ticket.with(|queue, id| queue.cancel(id));
    }
}

/// Reads who holds the lock, on a worker.
pub struct StatusTask {
    locker: Arc<WriteLocker>,
}

impl Task for StatusTask {
    type Output = std::result::Result<Status, Failure>;
    type JsValue = NativeStatus;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(guarded(|| self.locker.status()))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> Result<NativeStatus> {
        output.map(NativeStatus::from).map_err(|failure| exception(&env, failure))
    }
}

#[napi(object)]
pub struct NativeStatus {
    pub locked: bool,
    pub lock_path: String,
    pub holder: Nullable<HolderInfo>,
}

impl From<Status> for NativeStatus {
    fn from(status: Status) -> Self {
        let Status { locked, lock_path, holder } = status;
        let holder = nullable(holder.map(HolderInfo::from));
        Self { locked, lock_path: lock_path.to_string_lossy().into_owned(), holder }
    }
}
