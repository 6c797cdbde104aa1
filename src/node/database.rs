//! A database.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over strings, it does not lend them")]

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::convert::{JsInteger, JsValue, from_value, to_duration, to_integer};
use super::error::{Failure, exception, guarded};
use super::lock::{NativeLock, NativeLockOptions};
use super::submission::{NativeSubmission, Work};
use crate::sqlite::{ConnectionOptions, Row, Synchronous};
use crate::{DEFAULT_TIMEOUT, Database, DatabaseOptions};

#[napi(object)]
pub struct NativeDatabaseOptions {
    pub file_must_exist: bool,
    pub busy_timeout_ms: f64,
    /// FULL instead of NORMAL.
    pub synchronous_full: bool,
    pub foreign_keys: bool,
    pub lock: NativeLockOptions,
}

impl From<NativeDatabaseOptions> for DatabaseOptions {
    fn from(options: NativeDatabaseOptions) -> Self {
        let connection = ConnectionOptions {
            file_must_exist: options.file_must_exist,
            busy_timeout: to_duration(options.busy_timeout_ms).unwrap_or(DEFAULT_TIMEOUT),
            synchronous: if options.synchronous_full { Synchronous::Full } else { Synchronous::Normal },
            foreign_keys: options.foreign_keys,
        };
        Self { timeout: DEFAULT_TIMEOUT, connection, lock: options.lock.into() }
    }
}

#[napi(object, object_from_js = false)]
pub struct NativePragmaRows {
    pub columns: Vec<String>,
    #[napi(ts_type = "(null | number | bigint | string | Buffer)[][]")]
    pub rows: Vec<Vec<JsValue>>,
}

#[napi]
pub struct NativeDatabase {
    database: Arc<Database>,
}

#[napi]
impl NativeDatabase {
    #[napi(constructor, catch_unwind)]
    pub fn open(env: Env, path: String, options: NativeDatabaseOptions) -> Result<Self> {
        let database = guarded(|| Database::open_with(path, options.into()));
        Ok(Self { database: Arc::new(database.map_err(|failure| exception(&env, failure))?) })
    }

    #[napi(getter, catch_unwind)]
    pub fn path(&self) -> String {
        self.database.path().to_string_lossy().into_owned()
    }

    #[napi(catch_unwind)]
    pub fn lock(&self) -> NativeLock {
        NativeLock::new(Arc::clone(self.database.shared_locker()))
    }

    /// Submits a batch of writes, encoded by `lib/batch.js`; they are copied. Runs under `hold`, or with 0 takes the lock.
    #[napi(catch_unwind)]
    pub fn write(
        &self,
        env: Env,
        hold: i64,
        timeout_ms: f64,
        statements: Vec<String>,
        batch: Uint8Array,
    ) -> Result<NativeSubmission> {
        let work = Work { database: Arc::clone(&self.database), statements, batch: batch.to_vec() };
        NativeSubmission::new(&env, hold, timeout_ms, work)
    }

    /// `[id, name, value]`, or null.
    #[napi(catch_unwind, ts_return_type = "(null | number | bigint | string | Buffer)[] | null")]
    pub fn record(&self, env: Env, id: JsInteger) -> Result<Option<Vec<JsValue>>> {
        let row = self.database.record_row(to_integer(id)?).map_err(|error| exception(&env, error))?;
        Ok(row.map(to_values))
    }

    #[napi(catch_unwind, ts_return_type = "(null | number | bigint | string | Buffer)[][]")]
    pub fn records(&self, env: Env) -> Result<Vec<Vec<JsValue>>> {
        let rows = self.database.record_rows().map_err(|error| exception(&env, error))?;
        Ok(rows.into_iter().map(to_values).collect())
    }

    #[napi(catch_unwind)]
    pub fn pragma(&self, env: Env, source: String) -> Result<NativePragmaRows> {
        let read = self.database.pragma(&source).map_err(|error| exception(&env, error))?;
        Ok(NativePragmaRows { columns: read.columns, rows: read.rows.into_iter().map(to_values).collect() })
    }

    /// Closes the connections on a worker; SQLite's closing checkpoint may take a while.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close(&self) -> AsyncTask<CloseTask> {
        AsyncTask::new(CloseTask { database: Arc::clone(&self.database) })
    }
}

fn to_values(row: Row) -> Vec<JsValue> {
    row.into_iter().map(from_value).collect()
}

pub struct CloseTask {
    database: Arc<Database>,
}

impl Task for CloseTask {
    type Output = std::result::Result<(), Failure>;
    type JsValue = ();

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(guarded(|| {
            self.database.close();
            Ok::<(), crate::Error>(())
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> Result<()> {
        output.map_err(|failure| exception(&env, failure))
    }
}
