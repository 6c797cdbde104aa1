//! Work in steps on a thread of its own. The thread makes one step for each request. It ends when
//! nobody can make a request any more.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Result};

use super::error::{Failure, exception, guarded, not_started};
use super::interrupts;
use crate::sqlite::Interrupt;
use crate::{Error, threads};

/// What came of a step, or `None` when there are no more.
type Answer<T> = std::result::Result<Option<T>, Failure>;
type Answering<T> = Box<dyn FnOnce(Answer<T>) + Send>;
type Resolver<J> = Box<dyn FnOnce(Env) -> Result<Option<J>>>;

/// A wish for a step. One that nobody gets to is answered too, when it is dropped: there are no more.
struct Request<T>(Option<Answering<T>>);

impl<T> Request<T> {
    fn answer(&mut self, answer: Answer<T>) {
        if let Some(answering) = self.0.take() {
            answering(answer);
        }
    }
}

impl<T> Drop for Request<T> {
    fn drop(&mut self) {
        self.answer(Ok(None));
    }
}

/// Work that is done step by step, each giving a `T`.
pub(super) struct Stepper<T> {
    requests: Mutex<Option<Sender<Request<T>>>>,
    interrupt: Arc<Interrupt>,
}

impl<T: Send + 'static> Stepper<T> {
    /// Begins `work` with the first request. It gives away what each step has come to, and is told whether to go on. `path` is
    /// what an error tells of.
    pub(super) fn spawn<W>(env: &Env, name: &str, path: &Path, work: W) -> Result<Self>
    where
        W: FnOnce(&Interrupt, &mut dyn FnMut(T) -> bool) -> std::result::Result<(), Error> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let interrupt = interrupts::interrupt();
        let called_off = Arc::clone(&interrupt);
        let spawned = threads::spawn(name, move || run(&receiver, |give| work(&called_off, give)));
        spawned.map_err(|error| exception(env, not_started(path, error)))?;
        Ok(Self { requests: Mutex::new(Some(sender)), interrupt })
    }

    /// Asks for a step: a promise of what it comes to, or of null when there are no more.
    pub(super) fn next<'env, J>(&self, env: &'env Env) -> Result<Object<'env>>
    where
        J: From<T> + ToNapiValue + 'static,
    {
        let (deferred, promise) = env.create_deferred::<Option<J>, Resolver<J>>()?;
        self.ask(move |answer| deferred.resolve(Box::new(move |env| to_js(&env, answer))));
        Ok(promise)
    }

    /// The same, and blocks until it is there.
    pub(super) fn next_sync<J: From<T>>(&self, env: &Env) -> Result<Option<J>> {
        let (sender, receiver) = mpsc::channel();
        self.ask(move |answer| {
            // The receiver is there until it has the answer.
            let _ = sender.send(answer);
        });
        to_js(env, receiver.recv().unwrap_or(Ok(None)))
    }

    /// Calls the work off: the step that is made fails, or the next one.
    pub(super) fn interrupt(&self) {
        self.interrupt.request();
    }

    /// Ends the work.
    pub(super) fn close(&self) {
        self.requests().take();
        self.interrupt();
    }

    fn ask(&self, answering: impl FnOnce(Answer<T>) + Send + 'static) {
        let request = Request(Some(Box::new(answering)));
        if let Some(requests) = &*self.requests() {
            // What is not taken any more is dropped.
            let _ = requests.send(request);
        }
    }

    fn requests(&self) -> MutexGuard<'_, Option<Sender<Request<T>>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run<T>(
    requests: &Receiver<Request<T>>,
    work: impl FnOnce(&mut dyn FnMut(T) -> bool) -> std::result::Result<(), Error>,
) {
    let Ok(first) = requests.recv() else { return };
    let mut request = Some(first);
    let outcome = guarded(|| {
        work(&mut |step| {
            if let Some(mut asked) = request.take() {
                asked.answer(Ok(Some(step)));
            }
            request = requests.recv().ok();
            request.is_some()
        })
    });
    if let Some(mut asked) = request {
        asked.answer(outcome.map(|()| None));
    }
}

fn to_js<T, J: From<T>>(env: &Env, answer: Answer<T>) -> Result<Option<J>> {
    answer.map(|step| step.map(J::from)).map_err(|failure| exception(env, failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request, whose answer goes to `answers`.
    fn request(answers: &Sender<Answer<u32>>) -> Request<u32> {
        let answers = answers.clone();
        Request(Some(Box::new(move |answer| answers.send(answer).expect("the test listens"))))
    }

    #[test]
    fn each_request_is_answered_also_those_after_the_end() {
        let (requests, receiver) = mpsc::channel();
        let (answers, answered) = mpsc::channel();
        for _ in 0..4 {
            requests.send(request(&answers)).expect("the work listens");
        }
        run(&receiver, |give| {
            assert!(give(1) && give(2));
            Ok(())
        });
        drop(receiver);
        let _ = requests.send(request(&answers));
        let answers: Vec<_> = answered.try_iter().map(std::result::Result::ok).collect();
        assert_eq!(answers, [Some(Some(1)), Some(Some(2)), Some(None), Some(None), Some(None)]);
    }

    #[test]
    fn work_that_nobody_can_ask_any_more_is_told_to_end() {
        let (requests, receiver) = mpsc::channel();
        let (answers, answered) = mpsc::channel();
        requests.send(request(&answers)).expect("the work listens");
        drop(requests);
        let mut goes_on = true;
        run(&receiver, |give| {
            goes_on = give(1);
            Ok(())
        });
        assert!(!goes_on);
        assert_eq!(answered.try_iter().count(), 1);
    }

    #[test]
    fn an_error_and_a_panic_are_the_answer_to_the_request_they_come_in() {
        for panics in [false, true] {
            let (requests, receiver) = mpsc::channel();
            let (answers, answered) = mpsc::channel();
            requests.send(request(&answers)).expect("the work listens");
            run(&receiver, |_| if panics { panic!("out of tune") } else { Err(Error::Closed) });
            match answered.try_recv().expect("an answer") {
                Err(Failure::Panic(message)) => assert!(panics && message == "out of tune"),
                Err(Failure::Error(error)) => assert!(!panics && matches!(error, Error::Closed)),
                Ok(_) => panic!("neither"),
            }
        }
    }
}
