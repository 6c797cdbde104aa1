//! Rows a chunk at a time, for as long as they are wanted: a statement and its snapshot on a thread of their own, which goes on
//! with each request and ends when nobody can make one any more.

#![deny(unsafe_code)]

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::error::{Failure, exception, guarded};
use super::read::NativeEncoded;
use crate::lock;
use crate::sqlite::{self, Encoded, Interrupt, Query};
use crate::{Database, Error};

/// The next chunk, or `None` at the end.
type Answer = std::result::Result<Option<Encoded>, Failure>;
type Request = Box<dyn FnOnce(Answer) + Send>;
type Resolver = Box<dyn FnOnce(Env) -> Result<Option<NativeEncoded>>>;

/// What is to be read.
pub(super) struct Reading {
    pub(super) database: Arc<Database>,
    pub(super) sql: String,
    pub(super) parameters: Vec<u8>,
    pub(super) bigints: bool,
    pub(super) rows_in_chunk: usize,
}

impl Reading {
    fn run(&self, requests: &Receiver<Request>, interrupt: &Interrupt) {
        let Ok(request) = requests.recv() else { return };
        let mut request = Some(request);
        let outcome = guarded(|| {
            let parameters = sqlite::decode_parameters(&self.parameters).ok_or(sqlite::Error::Malformed)?;
            let query = Query { sql: &self.sql, parameters: &parameters, judged: false };
            let deliver = |chunk| {
                if let Some(answer) = request.take() {
                    answer(Ok(Some(chunk)));
                }
                request = requests.recv().ok();
                request.is_some()
            };
            self.database
                .read_apart(interrupt, |source| source.stream(&query, self.bigints, self.rows_in_chunk, deliver))
        });
        if let Some(answer) = request.take() {
            answer(outcome.map(|()| None));
        }
        for answer in requests {
            answer(Ok(None));
        }
    }
}

#[napi]
pub struct NativeCursor {
    requests: Mutex<Option<Sender<Request>>>,
    interrupt: Arc<Interrupt>,
}

impl NativeCursor {
    pub(super) fn new(env: &Env, reading: Reading) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let interrupt = Arc::<Interrupt>::default();
        let (path, called_off) = (reading.database.path().to_owned(), Arc::clone(&interrupt));
        let work = move || reading.run(&receiver, &called_off);
        let spawned = thread::Builder::new().name("sqlock-cursor".into()).spawn(work);
        spawned.map_err(|error| exception(env, Error::from(lock::Error::io("pthread_create", &path, error))))?;
        Ok(Self { requests: Mutex::new(Some(sender)), interrupt })
    }

    fn requests(&self) -> MutexGuard<'_, Option<Sender<Request>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: Request) {
        let unheard = match &*self.requests() {
            Some(requests) => requests.send(request).err().map(|error| error.0),
            None => Some(request),
        };
        if let Some(answer) = unheard {
            answer(Ok(None));
        }
    }
}

#[napi]
impl NativeCursor {
    /// The next rows, or null at the end.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeEncoded | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<Option<NativeEncoded>, Resolver>()?;
        self.ask(Box::new(move |answer: Answer| {
            deferred.resolve(Box::new(move |env| to_js(&env, answer)));
        }));
        Ok(promise)
    }

    /// The same, and blocks until they are there.
    #[napi(catch_unwind)]
    pub fn next_sync(&self, env: Env) -> Result<Option<NativeEncoded>> {
        let (sender, receiver) = mpsc::channel();
        self.ask(Box::new(move |answer| {
            // The receiver is there until it has the answer.
            let _ = sender.send(answer);
        }));
        to_js(&env, receiver.recv().unwrap_or(Ok(None)))
    }

    /// Ends the statement and its snapshot.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.requests().take();
        self.interrupt.request();
    }
}

fn to_js(env: &Env, answer: Answer) -> Result<Option<NativeEncoded>> {
    answer.map(|chunk| chunk.map(NativeEncoded::from)).map_err(|failure| exception(env, failure))
}
