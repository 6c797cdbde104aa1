//! Checkpoints.

#![deny(unsafe_code)]

use std::sync::Arc;
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::environment;
use super::error::{exception, guarded};
use crate::lock;
use crate::sqlite::{Checkpoint, CheckpointMode};
use crate::{Database, Error};

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

/// Checkpoints on a thread of its own, under `hold` unless it is 0.
pub(super) fn checkpoint(
    env: &Env,
    database: Arc<Database>,
    hold: i64,
    mode: NativeCheckpointMode,
) -> Result<Object<'_>> {
    let guard = match hold {
        environment::NO_HOLD => None,
        hold => Some(environment::guard(hold).ok_or_else(|| exception(env, lock::Error::Cancelled))?),
    };
    let path = database.path().to_owned();
    let (deferred, promise) = env.create_deferred::<NativeCheckpoint, Resolver>()?;
    let work = move || {
        let outcome = guarded(|| database.checkpoint_held(guard.as_deref(), mode.into()));
        drop(guard);
        deferred.resolve(Box::new(move |env| {
            outcome.map(NativeCheckpoint::from).map_err(|failure| exception(&env, failure))
        }));
    };
    let spawned = thread::Builder::new().name("sqlock-checkpoint".into()).spawn(work);
    spawned.map_err(|error| exception(env, Error::from(lock::Error::io("pthread_create", &path, error))))?;
    Ok(promise)
}
