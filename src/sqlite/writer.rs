//! The writing connection: its types, and its COMMIT and ROLLBACK. A thread that uses it holds the
//! lock.
//!
//! The other methods are in the parts below. A part uses this file, and no part of a row above its
//! own.
//!
//! | file | holds |
//! |---|---|
//! | `batch` | a batch of writes: one transaction for all of them |
//! | `transaction` | transactions that a caller begins and ends |
//! | `script` | several statements in one text |
//! | `apply` | one write |
//! | `leftovers` | what a statement may leave on the writing connection |
//! | `outcomes` | the outcomes of writes that end in the same way |

#![forbid(unsafe_code)]

mod apply;
mod batch;
mod leftovers;
mod outcomes;
mod script;
#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
mod transaction;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::Connection;

use super::authorizer::{Authorizer, Mode};
use super::connection::{self, ConnectionOptions, Opened};
use super::counters::Counters;
use super::interrupt::Interrupt;
use super::layout::AutoVacuum;
use super::query::Encoded;
use super::refresh::is_wal;
use super::settings::{InForce, Settings};
use super::{Error, raw};

/// Not deferred: a transaction that reads first fails with `SQLITE_BUSY_SNAPSHOT` when it comes to
/// write.
const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// What a write did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows changed by the statement itself, triggers excluded; 0 for what is no INSERT, UPDATE or
    /// DELETE.
    pub changes: u64,
    /// The rowid of the last row that this statement inserted; 0 when it inserted none.
    pub last_insert_rowid: i64,
    /// The rows that it returned, if they were asked for.
    pub(crate) rows: Option<Box<Encoded>>,
}

/// Tells a hold of the lock from others of the same database.
pub(crate) type HoldId = i64;

/// What came of one write.
pub(crate) type Outcome = Result<Written, Error>;

/// The connection that writes.
pub(crate) struct Writer {
    connection: Opened,
    authorizer: Authorizer,
    counters: Counters,
    /// The hold that the last writes belonged to.
    hold: Option<HoldId>,
    options: ConnectionOptions,
    prepared: bool,
    commits: Arc<AtomicU64>,
    leftovers: Leftovers,
    /// The transaction that a caller has begun and not ended.
    open: Option<OpenTransaction>,
    /// The last transaction that has begun, or has ended without it. Those up to it do not begin.
    last: TransactionId,
}

/// Tells a transaction from others of the same database. Each one has a greater id than those
/// before it.
pub(crate) type TransactionId = u64;

/// A transaction that a caller has begun and not ended.
struct OpenTransaction {
    id: TransactionId,
    /// What has made SQLite end it before its time.
    ended_by: Option<Error>,
}

/// What was left on the connection, and not yet taken away.
struct Leftovers {
    in_force: Arc<InForce>,
    /// What the connection has.
    settings: Cell<Settings>,
    /// Is there a pragma whose value ends with the transaction?
    pragmas: Cell<bool>,
    temp: Cell<bool>,
    /// What the VACUUM that follows in a script makes of the file.
    auto_vacuum: Cell<Option<AutoVacuum>>,
}
impl Leftovers {
    fn new(in_force: Arc<InForce>) -> Self {
        let settings = Cell::new(in_force.get());
        Self { in_force, settings, pragmas: Cell::default(), temp: Cell::default(), auto_vacuum: Cell::default() }
    }
}

/// How far a run of writes goes.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// When to leave the rest for later.
    pub(crate) until: Instant,
    /// Calls it off.
    pub(crate) interrupt: &'a Interrupt,
}

