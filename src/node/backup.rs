//! Backups: each on a thread of its own, which makes a step with each request and is over when nobody can make one any more.

#![deny(unsafe_code)]

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::error::{Failure, exception, guarded};
use crate::lock;
use crate::sqlite::{Interrupt, Progress};
use crate::{Database, Error};

/// How far a backup has got.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    pub total_pages: i32,
    pub remaining_pages: i32,
}

impl From<Progress> for NativeProgress {
    fn from(Progress { total_pages, remaining_pages }: Progress) -> Self {
        Self { total_pages, remaining_pages }
    }
}

/// What came of a step, or `None` when the backup is in its place.
type Answer = std::result::Result<Option<Progress>, Failure>;
type Request = Box<dyn FnOnce(Answer) + Send>;
type Resolver = Box<dyn FnOnce(Env) -> Result<Option<NativeProgress>>>;

/// What is to be done.
struct Errand {
    database: Arc<Database>,
    destination: PathBuf,
    pages_per_step: i32,
}

impl Errand {
    fn run(&self, requests: &Receiver<Request>, interrupt: &Interrupt) {
        let Ok(request) = requests.recv() else { return };
        let mut request = Some(request);
        let outcome = guarded(|| {
            let on_step = |progress| {
                if let Some(answer) = request.take() {
                    answer(Ok(Some(progress)));
                }
                request = requests.recv().ok();
                request.is_some()
            };
            self.database.backup_in_steps(&self.destination, self.pages_per_step, interrupt, on_step)
        });
        if let Some(answer) = request.take() {
            answer(outcome.map(|_| None));
        }
    }
}

#[napi]
pub struct NativeBackup {
    /// Locked by nobody but the JavaScript thread, one call at a time.
    requests: Mutex<Sender<Request>>,
    interrupt: Arc<Interrupt>,
}

impl NativeBackup {
    pub(super) fn new(env: &Env, database: Arc<Database>, destination: PathBuf, pages_per_step: i32) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let interrupt = Arc::<Interrupt>::default();
        let called_off = Arc::clone(&interrupt);
        let path = database.path().to_owned();
        let errand = Errand { database, destination, pages_per_step };
        let work = move || errand.run(&receiver, &called_off);
        let spawned = thread::Builder::new().name("sqlock-backup".into()).spawn(work);
        spawned.map_err(|error| exception(env, Error::from(lock::Error::io("pthread_create", &path, error))))?;
        Ok(Self { requests: Mutex::new(sender), interrupt })
    }
}

#[napi]
impl NativeBackup {
    /// Makes a step; how far it has got then, or null when the backup is in its place. To be asked until it gives null or fails.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeProgress | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<Option<NativeProgress>, Resolver>()?;
        let answer: Request = Box::new(move |answer| deferred.resolve(Box::new(move |env| to_js(&env, answer))));
        let sent = self.requests.lock().unwrap_or_else(PoisonError::into_inner).send(answer);
        if let Err(unheard) = sent {
            unheard.0(Ok(None));
        }
        Ok(promise)
    }

    /// Calls it off: the step that is asked for fails with `SQLITE_INTERRUPT` when nothing of the backup is left.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.interrupt.request();
    }
}

fn to_js(env: &Env, answer: Answer) -> Result<Option<NativeProgress>> {
    answer.map(|progress| progress.map(NativeProgress::from)).map_err(|failure| exception(env, failure))
}
