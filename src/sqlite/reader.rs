//! A reading connection. It never takes the lock: in WAL mode readers and the writer do not wait for each other.
//!
//! Most of the time of a short read goes into the locks by which SQLite begins and ends its snapshot. So several reads in a row
//! may share one, as long as it is the newest: the header of the WAL index, which every commit of anybody changes, is read
//! before the snapshot begins and compared before each further read. A header that changes in between makes the comparison
//! fail, and a new snapshot begin. Whoever asks for that ends the snapshot soon, since it keeps checkpoints from their end.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::path::Path;

use rusqlite::Connection;

use super::Error;
use super::authorizer::{Authorizer, Mode};
use super::connection::{self, ConnectionOptions, Opened};
use super::interrupt::{Brake, Interrupt};
use super::query::Source;
use super::raw::{self, WalIndexHeader};

/// A connection that reads.
pub(crate) struct Reader {
    connection: Opened,
    authorizer: Authorizer,
    brake: Brake,
    /// Is it known to be in WAL mode? Nobody can end that while it is open.
    wal: Cell<bool>,
    /// The header from before the snapshot that is open.
    snapshot: Cell<Option<WalIndexHeader>>,
}

impl Reader {
    pub(crate) fn open(path: &Path, options: &ConnectionOptions) -> Result<Self, Error> {
        let mut connection = connection::open_reader(path, options)?;
        let authorizer = Authorizer::install(&mut connection)?;
        let brake = Brake::install(&mut connection)?;
        Ok(Self { connection, authorizer, brake, wal: Cell::default(), snapshot: Cell::default() })
    }

    /// Reads until it is called off.
    pub(crate) fn interruptible<T>(
        &self,
        interrupt: &Interrupt,
        read: impl FnOnce(&Source<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _armed = interrupt.arm(&self.brake);
        interrupt.check()?;
        read(&self.source())
    }

    /// Reads the newest state. With `keep` the snapshot stays open for the next read, see [`end_snapshot`](Self::end_snapshot).
    pub(crate) fn read<T>(&self, keep: bool, read: impl FnOnce(&Source<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if keep && self.wal.get() {
            self.begin_snapshot()?;
        } else {
            self.end_snapshot();
        }
        let outcome = read(&self.source());
        if outcome.is_err() {
            self.end_snapshot();
        } else if !self.wal.get() {
            self.wal.set(self.with_us(connection::is_wal)?);
        }
        outcome
    }

    /// Ends the snapshot that reads have kept.
    pub(crate) fn end_snapshot(&self) {
        if self.snapshot.take().is_some() {
            // A transaction that only reads has nothing that could fail to be kept.
            let _ = self.control("COMMIT");
        }
    }

    /// Sees to it that a snapshot is open that is the newest, where that can be told.
    fn begin_snapshot(&self) -> Result<(), Error> {
        let header = raw::wal_index_header(&self.connection);
        if header.is_some() && header == self.snapshot.get() {
            return Ok(());
        }
        self.end_snapshot();
        if header.is_some() {
            self.control("BEGIN")?;
            self.snapshot.set(header);
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source { connection: &self.connection, authorizer: &self.authorizer }
    }

    fn control(&self, sql: &str) -> Result<(), Error> {
        self.with_us(|connection| connection.prepare_cached(sql)?.execute([]))?;
        Ok(())
    }

    fn with_us<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        Ok(self.authorizer.with(Mode::Ourselves, || work(&self.connection))?)
    }
}
