//! Checkpoints.

#![deny(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::Object;
use napi::{Env, JsDeferred, Result};
use napi_derive::napi;

use super::environment;
use super::error::{Failure, exception, guarded, not_started};
use super::interrupts;
use crate::lock::{self, WriteGuard};
use crate::sqlite::{Checkpoint, CheckpointMode, Interrupt};
use crate::{Database, threads};

#[napi(string_enum = "UPPERCASE")]
pub enum NativeCheckpointMode {
    Passive,
    Full,
    Restart,
    Truncate,
}

impl From<NativeCheckpointMode> for CheckpointMode {
    fn from(mode: NativeCheckpointMode) -> Self {
        match mode {
            NativeCheckpointMode::Passive => Self::Passive,
            NativeCheckpointMode::Full => Self::Full,
            NativeCheckpointMode::Restart => Self::Restart,
            NativeCheckpointMode::Truncate => Self::Truncate,
        }
    }
}

#[napi(object)]
pub struct NativeCheckpoint {
    pub complete: bool,
    pub wal_frames: f64,
    pub checkpointed_frames: f64,
}

impl From<Checkpoint> for NativeCheckpoint {
    #[expect(clippy::cast_precision_loss, reason = "no WAL has 2^53 frames")]
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            complete: checkpoint.complete,
            wal_frames: checkpoint.wal_frames as f64,
            checkpointed_frames: checkpoint.checkpointed_frames as f64,
        }
    }
}

type Resolver = Box<dyn FnOnce(Env) -> Result<NativeCheckpoint>>;

/// A checkpoint on its way.
#[napi]
pub struct NativeCheckpointing {
    database: Arc<Database>,
    /// The hold that it runs under.
    guard: Option<Arc<WriteGuard>>,
    mode: CheckpointMode,
    interrupt: Arc<Interrupt>,
}

impl NativeCheckpointing {
    /// Prepares a checkpoint under `hold`, unless that is 0.
    pub(super) fn new(env: &Env, database: Arc<Database>, hold: i64, mode: NativeCheckpointMode) -> Result<Self> {
        let guard = match hold {
            environment::NO_HOLD => None,
            hold => Some(environment::guard(hold).ok_or_else(|| exception(env, lock::Error::Cancelled))?),
        };
        Ok(Self { database, guard, mode: mode.into(), interrupt: interrupts::interrupt() })
    }
}

#[napi]
impl NativeCheckpointing {
    /// Checkpoints on a thread of its own: under a hold nothing may wait for a worker.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeCheckpoint>")]
    pub fn run<'env>(&mut self, env: &'env Env) -> Result<Object<'env>> {
        let (database, guard, mode) = (Arc::clone(&self.database), self.guard.take(), self.mode);
        let interrupt = Arc::clone(&self.interrupt);
        let (deferred, promise) = env.create_deferred::<NativeCheckpoint, Resolver>()?;
        let promised = Promised(Arc::new(Mutex::new(Some(deferred))));
        let settled_there = promised.clone();
        let work = move || {
            let outcome = guarded(|| database.checkpoint_held(guard.as_deref(), mode, &interrupt));
            drop(guard);
            settled_there.settle(outcome);
        };
        if let Err(error) = threads::spawn("sqlock-checkpoint", work) {
            promised.settle(Err(not_started(self.database.path(), error)));
        }
        Ok(promise)
    }

    /// Calls it off: it fails with `SQLITE_INTERRUPT`, unless it comes to its end before.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.interrupt.request();
    }
}

/// A promise that is settled by the thread, or where the thread could not be started. One that is never settled would keep the
/// process alive.
#[derive(Clone)]
struct Promised(Arc<Mutex<Option<JsDeferred<NativeCheckpoint, Resolver>>>>);

impl Promised {
    fn settle(&self, outcome: std::result::Result<Checkpoint, Failure>) {
        if let Some(deferred) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            deferred.resolve(Box::new(move |env| {
                outcome.map(NativeCheckpoint::from).map_err(|failure| exception(&env, failure))
            }));
        }
    }
}
