//! Reads. A read takes no lock.

#![forbid(unsafe_code)]

#[cfg(feature = "node")]
use std::sync::Arc;

use super::Database;
use super::mutex::{locked, try_locked};
use crate::Error;
use crate::sqlite::{self, Query, Rows, Source, TransactionId};

#[cfg(feature = "node")]
use crate::sqlite::{Description, Interrupt, Memory, ReadConnection};

/// How many connections for reads on other threads are kept when there is nothing to do.
#[cfg(feature = "node")]
const IDLE_READERS: usize = 8;

impl Database {
    /// Reads a pragma: `source` is what stands behind the word `PRAGMA`.
    ///
    /// # Errors
    /// [`sqlite::Error::SyncWrite`] for a pragma that writes.
    pub fn pragma(&self, source: &str) -> Result<Rows, Error> {
        let sql = self.pragma_statement(source);
        self.read(None, false, |place| place.rows(&Query { sql: &sql, parameters: &[], judged: false }, usize::MAX))
    }

    /// The statement that answers `PRAGMA source`.
    pub(crate) fn pragma_statement(&self, source: &str) -> String {
        sqlite::pragma_statement(source, self.options.busy_timeout)
    }

    /// A plain read. One in a transaction is made on the connection that writes, and never waits for it. Another one may `keep`
    /// its snapshot for the next, until [`end_snapshot`](Self::end_snapshot).
    pub(crate) fn read<T>(
        &self,
        transaction: Option<TransactionId>,
        keep: bool,
        mut read: impl FnMut(&Source<'_>) -> Result<T, sqlite::Error>,
    ) -> Result<T, Error> {
        let Some(id) = transaction else {
            self.file.check_at_times()?;
            let outcome = locked(&self.reader).as_mut().ok_or(Error::Closed)?.read(keep, read)?;
            self.watch_companions(|| false);
            return Ok(outcome);
        };
        let writer = try_locked(&self.writer).ok_or(Error::Busy)?;
        Ok(read(&writer.as_ref().ok_or(Error::Closed)?.source_in(id)?)?)
    }

    /// What a statement is, for a call that must not wait on the calling thread.
    ///
    /// # Errors
    /// `SQLITE_BUSY` at once when a program has the file to itself.
    #[cfg(feature = "node")]
    pub(crate) fn describe_at_once(&self, sql: &str) -> Result<Description, Error> {
        self.file.check_at_times()?;
        Ok(locked(&self.reader).as_mut().ok_or(Error::Closed)?.read_at_once(|source| source.describe(sql))?)
    }

    /// Ends the snapshot that plain reads have kept.
    #[cfg(feature = "node")]
    pub(crate) fn end_snapshot(&self) {
        if let Some(reader) = locked(&self.reader).as_mut() {
            reader.end_snapshot();
        }
    }

    /// A read on a connection of its own, on any thread. A read without locks is repeated when it has met a change.
    #[cfg(feature = "node")]
    pub(crate) fn read_apart<T>(
        &self,
        interrupt: &Interrupt,
        read: impl FnMut(&Source<'_>) -> Result<T, sqlite::Error>,
    ) -> Result<T, Error> {
        let idle = locked(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None if locked(&self.reader).is_none() => return Err(Error::Closed),
            None => {
                self.file.check()?;
                let reader =
                    ReadConnection::open(self.path(), &self.options, Memory::Little, Arc::clone(&self.settings))?;
                // Has it opened the files of the others?
                self.file.check().inspect_err(|_| reader.forgo_checkpoint())?;
                reader
            }
        };
        let checked = self.file.check_at_times();
        let outcome = checked.and_then(|()| Ok(reader.interruptible(interrupt, read)?));
        self.watch_companions(|| reader.is_in_wal_mode());
        self.keep_or_close(reader);
        outcome
    }

    #[cfg(feature = "node")]
    fn keep_or_close(&self, reader: ReadConnection) {
        let mut readers = locked(&self.readers);
        // One that comes back after the end would keep the file open; close() empties the pool after it has taken the reader.
        if readers.len() < IDLE_READERS && locked(&self.reader).is_some() {
            readers.push(reader);
        } else if self.file.has_lost_companions() {
            reader.forgo_checkpoint();
        }
    }
}
