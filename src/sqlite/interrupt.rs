//! Calling off work that another thread does.

#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use super::Error;

/// Calls off one piece of work and no other: once it has ended, nothing is interrupted any more.
#[derive(Default)]
pub struct Interrupt(Mutex<State>);

#[derive(Default)]
struct State {
    requested: bool,
    running: Option<InterruptHandle>,
}

impl Interrupt {
    /// Makes the statement that runs now fail with `SQLITE_INTERRUPT`, and those that were to follow.
    #[cfg(any(feature = "node", test))]
    pub fn request(&self) {
        let mut state = self.state();
        state.requested = true;
        if let Some(running) = &state.running {
            running.interrupt();
        }
    }

    /// Work on `connection` begins; it ends when what is returned is dropped.
    pub(super) fn arm(&self, connection: &Connection) -> Armed<'_> {
        self.state().running = Some(connection.get_interrupt_handle());
        Armed(self)
    }

    /// Between two statements nothing runs that SQLite could interrupt.
    ///
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
        self.0.state().running = None;
    }
}
