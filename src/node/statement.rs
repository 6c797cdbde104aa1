//! A statement that reads, as often as it is asked: what is known of it is kept, so that little crosses the border.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::{Env, Result};
use napi_derive::napi;

use super::convert::{JsValue, from_value_ref};
use super::cursor::{NativeCursor, Reading};
use super::database::to_transaction;
use super::error::exception;
use super::read::{NativeEncoded, NativeRead};
use crate::sqlite::{self, Query};
use crate::{Database, Error};

#[derive(Default)]
struct Columns {
    /// Counts how often they have changed.
    version: u32,
    names: Vec<String>,
}

#[napi]
pub struct NativeStatement {
    database: Arc<Database>,
    sql: String,
    /// Has it been run, and so been found to read?
    judged: AtomicBool,
    columns: Mutex<Columns>,
}

impl NativeStatement {
    pub(super) fn new(database: Arc<Database>, sql: String) -> Self {
        Self { database, sql, judged: AtomicBool::default(), columns: Mutex::default() }
    }

    fn columns(&self) -> MutexGuard<'_, Columns> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with the values of an encoded list.
    fn read<T>(
        &self,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        read: impl FnOnce(&sqlite::Source<'_>, &Query<'_>) -> std::result::Result<T, sqlite::Error>,
    ) -> std::result::Result<T, Error> {
        let parameters = sqlite::decode_parameters(parameters).ok_or(sqlite::Error::Malformed)?;
        let judged = self.judged.load(Ordering::Relaxed);
        let query = Query { sql: &self.sql, parameters: &parameters, judged };
        let outcome = self.database.read(to_transaction(transaction), keep, |source| read(source, &query))?;
        if !judged && sqlite::is_kept(&self.sql) {
            self.judged.store(true, Ordering::Relaxed);
        }
        Ok(outcome)
    }
}

#[napi]
impl NativeStatement {
    /// The first row: the version of its columns, then their values; or null. With `keep` the snapshot stays open for the next
    /// read, until `endSnapshot`.
    #[napi(catch_unwind, ts_return_type = "(null | number | bigint | string | Buffer)[] | null")]
    pub fn first(
        &self,
        env: Env,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        bigints: bool,
    ) -> Result<Option<Vec<JsValue>>> {
        let row = self.read(transaction, keep, parameters, |source, query| {
            source.first(query, |statement, row| {
                let mut columns = self.columns();
                if !statement.column_names().eq(columns.names.iter().map(String::as_str)) {
                    columns.names = statement.column_names().map(str::to_owned).collect();
                    columns.version += 1;
                }
                let mut values = Vec::with_capacity(columns.names.len() + 1);
                values.push(JsValue::B(f64::from(columns.version)));
                for column in 0..columns.names.len() {
                    values.push(from_value_ref(row.get_ref(column)?, bigints));
                }
                Ok(values)
            })
        });
        row.map_err(|error| exception(&env, error))
    }

    /// The names of the columns of the first row that was read last.
    #[napi(catch_unwind)]
    pub fn names(&self) -> Vec<String> {
        self.columns().names.clone()
    }

    /// All rows.
    #[napi(catch_unwind)]
    pub fn all(
        &self,
        env: Env,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        bigints: bool,
    ) -> Result<NativeEncoded> {
        let read = |source: &sqlite::Source<'_>, query: &Query<'_>| source.encoded(query, usize::MAX, bigints);
        self.read(transaction, keep, parameters, read).map(NativeEncoded::from).map_err(|error| exception(&env, error))
    }

    /// Prepares a read by a worker.
    #[napi(catch_unwind)]
    pub fn read_apart(&self, parameters: &[u8], bigints: bool, first: bool) -> NativeRead {
        NativeRead::new(Arc::clone(&self.database), self.sql.clone(), parameters.to_vec(), bigints, first)
    }

    /// Begins a read a chunk at a time.
    #[napi(catch_unwind)]
    pub fn cursor(&self, env: Env, parameters: &[u8], bigints: bool, rows_in_chunk: u32) -> Result<NativeCursor> {
        let (database, sql, parameters) = (Arc::clone(&self.database), self.sql.clone(), parameters.to_vec());
        let rows_in_chunk = rows_in_chunk as usize;
        NativeCursor::new(&env, Reading { database, sql, parameters, bigints, rows_in_chunk })
    }
}
