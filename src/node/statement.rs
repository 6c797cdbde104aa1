//! A statement that reads, as often as it is asked: what is known of it is kept, so that little crosses the border.

#![deny(unsafe_code)]

use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, BufferSlice, Either, Either4, Null};
use napi::{Env, Result};
use napi_derive::napi;

use super::cursor::{NativeCursor, Reading};
use super::database::to_transaction;
use super::error::{copied, exception};
use super::read::{NativeEncoded, NativeRead};
use crate::sqlite::{self, Apart, Columns, Form, Query, Single};
use crate::{Database, Error};

/// What a row has beside its numbers.
#[napi(object, object_from_js = false)]
pub struct NativeParts {
    pub texts: String,
    pub apart: Vec<Either<String, Buffer>>,
}

fn to_js(apart: Apart) -> Either<String, Buffer> {
    match apart {
        Apart::Text(text) => Either::A(text),
        Apart::Blob(blob) => Either::B(blob.into()),
    }
}

#[napi]
pub struct NativeStatement {
    database: Arc<Database>,
    sql: String,
    /// Has it been run, and so been found to read?
    judged: bool,
    columns: Columns,
}

impl NativeStatement {
    pub(super) fn new(database: Arc<Database>, sql: String) -> Self {
        Self { database, sql, judged: false, columns: Columns::default() }
    }

    /// Reads with the values of an encoded list.
    fn read<T>(
        &mut self,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        mut read: impl FnMut(&sqlite::Source<'_>, &Query<'_>) -> std::result::Result<T, sqlite::Error>,
    ) -> std::result::Result<T, Error> {
        let parameters = sqlite::decode_parameters(parameters).ok_or(sqlite::Error::Malformed)?;
        let query = Query { sql: &self.sql, parameters: &parameters, judged: self.judged };
        let outcome = self.database.read(to_transaction(transaction), keep, |source| read(source, &query))?;
        self.judged = self.judged || sqlite::is_kept(&self.sql);
        Ok(outcome)
    }
}

#[napi]
impl NativeStatement {
    /// The first row, or null: see [`sqlite::Single`]. With `keep` the snapshot stays open for the next read, until
    /// `endSnapshot`.
    #[napi(catch_unwind)]
    pub fn first(
        &mut self,
        env: Env,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        form: u8,
        mut room: BufferSlice<'_>,
    ) -> Result<Either4<Null, String, NativeParts, NativeEncoded>> {
        let mut columns = std::mem::take(&mut self.columns);
        let form = Form::from_bits(form);
        let read = |source: &sqlite::Source<'_>, query: &Query<'_>| source.first(query, form, &mut columns, &mut room);
        let row = self.read(transaction, keep, parameters, read);
        self.columns = columns;
        Ok(match row.map_err(|error| exception(&env, error))? {
            None => Either4::A(Null),
            Some(Single::InRoom { texts, apart }) if apart.is_empty() => Either4::B(texts),
            Some(Single::InRoom { texts, apart }) => {
                Either4::C(NativeParts { texts, apart: apart.into_iter().map(to_js).collect() })
            }
            Some(Single::Encoded(encoded)) => Either4::D(encoded.into()),
        })
    }

    /// The names of the columns of the first row that was read last.
    #[napi(catch_unwind)]
    pub fn names(&self) -> Vec<String> {
        self.columns.names().to_vec()
    }

    /// All rows.
    #[napi(catch_unwind)]
    pub fn all(
        &mut self,
        env: Env,
        transaction: i64,
        keep: bool,
        parameters: &[u8],
        form: u8,
    ) -> Result<NativeEncoded> {
        let form = Form::from_bits(form);
        let read = |source: &sqlite::Source<'_>, query: &Query<'_>| source.encoded(query, form);
        self.read(transaction, keep, parameters, read).map(NativeEncoded::from).map_err(|error| exception(&env, error))
    }

    /// Prepares a read by a worker.
    #[napi(catch_unwind)]
    pub fn read_apart(&self, env: Env, parameters: &[u8], form: u8) -> Result<NativeRead> {
        let (database, sql, parameters) = (Arc::clone(&self.database), self.sql.clone(), copied(&env, parameters)?);
        Ok(NativeRead::new(database, sql, parameters, Form::from_bits(form)))
    }

    /// Begins a read a chunk at a time.
    #[napi(catch_unwind)]
    pub fn cursor(&self, env: Env, parameters: &[u8], form: u8, rows_in_chunk: u32) -> Result<NativeCursor> {
        let (database, sql, parameters) = (Arc::clone(&self.database), self.sql.clone(), copied(&env, parameters)?);
        let (form, rows_in_chunk) = (Form::from_bits(form), rows_in_chunk as usize);
        NativeCursor::new(&env, Reading { database, sql, parameters, form, rows_in_chunk })
    }
}
