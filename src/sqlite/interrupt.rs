//! Calling off work that another thread does.
//!
//! SQLite's own interrupt hits whatever statement happens to run: none, when it comes between two, and then it is forgotten; or
//! the ROLLBACK of what it was meant for. So this is a flag that the progress handler of the connection looks at, every so many
//! steps, and not while we control a transaction: <https://www.sqlite.org/c3ref/progress_handler.html>.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::Error;

/// How many steps of SQLite's virtual machine go by until it is looked whether to go on; a millisecond has tens of thousands.
const STEPS: i32 = 1000;

/// What the progress handler of a connection looks at.
#[derive(Clone, Default)]
pub(crate) struct Brake(Arc<Flags>);

#[derive(Default)]
struct Flags {
    /// The work that runs now is called off.
    work: AtomicBool,
    /// All work is.
    all: AtomicBool,
    /// What runs now is ours, and has to come to its end.
    ours: AtomicBool,
}

impl Brake {
    pub(super) fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        let brake = Self::default();
        let Self(flags) = brake.clone();
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let pressed = move || !is_set(&flags.ours) && (is_set(&flags.work) || is_set(&flags.all));
        connection.progress_handler(STEPS, Some(pressed))?;
        Ok(brake)
    }

    /// Does what has to come to its end.
    pub(super) fn without<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.0.ours.swap(true, Ordering::Relaxed);
        let done = work();
        self.0.ours.store(before, Ordering::Relaxed);
        done
    }

    /// Calls off all work for as long as `wait` waits for its end.
    #[cfg(feature = "node")]
    pub(crate) fn stop_while<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.all.store(true, Ordering::Relaxed);
        let waited = wait();
        self.0.all.store(false, Ordering::Relaxed);
        waited
    }
}

/// Calls off one piece of work and no other: once it has ended, nothing is interrupted any more.
#[derive(Default)]
pub struct Interrupt(Mutex<State>);

#[derive(Default)]
struct State {
    requested: bool,
    running: Option<Brake>,
}

impl Interrupt {
    /// Makes the statement that runs now fail with `SQLITE_INTERRUPT`, and those that were to follow.
    #[cfg(any(feature = "node", test))]
    pub fn request(&self) {
        let mut state = self.state();
        state.requested = true;
        if let Some(Brake(flags)) = &state.running {
            flags.work.store(true, Ordering::Relaxed);
        }
    }

    /// Work begins on the connection of `brake`; it ends when what is returned is dropped.
    pub(super) fn arm(&self, brake: &Brake) -> Armed<'_> {
        let mut state = self.state();
        brake.0.work.store(state.requested, Ordering::Relaxed);
        state.running = Some(brake.clone());
        Armed(self)
    }

    /// # Errors
    /// `SQLITE_INTERRUPT` when the work was called off.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.state().requested { Err(Error::interrupted()) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work under way.
pub(super) struct Armed<'i>(&'i Interrupt);

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if let Some(Brake(flags)) = self.0.state().running.take() {
            flags.work.store(false, Ordering::Relaxed);
        }
    }
}
