//! Interrupting work that another thread does.
//!
//! SQLite's own interrupt hits the statement that happens to run. Between two statements it hits
//! none, and is forgotten. It can also hit the ROLLBACK of the work that it was meant for. So an
//! interrupt is a flag here, and two handlers of the connection look at it. The progress handler
//! looks after a number of steps, except while we control a transaction:
//! <https://www.sqlite.org/c3ref/progress_handler.html>. The busy handler looks while SQLite waits
//! for a program that ignores `db.lock`: <https://www.sqlite.org/c3ref/busy_handler.html>.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Error, raw};

/// How many steps of SQLite's virtual machine go by until it is looked whether to go on; a millisecond has tens of thousands.
const STEPS: i32 = 1000;

/// How long the busy handler sleeps before SQLite tries the lock again. An abort is seen as late as that.
const FIRST_PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(2)];
const PAUSE: Duration = Duration::from_millis(5);

/// What the handlers of a connection look at.
#[derive(Clone, Default)]
pub(super) struct Brake(Arc<Flags>);

#[derive(Default)]
struct Flags {
    /// The work that runs now is called off.
    work: AtomicBool,
    /// What runs now is ours, and has to come to its end.
    ours: AtomicBool,
    /// What runs now must not wait for another program.
    at_once: AtomicBool,
}

impl Brake {
    /// Puts both handlers on `connection`. `busy_timeout` is how long SQLite waits for another program.
    pub(super) fn install(connection: &mut Connection, busy_timeout: Duration) -> rusqlite::Result<Self> {
        let brake = Self::default();
        let Self(flags) = brake.clone();
        let pressed = move || !is_set(&flags.ours) && is_set(&flags.work);
        connection.progress_handler(STEPS, Some(pressed))?;
        let Self(flags) = brake.clone();
        let mut since = Instant::now();
        raw::set_busy_handler(connection, move |tries| {
            if tries == 0 {
                since = Instant::now();
            }
            // Also while we control a transaction: a BEGIN or COMMIT that did not get a lock has done nothing yet, and a ROLLBACK
            // needs none.
            let is_over = || is_set(&flags.work) || is_set(&flags.at_once);
            let left = busy_timeout.saturating_sub(since.elapsed());
            if left.is_zero() || is_over() {
                return false;
            }
            pause(FIRST_PAUSES.get(tries).copied().unwrap_or(PAUSE).min(left));
            !is_over()
        })?;
        Ok(brake)
    }

    /// Does what has to come to its end.
    pub(super) fn without<T>(&self, work: impl FnOnce() -> T) -> T {
        with(&self.0.ours, work)
    }

    /// Does what must not wait for another program: it fails with `SQLITE_BUSY` instead.
    pub(super) fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        with(&self.0.at_once, work)
    }
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

fn with<T>(flag: &AtomicBool, work: impl FnOnce() -> T) -> T {
    let before = flag.swap(true, Ordering::Relaxed);
    let done = work();
    flag.store(before, Ordering::Relaxed);
    done
}

/// Sleeps until SQLite is to try again.
#[expect(clippy::disallowed_methods, reason = "SQLite does not tell when another program gives its lock back")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Sleeps until the next attempt. Neither does SQLite tell when a reader of a rollback-journal database is done, nor the kernel
/// when its clock ticks.
pub(super) fn pause_briefly() {
    pause(Duration::from_millis(1));
}

/// Calls off one piece of work and no other: once it has ended, nothing is interrupted any more.
#[derive(Default)]
pub struct Interrupt(Mutex<InterruptState>);

#[derive(Default)]
struct InterruptState {
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
        if self.is_requested() { Err(Error::interrupted()) } else { Ok(()) }
    }

    /// The error of the work. A wait that it gave up since it was called off has failed with `SQLITE_BUSY`.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.is_busy() && self.is_requested() { Error::interrupted() } else { error }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.state().requested
    }

    fn state(&self) -> MutexGuard<'_, InterruptState> {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::connection::ConnectionOptions;
    use super::super::write::Write;
    use super::super::writer::{Limits, Writer};
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const ENDLESS: Duration = Duration::from_secs(1 << 20);

    /// A program that ignores the lock, and has begun to write.
    fn foreign(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(connection)
    }

    fn write(path: &Path, busy_timeout: Duration, interrupt: &Interrupt) -> Result<&'static str, Error> {
        let mut connection =
            Writer::temporary(path, ConnectionOptions { busy_timeout, ..ConnectionOptions::default() })?;
        let writes = [Write::Run { sql: "CREATE TABLE t (a)", parameters: vec![] }];
        let outcomes = connection.run(None, None, &writes, Limits { until: Instant::now() + ENDLESS, interrupt });
        Ok(match outcomes.as_slice() {
            [Ok(_)] => "written",
            [Err(Error::Sqlite(failure))] => failure.code(),
            _ => "another error",
        })
    }

    #[test]
    fn a_wait_for_another_program_ends_when_it_is_called_off_before_it_or_in_it() -> TestResult {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("app.db");
        for wal in [false, true] {
            if wal {
                Connection::open(&path)?.pragma_update(None, "journal_mode", "WAL")?;
            }
            let _foreign = foreign(&path)?;
            for delay in [0, 1, 5, 20].map(Duration::from_millis) {
                let interrupt = Interrupt::default();
                let code = std::thread::scope(|scope| {
                    scope.spawn(|| {
                        pause(delay);
                        interrupt.request();
                    });
                    write(&path, ENDLESS, &interrupt)
                })?;
                assert_eq!(code, "SQLITE_INTERRUPT", "{delay:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_wait_for_another_program_ends_with_its_time_or_with_the_program() -> TestResult {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("app.db");
        Connection::open(&path)?.pragma_update(None, "journal_mode", "WAL")?;
        for busy_timeout in [Duration::ZERO, Duration::from_millis(20)] {
            let _foreign = foreign(&path)?;
            assert_eq!(write(&path, busy_timeout, &Interrupt::default())?, "SQLITE_BUSY");
        }
        let foreign = foreign(&path)?;
        let code = std::thread::scope(|scope| {
            scope.spawn(move || {
                pause(Duration::from_millis(20));
                drop(foreign);
            });
            write(&path, ENDLESS, &Interrupt::default())
        })?;
        assert_eq!(code, "written");
        Ok(())
    }
}
