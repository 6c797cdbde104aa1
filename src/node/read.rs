//! Reads on libuv workers.

#![deny(unsafe_code)]

use std::sync::Arc;

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::error::{Failure, exception, guarded};
use super::interrupts;
use super::rows::NativeRows;
use crate::sqlite::{self, Encoded, Form, Interrupt, Query};
use crate::{Database, Error};

/// What is to be read.
struct Errand {
    database: Arc<Database>,
    sql: String,
    parameters: Vec<u8>,
    form: Form,
    interrupt: Arc<Interrupt>,
}

impl Errand {
    fn run(&self) -> std::result::Result<Encoded, Error> {
        let parameters = sqlite::decode_parameters(&self.parameters).ok_or(sqlite::Error::Malformed)?;
        let query = Query { sql: &self.sql, parameters: &parameters, judged: false };
        self.database.read_apart(&self.interrupt, |source| source.encoded(&query, self.form))
    }
}

/// A read on its way.
#[napi]
pub struct NativeRead(Arc<Errand>);

impl NativeRead {
    pub(super) fn new(database: Arc<Database>, sql: String, parameters: Vec<u8>, form: Form) -> Self {
        Self(Arc::new(Errand { database, sql, parameters, form, interrupt: interrupts::interrupt() }))
    }
}

#[napi]
impl NativeRead {
    /// Sends a worker for it.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeRows>")]
    pub fn run(&self) -> AsyncTask<ReadTask> {
        AsyncTask::new(ReadTask(Arc::clone(&self.0)))
    }

    /// Interrupts it: it fails with `SQLITE_INTERRUPT`, unless it has ended.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.interrupt.request();
    }
}

pub struct ReadTask(Arc<Errand>);

impl Task for ReadTask {
    type Output = std::result::Result<Encoded, Failure>;
    type JsValue = NativeRows;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(guarded(|| self.0.run()))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> Result<NativeRows> {
        output.map(NativeRows::from).map_err(|failure| exception(&env, failure))
    }
}
