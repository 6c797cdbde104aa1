//! Backups. Each has a thread of its own.

#![deny(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::stepper::Stepper;
use crate::Database;
use crate::sqlite::{Interrupt, Progress};

/// How far a backup has got.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    pub total_pages: i32,
    pub remaining_pages: i32,
}

impl From<Progress> for NativeProgress {
    fn from(Progress { total_pages, remaining_pages }: Progress) -> Self {
        Self { total_pages, remaining_pages }
    }
}

#[napi]
pub struct NativeBackup(Stepper<Progress>);

impl NativeBackup {
    pub(super) fn new(env: &Env, database: Arc<Database>, destination: PathBuf, pages_per_step: i32) -> Result<Self> {
        let path = database.path().to_owned();
        let work = move |interrupt: &Interrupt, on_step: &mut dyn FnMut(_) -> bool| {
            database.backup_in_steps(&destination, pages_per_step, interrupt, on_step).map(drop)
        };
        Stepper::spawn(env, "sqlock-backup", &path, work).map(Self)
    }
}

#[napi]
impl NativeBackup {
    /// Makes a step; how far it has got then, or null when the backup is in its place. To be asked until it gives null or fails.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeProgress | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.0.next::<NativeProgress>(env)
    }

    /// Calls it off: the step that is asked for fails with `SQLITE_INTERRUPT` when nothing of the backup is left.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.interrupt();
    }
}
