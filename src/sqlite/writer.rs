//! The writing connection. Whoever uses it holds the lock.
//!
//! A batch of writes is one transaction. A write that fails fails alone: SQLite undoes its statement, the others stay.
//! Where that cannot be relied on, because the statement left something behind, the transaction ended with it, or the
//! COMMIT failed, the batch is rolled back and run again with a transaction for each write.
//!
//! Transactions that a caller begins and ends are in `transaction`, scripts in `script`.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::{Connection, Statement};

use super::authorizer::{Authorizer, Mode};
use super::batch::Write;
use super::connection::{self, ConnectionOptions, Opened};
use super::counters::Counters;
use super::interrupt::Interrupt;
use super::leftovers::Leftovers;
use super::query::{self, Encoded};
use super::rows::Names;
use super::settings::InForce;
use super::transaction::{Open, TransactionId};
use super::{Error, raw, records, run};

/// Not deferred: a transaction that reads first fails with `SQLITE_BUSY_SNAPSHOT` when it comes to write.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// What a write did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows changed by the statement itself, triggers excluded; 0 for what is no INSERT, UPDATE or DELETE.
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
    pub(super) connection: Opened,
    pub(super) authorizer: Authorizer,
    pub(super) counters: Counters,
    /// The hold that the last writes belonged to.
    pub(super) hold: Option<HoldId>,
    options: ConnectionOptions,
    prepared: bool,
    commits: Arc<AtomicU64>,
    pub(super) leftovers: Leftovers,
    /// The transaction that a caller has begun and not ended.
    pub(super) open: Option<Open>,
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
        })
    }

    /// One of a database that has no other connections.
    #[cfg(test)]
    pub(super) fn temporary(path: &Path, options: ConnectionOptions) -> Result<Self, Error> {
        let in_force = Arc::new(InForce::of(&options));
        Self::open(path, options, in_force)
    }

    /// Runs writes in their order until all are done or the time is over, the first one in any case. There is an outcome for
    /// each write that is done, and one for each of several that go together. After an error nothing of that write is in the
    /// file. All writes under one `hold` belong to one caller.
    pub(crate) fn run(
        &mut self,
        hold: Option<HoldId>,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        limits: Limits<'_>,
    ) -> Vec<Outcome> {
        let _armed = limits.interrupt.arm(&self.connection.brake);
        let outcomes = self.run_armed(hold, transaction, writes, limits);
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| limits.interrupt.explain(error))).collect()
    }

    fn run_armed(
        &mut self,
        hold: Option<HoldId>,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        limits: Limits<'_>,
    ) -> Vec<Outcome> {
        let mut ready = limits.interrupt.check();
        if self.open.is_none() {
            // Should a ROLLBACK ever have failed, the lock would be free and SQLite's own would not.
            self.roll_back();
            ready = ready.and_then(|()| self.tidy());
        }
        if let Err(error) = ready.and_then(|()| self.prepare(limits.interrupt)) {
            return refuse_all(writes, &error);
        }
        if self.hold != hold {
            self.begin_caller(true);
            self.hold = hold;
        }
        match (transaction, &self.open) {
            (Some(id), _) => {
                let authorizer = self.authorizer.clone();
                authorizer.with(Mode::Transaction, || self.run_in(id, writes, limits))
            }
            (None, None) => self.run_in_order(writes, limits),
            // Each lane of a DB sees to it that nothing else is written meanwhile.
            (None, Some(_)) => refuse_all(writes, &Error::Malformed),
        }
    }

    fn run_in_order(&mut self, writes: &[Write<'_>], limits: Limits<'_>) -> Vec<Outcome> {
        let (mut left, mut outcomes) = (writes, Vec::with_capacity(writes.len()));
        while !left.is_empty() && (outcomes.is_empty() || Instant::now() < limits.until) {
            // One that has to be alone is: what stands before it and behind it have transactions of their own.
            let together = left.iter().position(is_solitary).unwrap_or(left.len());
            let done = if together == 0 {
                outcomes.extend(self.run_alone(&left[0], limits.interrupt));
                1
            } else {
                let part = self.run_part(&left[..together], limits.until);
                let done = part.len();
                outcomes.extend(part);
                done
            };
            left = &left[done..];
        }
        outcomes
    }

    fn run_part(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let (start, saved) = (Instant::now(), self.counters.save(&self.connection));
        match self.run_together(writes, until) {
            Ok(Some(outcomes)) => outcomes,
            // With as much time again, or writes that fail would each cost a whole batch.
            Ok(None) => {
                self.counters.restore(&self.connection, &saved);
                self.run_apart(writes, until.max(Instant::now() + start.elapsed()))
            }
            Err(error) => refuse_all(writes, &error),
        }
    }

    /// One transaction for all. `None`: rolled back, to be run apart. An error: it could not even begin.
    fn run_together(&mut self, writes: &[Write<'_>], until: Instant) -> Result<Option<Vec<Outcome>>, Error> {
        let open = Atomic::begin(self)?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let before = open.0.connection.total_changes();
            let outcome = open.0.apply_plain(write);
            let relied_on = match &outcome {
                Err(error) => writes.len() > 1 && open.0.is_undone(write, error, before),
                // A deferred foreign key that is broken is an error of this write, even if a later one mends it.
                Ok(_) => writes.len() == 1 || !raw::has_broken_foreign_key(&open.0.connection),
            };
            if !relied_on {
                return Ok(alone(writes, outcome));
            }
            outcomes.push(outcome);
            if Instant::now() >= until {
                break;
            }
        }
        match open.commit() {
            Ok(()) => Ok(Some(outcomes)),
            Err(error) => Ok(alone(writes, Err(error))),
        }
    }

    /// Has SQLite undone all that a failed statement did, and nothing else? FAIL keeps what was done before the error, and the
    /// count of changes does not tell of what a trigger did; so where the word occurs, nothing is relied on.
    fn is_undone(&self, write: &Write<'_>, error: &Error, changes_before: u64) -> bool {
        const FAIL_IN_SCHEMA: &str = "SELECT 1 FROM sqlite_schema WHERE sql LIKE '%fail%' UNION ALL
            SELECT 1 FROM sqlite_temp_schema WHERE sql LIKE '%fail%' LIMIT 1";
        if error.is_of_the_text() {
            return true;
        }
        let connection = &self.connection;
        let in_text = matches!(write, Write::Run { sql, .. } | Write::Query { sql, .. } if sql.to_ascii_lowercase().contains("fail"));
        let in_schema = || connection.prepare_cached(FAIL_IN_SCHEMA).and_then(|mut statement| statement.exists([]));
        error.is_of_a_journaled_constraint()
            && !connection.is_autocommit()
            && connection.total_changes() == changes_before
            && !in_text
            && in_schema().is_ok_and(|found| !found)
    }

    /// Outside a transaction, or several in one of their own. There is an outcome for each of several.
    fn run_alone(&mut self, write: &Write<'_>, interrupt: &Interrupt) -> Vec<Outcome> {
        match write {
            Write::All(all) => {
                self.begin_caller_unless_held(true);
                let authorizer = self.authorizer.clone();
                let outcome = authorizer.with(Mode::Transaction, || self.run_all(all, interrupt));
                self.tidy_or_later();
                of_all(all, outcome)
            }
            Write::Exec { sql } => {
                self.begin_caller_unless_held(true);
                vec![self.exec(sql, interrupt).map(|()| Written::default())]
            }
            Write::Run { sql, .. } | Write::Query { sql, .. } if run::is_one_of(sql, &["VACUUM"]) => {
                vec![self.vacuum(|| self.apply_plain(write))]
            }
            _ => vec![self.settle(self.apply_plain(write))],
        }
    }

    fn run_all(&mut self, all: &[Write<'_>], interrupt: &Interrupt) -> Result<Vec<Written>, Error> {
        let open = Atomic::begin(self)?;
        let written = open.0.apply_all(all, interrupt)?;
        open.commit().map_err(|source| Error::OfAll { index: None, source: Box::new(source) })?;
        Ok(written)
    }

    /// The writes of a batch that is all or nothing, in a transaction.
    pub(super) fn apply_all(&self, all: &[Write<'_>], interrupt: &Interrupt) -> Result<Vec<Written>, Error> {
        let apply = |(index, write)| {
            let written = interrupt.check().and_then(|()| self.apply(write));
            written.map_err(|source| Error::OfAll { index: Some(index), source: Box::new(source) })
        };
        all.iter().enumerate().map(apply).collect()
    }

    /// A transaction for each.
    fn run_apart(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(self.run_one(write));
            if Instant::now() >= until {
                break;
            }
        }
        outcomes
    }

    fn run_one(&mut self, write: &Write<'_>) -> Outcome {
        let open = Atomic::begin(self)?;
        let written = open.0.apply_plain(write)?;
        open.commit()?;
        Ok(written)
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

    /// A write outside a batch and a transaction: a caller of its own, unless it is under a hold.
    fn apply_plain(&self, write: &Write<'_>) -> Outcome {
        self.begin_caller_unless_held(false);
        self.apply(write)
    }

    /// Does a write of one statement.
    pub(super) fn apply(&self, write: &Write<'_>) -> Outcome {
        let (Write::Run { sql, parameters } | Write::Query { sql, parameters, .. }) = write else {
            return self.attempt(write);
        };
        match self.attempt(write) {
            Err(Error::Pragma { .. }) if !parameters.is_empty() => Err(run::too_many(parameters.len())),
            Err(Error::Pragma { name, argument }) => {
                let done = self.run_pragma((&name, &argument), sql, || self.attempt(write))?;
                let rows = matches!(write, Write::Query { .. }).then(Box::default);
                Ok(done.unwrap_or(Written { rows, ..Written::default() }))
            }
            outcome => outcome,
        }
    }

    fn attempt(&self, write: &Write<'_>) -> Outcome {
        let connection = &self.connection;
        let before = connection.total_changes();
        self.counters.next(connection);
        let mut rows = None;
        match write {
            Write::CreateRecord { name, value } => records::create(connection, name, *value)?,
            Write::UpdateRecord { id, value } => records::update(connection, *id, *value)?,
            Write::Run { sql, parameters } => run::run(connection, &self.authorizer, sql, parameters, run::step)?,
            Write::Query { sql, parameters, form } => {
                let names = Names { connection, authorizer: &self.authorizer, sql };
                let encode = |statement: &mut Statement<'_>| query::encode(statement, &names, *form);
                rows = Some(Box::new(run::run(connection, &self.authorizer, sql, parameters, encode)?));
            }
            Write::All(_) | Write::Exec { .. } | Write::Control(_) => return Err(Error::Malformed),
        }
        let (changes, inserts) = match write {
            Write::Run { sql, .. } | Write::Query { sql, .. } => run::effects(sql),
            _ => (true, true),
        };
        if changes {
            self.counters.counted();
        }
        Ok(Written {
            // What is no INSERT, UPDATE or DELETE leaves the count of the one before.
            changes: if changes && connection.total_changes() != before { connection.changes() } else { 0 },
            last_insert_rowid: if inserts { self.counters.inserted(connection) } else { 0 },
            rows,
        })
    }

    /// Commits what is open.
    ///
    /// When the disk refuses, the frame that commits may be in the WAL all the same: a sync that failed comes after it. Nobody
    /// sees it before it is overwritten by the next commit, but whoever recovers the file after a crash would. So it is
    /// overwritten at once, by a commit that changes nothing.
    pub(super) fn commit(&self) -> Result<(), Error> {
        let committed = self.control(COMMIT);
        if committed.as_ref().is_err_and(Error::is_of_the_disk) {
            self.roll_back();
            // A disk that refuses this too leaves nothing to be done.
            let _ = self.authorizer.with(Mode::Ourselves, || connection::commit_nothing(&self.connection));
        }
        committed
    }

    /// Rolls back what is open.
    pub(super) fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.control(ROLLBACK);
        }
    }

    /// Does it take part in WAL mode?
    pub(crate) fn is_in_wal_mode(&self) -> bool {
        self.prepared
            && self.authorizer.with(Mode::Ourselves, || connection::is_wal(&self.connection)).is_ok_and(|is_wal| is_wal)
    }

    /// Leaves the WAL alone when it is closed.
    pub(crate) fn forgo_checkpoint(&self) {
        self.connection.forgo_checkpoint();
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

    pub(super) fn control(&self, sql: &str) -> Result<(), Error> {
        self.connection
            .brake
            .without(|| self.authorizer.with(Mode::Ourselves, || self.connection.prepare_cached(sql)?.execute([])))?;
        Ok(())
    }
}

fn is_solitary(write: &Write<'_>) -> bool {
    match write {
        Write::Run { sql, .. } | Write::Query { sql, .. } => run::is_solitary(sql),
        Write::All(_) | Write::Exec { .. } | Write::Control(_) => true,
        Write::CreateRecord { .. } | Write::UpdateRecord { .. } => false,
    }
}

/// The outcome of a batch of one, which would only fail again in the same way; `None` for others.
fn alone(writes: &[Write<'_>], outcome: Outcome) -> Option<Vec<Outcome>> {
    (writes.len() == 1).then(|| vec![outcome])
}

pub(super) fn refuse_all(writes: &[Write<'_>], error: &Error) -> Vec<Outcome> {
    let count = |write: &Write<'_>| if let Write::All(all) = write { all.len() } else { 1 };
    (0..writes.iter().map(count).sum()).map(|_| Err(error.clone())).collect()
}

/// An outcome for each of several writes that go together; the first one tells of an error.
pub(super) fn of_all(all: &[Write<'_>], written: Result<Vec<Written>, Error>) -> Vec<Outcome> {
    match written {
        Ok(written) => written.into_iter().map(Ok).collect(),
        Err(error) => {
            let undone = all.iter().skip(1).map(|_| Ok(Written::default()));
            std::iter::once(Err(error)).chain(undone).collect()
        }
    }
}

/// A transaction within one call. Rolls back what is still open when it goes, after an error or a panic. SQLite ends a
/// transaction by itself after some errors, `SQLITE_FULL` and `SQLITE_IOERR` among them.
pub(super) struct Atomic<'w>(pub(super) &'w mut Writer);

impl<'w> Atomic<'w> {
    pub(super) fn begin(writer: &'w mut Writer) -> Result<Self, Error> {
        writer.control(BEGIN)?;
        Ok(Self(writer))
    }

    pub(super) fn commit(self) -> Result<(), Error> {
        self.0.commit()
    }
}

impl Drop for Atomic<'_> {
    fn drop(&mut self) {
        self.0.roll_back();
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
