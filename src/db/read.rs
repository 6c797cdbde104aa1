//! Reads. They take no lock.

#![forbid(unsafe_code)]

use std::sync::TryLockError;

use super::{Database, held};
use crate::Error;
use crate::sqlite::{self, Rows, Source, TransactionId};

#[cfg(feature = "node")]
use crate::sqlite::{Interrupt, Reader};

/// How many connections for reads on other threads are kept when there is nothing to do.
#[cfg(feature = "node")]
const IDLE_READERS: usize = 8;

impl Database {
    /// Reads a pragma: `source` is what stands behind the word `PRAGMA`.
    ///
    /// # Errors
    /// [`sqlite::Error::SyncWrite`] for a pragma that writes.
    pub fn pragma(&self, source: &str) -> Result<Rows, Error> {
        self.read(None, false, |place| place.pragma(source))
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
            return Ok(held(&self.reader).as_mut().ok_or(Error::Closed)?.read(keep, read)?);
        };
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
        };
        Ok(read(&writer.as_ref().ok_or(Error::Closed)?.source_in(id)?)?)
    }

    /// Ends the snapshot that plain reads have kept.
    #[cfg(feature = "node")]
    pub(crate) fn end_snapshot(&self) {
        if let Some(reader) = held(&self.reader).as_mut() {
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
        let idle = held(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None if held(&self.reader).is_none() => return Err(Error::Closed),
            None => {
                self.file.check()?;
                Reader::open(self.path(), &self.options)?
            }
        };
        self.file.check_at_times()?;
        let outcome = reader.interruptible(interrupt, read);
        let mut readers = held(&self.readers);
        // One that comes back after the end would keep the file open; close() empties the pool after it has taken the reader.
        if readers.len() < IDLE_READERS && held(&self.reader).is_some() {
            readers.push(reader);
        }
        Ok(outcome?)
    }
}
