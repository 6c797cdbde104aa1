//! A reading connection. It never takes the lock: in WAL mode readers and the writer do not wait
//! for each other.
//!
//! Most of the time of a short read is spent on the locks with which SQLite begins and ends its
//! snapshot. So several reads in a row may share one snapshot, as long as it is the newest. Every
//! commit changes the header of the WAL index. The header is read before the snapshot begins and
//! compared before each further read. If it changes in between, the comparison fails and a new
//! snapshot begins. The caller that asks for a shared snapshot has to end it soon, because a
//! snapshot keeps checkpoints from their end.
//!
//! A reader without write access cannot take part in a WAL database that no program has open. Such
//! a database is read without locks, see [`at_rest`](super::at_rest), one read at a time. A read
//! that meets a change is repeated on a new connection.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::Error;
use super::at_rest::AtRest;
use super::authorizer::{Authorizer, Mode};
use super::connection::{self, ATTEMPTS, ConnectionOptions, Memory, Opened, OpenedToRead};
use super::interrupt::Interrupt;
use super::query::Source;
use super::raw::{self, HeaderCopy, WalIndexHeader};
use super::refresh::{is_wal, refresh};
use super::settings::{InForce, Settings};

/// A connection that reads, and is replaced when the files of the database ask for another one.
pub(crate) struct ReadConnection {
    path: PathBuf,
    options: ConnectionOptions,
    memory: Memory,
    in_force: Arc<InForce>,
    reading: Reading,
    /// How often it was replaced.
    replaced: u32,
}

/// What every commit changes, by whatever connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Of a database in WAL mode.
    Wal(WalIndexHeader),
    /// Of another one: SQLite's `data_version`, which two connections count differently.
    Version { replaced: u32, version: i64 },
}

impl ReadConnection {
    pub(crate) fn open(
        path: &Path,
        options: &ConnectionOptions,
        memory: Memory,
        in_force: Arc<InForce>,
    ) -> Result<Self, Error> {
        let reading = Reading::open(path, options, memory)?;
        Ok(Self { path: path.to_owned(), options: options.clone(), memory, in_force, reading, replaced: 0 })
    }

