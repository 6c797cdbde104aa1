//! The reading connection. It never takes the lock: in WAL mode readers and the writer do not wait for each other.

#![forbid(unsafe_code)]

use std::path::Path;

use rusqlite::Connection;

use super::connection::{self, ConnectionOptions};
use super::pragma::PragmaRows;
use super::{Error, Row, pragma, records};

/// The connection that reads.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path, options: &ConnectionOptions) -> Result<Self, Error> {
        Ok(Self { connection: connection::open_reader(path, options)? })
    }

    pub(crate) fn record(&self, id: i64) -> Result<Option<Row>, Error> {
        records::get(&self.connection, id)
    }

    pub(crate) fn records(&self) -> Result<Vec<Row>, Error> {
        records::get_all(&self.connection)
    }

    pub(crate) fn pragma(&mut self, source: &str) -> Result<PragmaRows, Error> {
        pragma::read(&mut self.connection, source)
    }
}
