//! Telling JavaScript of commits.

#![deny(unsafe_code)]

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::convert::to_duration;
use super::error::exception;
use crate::{Change, Changes};

type Resolver = Box<dyn FnOnce(Env) -> Result<Option<&'static str>>>;

/// Tells of commits, one after another. A promise that is pending keeps the process alive.
#[napi]
pub struct NativeChanges(Changes);

impl From<Changes> for NativeChanges {
    fn from(changes: Changes) -> Self {
        Self(changes)
    }
}

#[napi]
impl NativeChanges {
    /// Resolves to 'commit', to 'interval' after so many ms without one, or to null when none will be told of any more.
    #[napi(catch_unwind, ts_return_type = "Promise<'commit' | 'interval' | null>")]
    pub fn next<'env>(&self, env: &'env Env, interval_ms: f64) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<Option<&'static str>, Resolver>()?;
        self.0.tell(to_duration(interval_ms), move |outcome| {
            deferred.resolve(Box::new(move |env| match outcome {
                Ok(Change::Commit) => Ok(Some("commit")),
                Ok(Change::Interval) => Ok(Some("interval")),
                Ok(Change::End) => Ok(None),
                Err(error) => Err(exception(&env, error)),
            }));
        });
        Ok(promise)
    }

    /// Ends it, and the promise that is pending.
    #[napi(catch_unwind)]
    pub fn end(&self) {
        self.0.end();
    }
}
