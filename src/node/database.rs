//! A database.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over strings, it does not lend them")]

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Object, Uint8Array};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::checkpoint::{NativeCheckpointMode, checkpoint};
use super::convert::{JsInteger, JsValue, from_value, to_duration, to_integer};
use super::error::{Failure, exception, guarded};
use super::lock::{NativeLock, NativeLockOptions};
use super::submission::{NativeSubmission, Work};
use crate::sqlite::{self, ConnectionOptions, Read, Row, Rows, Synchronous, TransactionId, Write};
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
pub struct NativeRows {
    pub columns: Vec<String>,
    #[napi(ts_type = "(null | number | bigint | string | Buffer)[][]")]
    pub rows: Vec<Vec<JsValue>>,
}

impl From<Rows> for NativeRows {
    fn from(Rows { columns, rows }: Rows) -> Self {
        let to_values = |row: Row| row.into_iter().map(from_value).collect();
        Self { columns, rows: rows.into_iter().map(to_values).collect() }
    }
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

    /// Is it the same file that another DB of this process has opened?
    #[napi(catch_unwind)]
    pub fn is_file_of(&self, other: &NativeDatabase) -> bool {
        self.database.file() == other.database.file()
    }

    /// Submits a batch of writes, encoded by `lib/encoder.js`; they are copied. Runs under `hold` and in an open transaction,
    /// or with 0 takes the lock itself.
    #[napi(catch_unwind)]
    pub fn write(
        &self,
        env: Env,
        hold: i64,
        transaction: i64,
        timeout_ms: f64,
        statements: Vec<String>,
        batch: Uint8Array,
    ) -> Result<NativeSubmission> {
        let (database, transaction) = (Arc::clone(&self.database), to_transaction(transaction));
        let work = Work { database, transaction, statements, batch: batch.to_vec() };
        NativeSubmission::new(&env, hold, timeout_ms, work)
    }

    /// Runs one statement that reads, encoded as one that writes is, and gives its first row or all of them.
    #[napi(catch_unwind)]
    pub fn query(
        &self,
        env: Env,
        transaction: i64,
        statements: Vec<String>,
        batch: Uint8Array,
        first: bool,
    ) -> Result<NativeRows> {
        let mut writes = sqlite::decode(&statements, &batch).unwrap_or_default();
        let Some(Write::Run { sql, parameters }) = writes.pop() else {
            return Err(exception(&env, sqlite::Error::Malformed));
        };
        let limit = if first { 1 } else { usize::MAX };
        self.read(&env, transaction, &Read::Query { sql, parameters, limit })
    }

    #[napi(catch_unwind)]
    pub fn record(&self, env: Env, transaction: i64, id: JsInteger) -> Result<NativeRows> {
        self.read(&env, transaction, &Read::Record(to_integer(id)?))
    }

    #[napi(catch_unwind)]
    pub fn records(&self, env: Env, transaction: i64) -> Result<NativeRows> {
        self.read(&env, transaction, &Read::Records)
    }

    #[napi(catch_unwind)]
    pub fn pragma(&self, env: Env, transaction: i64, source: String) -> Result<NativeRows> {
        self.read(&env, transaction, &Read::Pragma(&source))
    }

    /// Moves what the WAL holds into the database file, on a thread of its own: under a hold nothing may wait for a worker.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeCheckpoint>")]
    pub fn checkpoint<'env>(&self, env: &'env Env, hold: i64, mode: NativeCheckpointMode) -> Result<Object<'env>> {
        checkpoint(env, Arc::clone(&self.database), hold, mode)
    }

    /// Closes the connections on a worker; SQLite's closing checkpoint may take a while.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close(&self) -> AsyncTask<CloseTask> {
        AsyncTask::new(CloseTask { database: Arc::clone(&self.database) })
    }
}

impl NativeDatabase {
    fn read(&self, env: &Env, transaction: i64, read: &Read<'_>) -> Result<NativeRows> {
        let rows = self.database.read(to_transaction(transaction), read);
        rows.map(NativeRows::from).map_err(|error| exception(env, error))
    }
}

/// The open transaction that JavaScript means; 0 is none.
fn to_transaction(id: i64) -> Option<TransactionId> {
    TransactionId::try_from(id).ok().filter(|id| *id != 0)
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
