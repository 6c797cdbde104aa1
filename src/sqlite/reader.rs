//! The reading connection. It never takes the lock: in WAL mode readers and the writer do not wait for each other.

#![forbid(unsafe_code)]

use std::path::Path;

use rusqlite::Connection;

use super::authorizer::Authorizer;
use super::connection::{self, ConnectionOptions};
use super::query::Read;
use super::{Error, Rows};

/// The connection that reads.
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

    pub(crate) fn read(&self, read: &Read<'_>) -> Result<Rows, Error> {
        read.on(&self.connection, &self.authorizer)
    }
}
