//! A database, as JavaScript uses it.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over strings, it does not lend them")]

use std::sync::Arc;
use std::time::Instant;

use napi::bindgen_prelude::{AsyncTask, Buffer, Uint8Array};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::backup::NativeBackup;
use super::batch::Batch;
use super::changes::NativeChanges;
use super::checkpoint::{NativeCheckpointMode, NativeCheckpointing};
use super::convert::{to_duration, to_transaction};
use super::environment;
use super::error::{Failure, copied, exception, guarded};
use super::holder::{Nullable, nullable};
use super::lock::{NativeLock, NativeLockOptions};
use super::rows::TakeRef;
use super::statement::NativeStatement;
use super::submission::NativeSubmission;
use crate::db::Source;
use crate::sqlite::{self, AutoVacuum, Column, ConnectionOptions, Description, Layout, Synchronous};
use crate::threads::STACK_BYTES;
use crate::{DEFAULT_TIMEOUT, Database, DatabaseOptions};

#[napi(string_enum = "UPPERCASE")]
pub enum NativeAutoVacuum {
    None,
    Full,
    Incremental,
}

impl From<NativeAutoVacuum> for AutoVacuum {
    fn from(mode: NativeAutoVacuum) -> Self {
        match mode {
            NativeAutoVacuum::None => Self::None,
            NativeAutoVacuum::Full => Self::Full,
            NativeAutoVacuum::Incremental => Self::Incremental,
        }
    }
}

#[napi(object)]
#[expect(clippy::struct_excessive_bools, reason = "the options of a DB as its caller gives them")]
pub struct NativeDatabaseOptions {
    pub readonly: bool,
    pub file_must_exist: bool,
    pub busy_timeout_ms: f64,
    /// FULL instead of NORMAL.
    pub synchronous_full: bool,
    pub foreign_keys: bool,
    pub page_size: Option<u32>,
    pub auto_vacuum: Option<NativeAutoVacuum>,
    /// The stack of the calling thread, where it is known to be smaller than that of a main thread.
    pub stack_bytes: Option<f64>,
    pub lock: NativeLockOptions,
}

