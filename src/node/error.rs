//! Errors as data.
//!
//! JavaScript gets an Error with a `kind` and the fields of its class. `lib/base/failures.js` makes
//! an instance of that class of it, with the stack of the caller. The data has to be an Error: napi
//! would throw an error of its own instead of any other value.

#![forbid(unsafe_code)]

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, Result};

use super::convert::duration_to_ms;
use super::holder::HolderInfo;
use crate::lock::Holder;
use crate::{Error, lock, os, sqlite};

/// What can become of a call besides its result.
pub enum Failure {
    Error(Error),
    /// A bug of ours, with what the panic said.
    Panic(String),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Runs `work` and turns a panic of it into a failure.
pub(super) fn guarded<T, E: Into<Failure>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(payload) => Err(Failure::Panic(panic_message(&*payload))),
    }
}

/// A thread that the system has not started, which was to work on the file at `path`.
pub(super) fn not_started(path: &Path, error: io::Error) -> Failure {
    lock::Error::io("pthread_create", path, error).into()
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// The failure as an exception of JavaScript.
pub(super) fn exception(env: &Env, failure: impl Into<Failure>) -> napi::Error {
    match describe(env, &failure.into()) {
        Ok(object) => napi::Error::from(object.to_unknown()),
        Err(error) => error,
    }
}

/// Bytes of JavaScript in memory of their own.
pub(super) fn copied(env: &Env, bytes: &[u8]) -> Result<Vec<u8>> {
    sqlite::memory::copy(bytes).map_err(|error| exception(env, sqlite::Error::from(error)))
}

/// The failure as an Error.
pub(super) fn describe<'env>(env: &'env Env, failure: &Failure) -> Result<Object<'env>> {
    let mut object = env.create_error(napi::Error::from_reason(""))?;
    match failure {
        Failure::Panic(message) => {
            object.set("kind", "panic")?;
            object.set("message", message)?;
        }
        Failure::Error(Error::Lock(error)) => describe_lock(&mut object, error)?,
        Failure::Error(Error::Sqlite(error)) => describe_sqlite(env, &mut object, error)?,
        Failure::Error(error @ Error::Replaced { path }) => {
            rule(&mut object, "ERR_SQLOCK_REPLACED", &error.to_string())?;
            object.set("path", path.to_string_lossy().into_owned())?;
        }
        Failure::Error(error @ Error::Destination { .. }) => {
            object.set("kind", "argument")?;
            object.set("message", error.to_string())?;
        }
        Failure::Error(error @ Error::Busy) => rule(&mut object, "ERR_SQLOCK_BUSY", &error.to_string())?,
        Failure::Error(error @ Error::Closed) => rule(&mut object, "ERR_SQLOCK_CLOSED", &error.to_string())?,
    }
    Ok(object)
}

fn describe_lock(object: &mut Object<'_>, error: &lock::Error) -> Result<()> {
    match error {
        lock::Error::Timeout { holder, timeout } => {
            object.set("kind", "timeout")?;
            object.set("holder", holder)?;
            object.set("holderInfo", Holder::parse(holder).map(HolderInfo::from))?;
            object.set("timeoutMs", duration_to_ms(*timeout))
        }
        lock::Error::Cancelled => {
            object.set("kind", "cancelled")?;
            object.set("message", error.to_string())
        }
        lock::Error::NotRegular { path } => {
            rule(object, "ERR_SQLOCK_LOCK_FILE", &error.to_string())?;
            object.set("path", path.to_string_lossy().into_owned())
        }
        lock::Error::Io { syscall, path, source } => {
            rule(object, "ERR_SQLOCK_IO", &source.to_string())?;
            object.set("syscall", *syscall)?;
            object.set("path", path.to_string_lossy().into_owned())?;
            object.set("errno", os::errno(source))
        }
    }
}

fn describe_sqlite(env: &Env, object: &mut Object<'_>, error: &sqlite::Error) -> Result<()> {
    match error {
        sqlite::Error::Malformed | sqlite::Error::Pragma { .. } => {
            object.set("kind", "panic")?;
            object.set("message", error.to_string())
        }
        sqlite::Error::OfAll { index, source } => {
            describe_sqlite(env, object, source)?;
            if let (sqlite::Error::Parameters(message), Some(index)) = (&**source, index) {
                object.set("message", format!("items[{index}]: {message}"))?;
            }
            // -1: the COMMIT.
            object.set("statementIndex", index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))
        }
        sqlite::Error::Parameters(_) | sqlite::Error::Inexact { .. } => {
            object.set("kind", "range")?;
            object.set("message", error.to_string())
        }
        sqlite::Error::TooLate(message) => {
            object.set("kind", "argument")?;
            object.set("message", message)
        }
        sqlite::Error::TransactionControl { .. } | sqlite::Error::LeftOpen => {
            rule(object, "ERR_SQLOCK_TRANSACTION", &error.to_string())
        }
        sqlite::Error::Ended { by } => {
            rule(object, "ERR_SQLOCK_NOT_HELD", &error.to_string())?;
            let by = by.as_deref().cloned().map(Failure::from);
            object.set("cause", by.map(|failure| describe(env, &failure)).transpose()?)
        }
        sqlite::Error::SyncWrite { .. } => rule(object, "ERR_SQLOCK_SYNC_WRITE", &error.to_string()),
        sqlite::Error::Sqlite(failure) => {
            object.set("kind", "sqlite")?;
            object.set("message", &failure.message)?;
            object.set("code", failure.code())?;
            object.set("errcode", failure.errcode)?;
            object.set("errstr", failure.errstr())?;
            object.set("sql", failure.sql.as_deref())?;
            object.set("offset", failure.offset)
        }
    }
}

/// An error with a code of ours.
fn rule(object: &mut Object<'_>, code: &str, message: &str) -> Result<()> {
    object.set("kind", "sqlock")?;
    object.set("code", code)?;
    object.set("message", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure_with_its_message() {
        let text = guarded(|| -> std::result::Result<(), Error> { panic!("out of {}", "tune") });
        assert!(matches!(text, Err(Failure::Panic(message)) if message == "out of tune"));
        let literal = guarded(|| -> std::result::Result<(), Error> { panic!("plain") });
        assert!(matches!(literal, Err(Failure::Panic(message)) if message == "plain"));
    }
}