    /// Reads until it is called off.
    pub(crate) fn interruptible<T>(
        &mut self,
        interrupt: &Interrupt,
        mut read: impl FnMut(&Source<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.repeatedly(false, |reading| {
            let _armed = interrupt.arm(&reading.connection.brake);
            interrupt.check()?;
            read(&reading.source()).map_err(|error| interrupt.explain(error))
        })
    }

    /// Reads the newest state. With `keep` the snapshot stays open for the next read, see [`end_snapshot`](Self::end_snapshot).
    pub(crate) fn read<T>(
        &mut self,
        keep: bool,
        mut read: impl FnMut(&Source<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.repeatedly(false, |reading| reading.read(keep, &mut read))
    }

    /// Reads only if no program has the file to itself.
    ///
    /// # Errors
    /// `SQLITE_BUSY` at once when one has.
    pub(crate) fn read_at_once<T>(
        &mut self,
        mut read: impl FnMut(&Source<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.repeatedly(true, |reading| reading.read(false, &mut read))
    }

    /// What the newest commit has left. Has no snapshot, and takes no lock in WAL mode.
    ///
    /// # Errors
    /// `SQLITE_BUSY` at once when a program has the file to itself.
    pub(crate) fn mark(&mut self) -> Result<Mark, Error> {
        let mark = self.repeatedly(true, Reading::mark)?;
        Ok(mark.unwrap_or_else(|version| Mark::Version { replaced: self.replaced, version }))
    }

    /// Is it known to take part in WAL mode? Then it does until it is closed, and nobody may remove the -wal and the -shm.
    pub(crate) fn is_in_wal_mode(&self) -> bool {
        self.reading.wal
    }

    /// Takes part in WAL mode, if the database is in it.
    pub(crate) fn join_wal_mode(&mut self) -> bool {
        // What keeps it from reading keeps it out. It does not wait: others wait for this connection.
        let _ = self.read_at_once(|source| Ok(refresh(source.connection)?));
        self.is_in_wal_mode()
    }

    /// Leaves the WAL alone when it is closed.
    pub(crate) fn forgo_checkpoint(&self) {
        self.reading.connection.forgo_checkpoint();
    }

    /// Refuses what a new database is to be made with, if there is one that has something else. Does not wait: while a program has
    /// the file to itself, nothing is known, and the first write tells.
    pub(crate) fn check_layout(&mut self) -> Result<(), Error> {
        let layout = self.options.layout;
        match self.read_at_once(|source| layout.check(source.connection)) {
            Err(error) if error.is_busy() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Ends the snapshot that reads have kept.
    #[cfg(feature = "node")]
    pub(crate) fn end_snapshot(&mut self) {
        self.reading.end_snapshot();
    }

    /// Reads, and reads again on a new connection what met a change, or what SQLite could not read because its files have come
    /// or gone.
    fn repeatedly<T>(
        &mut self,
        at_once: bool,
        mut read: impl FnMut(&mut Reading) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempts_left = ATTEMPTS;
        loop {
            let outcome = if self.reading.holds() {
                let (brake, settings) = (self.reading.connection.brake.clone(), self.in_force.get());
                let mut read = || self.reading.follow(settings).and_then(|()| read(&mut self.reading));
                let outcome = if at_once { brake.at_once(read) } else { read() };
                // Counts only if nothing was changed meanwhile.
                Some(outcome).filter(|_| self.reading.holds())
            } else {
                None
            };
            match outcome {
                Some(outcome) if !self.is_for_want_of_files(&outcome) || attempts_left == 0 => return outcome,
                None if attempts_left == 0 => return Err(Error::changed()),
                _ => attempts_left -= 1,
            }
            self.reading = Reading::open(&self.path, &self.options, self.memory)?;
            self.replaced = self.replaced.wrapping_add(1);
        }
    }

    /// Did SQLite, reading in its own way, find that it needs files that it cannot make?
    fn is_for_want_of_files<T>(&self, outcome: &Result<T, Error>) -> bool {
        self.options.readonly && self.reading.at_rest.is_none() && outcome.as_ref().is_err_and(Error::is_of_opening)
    }
}

/// One connection that reads.
struct Reading {
    connection: Opened,
    authorizer: Authorizer,
    /// Its reads have no locks, and count only as long as this holds.
    at_rest: Option<AtRest>,
    settings: Settings,
    /// Is it known to be in WAL mode? Nobody can end that while it is open.
    wal: bool,
    /// The header from before the snapshot that is open.
    snapshot: Option<WalIndexHeader>,
}

impl Reading {
    fn open(path: &Path, options: &ConnectionOptions, memory: Memory) -> Result<Self, Error> {
        let OpenedToRead { connection, at_rest, wal } = connection::open_to_read(path, options)?;
        connection.brake.at_once(|| memory.apply(&connection))?;
        let authorizer = Authorizer::install(&connection)?;
        Ok(Self { connection, authorizer, at_rest, settings: Settings::of(options), wal, snapshot: None })
    }

    /// Takes over what holds for the database by now.
    fn follow(&mut self, settings: Settings) -> Result<(), Error> {
        if settings != self.settings {
            self.end_snapshot();
            self.with_us(|connection| settings.apply(connection, self.settings))?;
            self.settings = settings;
        }
        Ok(())
    }

    fn holds(&self) -> bool {
        self.at_rest.as_ref().is_none_or(AtRest::holds)
    }

    fn read<T>(&mut self, keep: bool, read: impl FnOnce(&Source<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if keep && self.wal {
            self.begin_snapshot()?;
        } else {
            self.end_snapshot();
        }
        let outcome = read(&self.source());
        if outcome.is_err() {
            self.end_snapshot();
        } else if !self.wal {
            self.wal = self.with_us(is_wal)?;
        }
        outcome
    }

    /// The mark, or the `data_version` where there is no WAL index.
    fn mark(&mut self) -> Result<Result<Mark, i64>, Error> {
        if !self.wal {
            self.with_us(refresh)?;
            self.wal = self.at_rest.is_none() && self.with_us(is_wal)?;
        }
        // A commit can be seen as soon as the second copy is there: who reads then waits for the first.
        if self.wal
            && let Some(header) = raw::wal_index_header(&self.connection, HeaderCopy::Second)
        {
            return Ok(Ok(Mark::Wal(header)));
        }
        let version =
            self.with_us(|connection| connection.pragma_query_value(None, "data_version", |row| row.get(0)))?;
        Ok(Err(version))
    }

    fn end_snapshot(&mut self) {
        if self.snapshot.take().is_some() {
            // A transaction that only reads has nothing that could fail to be kept.
            let _ = self.control("COMMIT");
        }
    }

    /// Sees to it that a snapshot is open that is the newest, where that can be told.
    fn begin_snapshot(&mut self) -> Result<(), Error> {
        let header = raw::wal_index_header(&self.connection, HeaderCopy::First);
        if header.is_some() && header == self.snapshot {
            return Ok(());
        }
        self.end_snapshot();
        if header.is_some() {
            self.control("BEGIN")?;
            self.snapshot = header;
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source { connection: &self.connection, authorizer: &self.authorizer, at_rest: self.at_rest.as_ref() }
    }

    fn control(&self, sql: &str) -> Result<(), Error> {
        self.with_us(|connection| connection.prepare_cached(sql)?.execute([]))?;
        Ok(())
    }

    fn with_us<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        Ok(self.authorizer.with(Mode::Ourselves, || work(&self.connection))?)
    }
}
