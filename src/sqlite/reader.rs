//! A reading connection. It never takes the lock: in WAL mode readers and the writer do not wait for each other.

#![forbid(unsafe_code)]

use std::path::Path;

use rusqlite::Connection;

use super::Error;
use super::authorizer::Authorizer;
use super::connection::{self, ConnectionOptions};
use super::interrupt::Interrupt;
use super::query::Source;

/// A connection that reads.
pub(crate) struct Reader {
    connection: Connection,
    authorizer: Authorizer,
}

impl Reader {
    pub(crate) fn open(path: &Path, options: &ConnectionOptions) -> Result<Self, Error> {
        let mut connection = connection::open_reader(path, options)?;
        let authorizer = Authorizer::install(&mut connection)?;
        Ok(Self { connection, authorizer })
    }

    /// Reads until it is called off.
    pub(crate) fn interruptible<T>(
        &self,
        interrupt: &Interrupt,
        read: impl FnOnce(&Source<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _armed = interrupt.arm(&self.connection);
        interrupt.check()?;
        read(&self.source())
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { connection: &self.connection, authorizer: &self.authorizer }
    }
}
