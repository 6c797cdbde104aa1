//! A statement that reads and is used many times. What is known of it is kept, so that little
//! crosses the border.

#![deny(unsafe_code)]

use std::sync::Arc;

use napi::bindgen_prelude::Buffer;
use napi::{Env, Result};
use napi_derive::napi;

use super::convert::to_transaction;
use super::cursor::{NativeCursor, Reading};
use super::error::{copied, exception};
use super::read::NativeRead;
use super::rows::{Hands, One, TakeRef};
use crate::sqlite::{self, Columns, Form, Query, TransactionId};
use crate::{Database, Error};

/// What is read, and what is known of it.
struct Plain {
    database: Arc<Database>,
    sql: String,
    /// Has it been run, and so been found to read?
    judged: bool,
    columns: Columns,
}

impl Plain {
    fn run(
        &mut self,
        hands: &mut Hands<'_>,
        transaction: Option<TransactionId>,
        keep: bool,
        parameters: &[u8],
        form: u8,
    ) -> std::result::Result<(), Error> {
        let parameters = sqlite::decode_parameters(parameters).ok_or(sqlite::Error::Malformed)?;
        let query = Query { sql: &self.sql, parameters: &parameters, judged: self.judged };
        let (form, columns, mut chunk) = (Form::from_bits(form), &mut self.columns, hands.chunk());
        self.database.read(transaction, keep, |source| {
            hands.begin();
            source.hand_over(&query, form, &mut chunk, columns, |columns, chunk| hands.give(columns, chunk))
        })?;
        self.judged = self.judged || sqlite::is_kept(&self.sql);
        Ok(())
    }
}

#[napi]
pub struct NativeStatement {
    reading: Plain,
    room: Buffer,
    take: TakeRef,
}

impl NativeStatement {
    /// `room` and `take` are for the rows of plain reads, see [`Hands`].
    pub(super) fn new(database: Arc<Database>, sql: String, room: Buffer, take: TakeRef) -> Self {
        Self { reading: Plain { database, sql, judged: false, columns: Columns::default() }, room, take }
    }
}

#[napi]
impl NativeStatement {
    /// Reads with the values of an encoded list, and hands the rows over. Returns how many count: the last ones, since a read may
    /// have begun once more. With `keep` the snapshot stays open for the next read, until `endSnapshot`.
    #[napi(catch_unwind)]
    pub fn read(&mut self, env: Env, transaction: i64, keep: bool, parameters: &[u8], form: u8) -> Result<u32> {
        let mut hands = Hands::new(env, &mut self.room, self.take.borrow_back(&env)?);
        let read = self.reading.run(&mut hands, to_transaction(transaction), keep, parameters, form);
        read.map_err(|error| exception(&env, error))?;
        hands.end()
    }

    /// Reads the first row, see [`Hands::end_of_one`].
    #[napi(catch_unwind, ts_return_type = "undefined | null | false | string | bigint | Buffer")]
    pub fn first(&mut self, env: Env, transaction: i64, keep: bool, parameters: &[u8], form: u8) -> Result<One> {
        let mut hands = Hands::for_one(env, &mut self.room, self.take.borrow_back(&env)?);
        let read = self.reading.run(&mut hands, to_transaction(transaction), keep, parameters, form);
        read.map_err(|error| exception(&env, error))?;
        hands.end_of_one()
    }

    /// Prepares a read by a worker.
    #[napi(catch_unwind)]
    pub fn read_apart(&self, env: Env, parameters: &[u8], form: u8) -> Result<NativeRead> {
        let (database, sql, parameters) =
            (Arc::clone(&self.reading.database), self.reading.sql.clone(), copied(&env, parameters)?);
        Ok(NativeRead::new(database, sql, parameters, Form::from_bits(form)))
    }

    /// Begins a read a chunk at a time.
    #[napi(catch_unwind)]
    pub fn cursor(&self, env: Env, parameters: &[u8], form: u8, rows_in_chunk: u32) -> Result<NativeCursor> {
        let (database, sql, parameters) =
            (Arc::clone(&self.reading.database), self.reading.sql.clone(), copied(&env, parameters)?);
        let (form, rows_in_chunk) = (Form::from_bits(form), rows_in_chunk as usize);
        NativeCursor::new(&env, Reading { database, sql, parameters, form, rows_in_chunk })
    }
}