impl From<NativeDatabaseOptions> for DatabaseOptions {
    fn from(options: NativeDatabaseOptions) -> Self {
        let connection = ConnectionOptions {
            readonly: options.readonly,
            file_must_exist: options.file_must_exist,
            busy_timeout: to_duration(options.busy_timeout_ms).unwrap_or(DEFAULT_TIMEOUT),
            synchronous: if options.synchronous_full { Synchronous::Full } else { Synchronous::Normal },
            foreign_keys: options.foreign_keys,
            layout: Layout { page_size: options.page_size, auto_vacuum: options.auto_vacuum.map(AutoVacuum::from) },
            stack_bytes: options.stack_bytes.map_or(STACK_BYTES, to_bytes),
        };
        Self { timeout: DEFAULT_TIMEOUT, connection, lock: options.lock.into() }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no stack has 2^53 bytes")]
fn to_bytes(bytes: f64) -> usize {
    bytes as usize
}

/// What a statement is.
#[napi(object, object_from_js = false)]
pub struct NativeDescription {
    /// May it be given to a plain read?
    pub plain: bool,
    /// Does SQLite say that it cannot change the database?
    pub readonly: bool,
    pub columns: Vec<NativeColumn>,
}

#[napi(object, object_from_js = false)]
pub struct NativeColumn {
    pub name: String,
    pub column: Nullable<String>,
    pub table: Nullable<String>,
    pub database: Nullable<String>,
    #[napi(js_name = "type")]
    pub declared: Nullable<String>,
}

impl From<Description> for NativeDescription {
    fn from(Description { plain, readonly, columns }: Description) -> Self {
        let to_js = |column: Column| NativeColumn {
            name: column.name,
            column: nullable(column.origin),
            table: nullable(column.table),
            database: nullable(column.database),
            declared: nullable(column.declared),
        };
        Self { plain, readonly, columns: columns.into_iter().map(to_js).collect() }
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

    /// Where the -wal is, if there is one: beside the file that a symbolic link leads to.
    #[napi(getter, catch_unwind)]
    pub fn wal_path(&self) -> String {
        self.database.wal_path().to_string_lossy().into_owned()
    }

    #[napi(catch_unwind)]
    pub fn lock(&self) -> NativeLock {
        NativeLock::new(Arc::clone(self.database.shared_locker()))
    }

    /// Throws when the database was opened for reading only.
    #[napi(catch_unwind)]
    pub fn check_writable(&self, env: Env) -> Result<()> {
        self.database.check_writable().map_err(|error| exception(&env, error))
    }

    /// May a transaction begin with its first write or read? The first one of all does not.
    #[napi(catch_unwind)]
    pub fn is_prepared(&self) -> bool {
        self.database.is_prepared()
    }

    /// Begins a transaction for a plain read, unless it has begun. It tries for 5 ms at most.
    #[napi(catch_unwind)]
    pub fn begin_at_once(&self, env: Env, hold: i64, transaction: i64) -> Result<()> {
        let begin = || {
            let guard = environment::note_here(hold, &self.database);
            let (guard, id) = guard.zip(to_transaction(transaction)).ok_or(sqlite::Error::Ended { by: None })?;
            self.database.begin_at_once(&guard, hold, id)
        };
        begin().map_err(|error| exception(&env, error))
    }

    /// Is it the same file that another DB of this process has opened?
    #[napi(catch_unwind)]
    pub fn is_file_of(&self, other: &NativeDatabase) -> bool {
        self.database.file() == other.database.file()
    }

    /// Submits a batch of writes, encoded by `lib/sqlite/encoder.js`; they are copied. Runs under `hold` and in an open transaction,
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
        let bytes = copied(&env, &batch)?;
        let batch = Batch { database, transaction, statements, bytes, done: 0, since: Instant::now() };
        NativeSubmission::new(&env, hold, timeout_ms, batch)
    }

    /// Ends the snapshot that plain reads have kept.
    #[napi(catch_unwind)]
    pub fn end_snapshot(&self) {
        self.database.end_snapshot();
    }

    /// A statement that reads. `take` takes the rows of its plain reads, whose cells are in `room`.
    #[napi(catch_unwind)]
    pub fn statement(
        &self,
        sql: String,
        room: Buffer,
        #[napi(ts_arg_type = "(rows: number, ...values: unknown[]) => void")] take: TakeRef,
    ) -> NativeStatement {
        NativeStatement::new(Arc::clone(&self.database), sql, room, take)
    }

    /// What a statement is.
    #[napi(catch_unwind)]
    pub fn describe(&self, env: Env, transaction: i64, sql: String) -> Result<NativeDescription> {
        let described = self.database.read(to_transaction(transaction), false, |source| source.describe(&sql));
        described.map(NativeDescription::from).map_err(|error| exception(&env, error))
    }

    /// The same outside of transactions, without a wait for a program that has the file to itself.
    #[napi(catch_unwind)]
    pub fn describe_at_once(&self, env: Env, sql: String) -> Result<NativeDescription> {
        let described = self.database.describe_at_once(&sql);
        described.map(NativeDescription::from).map_err(|error| exception(&env, error))
    }

    /// The statement that answers `PRAGMA source`.
    #[napi(catch_unwind)]
    pub fn pragma_statement(&self, source: String) -> String {
        self.database.pragma_statement(&source)
    }

    /// Prepares a checkpoint, which moves what the WAL holds into the database file.
    #[napi(catch_unwind)]
    pub fn checkpoint(&self, env: Env, hold: i64, mode: NativeCheckpointMode) -> Result<NativeCheckpointing> {
        NativeCheckpointing::new(&env, Arc::clone(&self.database), hold, mode)
    }

    /// A copy of the database, made step by step.
    #[napi(catch_unwind)]
    pub fn backup(&self, env: Env, destination: String, pages_per_step: i32) -> Result<NativeBackup> {
        NativeBackup::new(&env, Arc::clone(&self.database), destination.into(), pages_per_step)
    }

    /// Tells of the commits that are made from now on, by whatever process.
    #[napi(catch_unwind)]
    pub fn changes(&self, env: Env) -> Result<NativeChanges> {
        self.database.changes().map(NativeChanges::from).map_err(|error| exception(&env, error))
    }

    /// How commits are noticed: 'inotify' or 'poll', or null while nobody is told.
    #[napi(getter, catch_unwind, ts_return_type = "'inotify' | 'poll' | null")]
    pub fn changes_source(&self) -> Option<&'static str> {
        self.database.changes_source().map(|source| match source {
            Source::Events => "inotify",
            Source::Poll => "poll",
        })
    }

    /// Ends all that tells of commits.
    #[napi(catch_unwind)]
    pub fn end_changes(&self) {
        self.database.end_changes();
    }

    /// Closes the connections on a worker; SQLite's closing checkpoint may take a while.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close(&self) -> AsyncTask<CloseTask> {
        AsyncTask::new(CloseTask { database: Arc::clone(&self.database) })
    }
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