impl Writer {
    /// The settings of the database are `in_force`; this connection is the one that changes them.
    pub(crate) fn open(path: &Path, options: ConnectionOptions, in_force: Arc<InForce>) -> Result<Self, Error> {
        let mut connection = connection::open_writer(path, &options)?;
        let authorizer = Authorizer::install(&connection)?;
        let commits = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&commits);
        connection.commit_hook(Some(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        }))?;
        let counters = Counters::install(&connection)?;
        let leftovers = Leftovers::new(in_force);
        Ok(Self {
            connection,
            authorizer,
            counters,
            hold: None,
            options,
            prepared: false,
            commits,
            leftovers,
            open: None,
            last: 0,
        })
    }

    /// One of a database that has no other connections.
    #[cfg(test)]
    pub(super) fn temporary(path: &Path, options: ConnectionOptions) -> Result<Self, Error> {
        let in_force = Arc::new(InForce::of(&options));
        Self::open(path, options, in_force)
    }

    /// Lends the connection; a transaction that `work` leaves open is rolled back.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> Result<T, Error> {
        self.prepare(&Interrupt::default())?;
        self.hold = None;
        self.begin_caller(true);
        // SQLite's C interface gives it as it is.
        raw::set_last_insert_rowid(&self.connection, 0);
        let authorizer = self.authorizer.clone();
        let open = Atomic(self);
        let done = authorizer.with(Mode::Ourselves, || work(&mut open.0.connection));
        drop(open);
        self.tidy_or_later();
        Ok(done)
    }

    /// Another caller begins. `own`: may it use these functions?
    fn begin_caller(&self, own: bool) {
        self.counters.begin(&self.connection);
        self.authorizer.own_counters(own);
    }

    /// The same, unless the caller is a hold that has begun before.
    fn begin_caller_unless_held(&self, own: bool) {
        if self.hold.is_none() {
            self.begin_caller(own);
        }
    }

    /// Commits what is open.
    ///
    /// When the disk refuses, the frame that commits may be in the WAL all the same: a sync that
    /// failed comes after it. Nobody sees it before it is overwritten by the next commit, but
    /// whoever recovers the file after a crash would. So it is overwritten at once, by a commit
    /// that changes nothing.
    fn commit(&self) -> Result<(), Error> {
        let committed = self.control(COMMIT);
        if committed.as_ref().is_err_and(Error::is_of_the_disk) {
            self.roll_back();
            // A disk that refuses this too leaves nothing to be done.
            let _ = self.authorizer.with(Mode::Ourselves, || connection::commit_nothing(&self.connection));
        }
        committed
    }

    /// Rolls back what is open.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.control(ROLLBACK);
        }
    }

    /// Does it take part in WAL mode?
    pub(crate) fn is_in_wal_mode(&self) -> bool {
        self.prepared && self.authorizer.with(Mode::Ourselves, || is_wal(&self.connection)).is_ok_and(|is_wal| is_wal)
    }

    /// Leaves the WAL alone when it is closed.
    pub(crate) fn forgo_checkpoint(&self) {
        self.connection.forgo_checkpoint();
    }

    /// Is it ready to write? Then BEGIN does not wait for more than a lock.
    #[cfg(feature = "node")]
    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared
    }

    /// How often something was committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Makes the connection ready to write: in WAL mode.
    fn prepare(&mut self, interrupt: &Interrupt) -> Result<(), Error> {
        if !self.prepared {
            let prepare = || connection::prepare_writer(&self.connection, &self.options, interrupt);
            self.authorizer.with(Mode::Ourselves, prepare)?;
            self.prepared = true;
            // That was none of a caller.
            self.commits.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn control(&self, sql: &str) -> Result<(), Error> {
        self.connection
            .brake
            .without(|| self.authorizer.with(Mode::Ourselves, || self.connection.prepare_cached(sql)?.execute([])))?;
        Ok(())
    }
}

/// A transaction within one call. Rolls back what is still open when it goes, after an error or a
/// panic. SQLite ends a transaction by itself after some errors, `SQLITE_FULL` and `SQLITE_IOERR`
/// among them.
struct Atomic<'w>(&'w mut Writer);

impl<'w> Atomic<'w> {
    fn begin(writer: &'w mut Writer) -> Result<Self, Error> {
        writer.control(BEGIN)?;
        Ok(Self(writer))
    }

    fn commit(self) -> Result<(), Error> {
        self.0.commit()
    }
}

impl Drop for Atomic<'_> {
    fn drop(&mut self) {
        self.0.roll_back();
    }
}
