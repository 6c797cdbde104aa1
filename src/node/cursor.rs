//! Rows a chunk at a time, for as long as the caller wants more. The statement and its snapshot
//! have a thread of their own.

#![deny(unsafe_code)]

use std::sync::Arc;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::rows::NativeRows;
use super::stepper::Stepper;
use crate::sqlite::{self, Encoded, Form, Interrupt, Query};
use crate::{Database, Error};

/// What is to be read.
pub(super) struct Reading {
    pub(super) database: Arc<Database>,
    pub(super) sql: String,
    pub(super) parameters: Vec<u8>,
    pub(super) form: Form,
    pub(super) rows_in_chunk: usize,
}

impl Reading {
    fn run(&self, interrupt: &Interrupt, deliver: &mut dyn FnMut(Encoded) -> bool) -> std::result::Result<(), Error> {
        let parameters = sqlite::decode_parameters(&self.parameters).ok_or(sqlite::Error::Malformed)?;
        let query = Query { sql: &self.sql, parameters: &parameters, judged: false };
        let mut begun = false;
        self.database.read_apart(interrupt, |source| {
            // The rows that were handed over are of a state that is no more.
            if begun {
                return Err(sqlite::Error::changed());
            }
            source.stream(&query, self.form, self.rows_in_chunk, |chunk| {
                begun = true;
                deliver(chunk)
            })
        })
    }
}

#[napi]
pub struct NativeCursor(Stepper<Encoded>);

impl NativeCursor {
    pub(super) fn new(env: &Env, reading: Reading) -> Result<Self> {
        let path = reading.database.path().to_owned();
        let work = move |interrupt: &Interrupt, deliver: &mut dyn FnMut(_) -> bool| reading.run(interrupt, deliver);
        Stepper::spawn(env, "sqlock-cursor", &path, work).map(Self)
    }
}

#[napi]
impl NativeCursor {
    /// The next rows, or null at the end.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeRows | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.0.next::<NativeRows>(env)
    }

    /// The same, and blocks until they are there.
    #[napi(catch_unwind)]
    pub fn next_sync(&self, env: Env) -> Result<Option<NativeRows>> {
        self.0.next_sync(&env)
    }

    /// Ends the statement and its snapshot.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}
