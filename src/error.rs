//! The errors of the crate: an error of the lock, or an error of SQLite.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use crate::{lock, sqlite};

/// Why a call of a [`Database`](crate::Database) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The lock was not granted, or its file cannot be used.
    Lock(lock::Error),
    /// SQLite refused.
    Sqlite(sqlite::Error),
    /// The database, its `-wal` or its `-shm` is not the file that was opened: it was deleted or replaced.
    Replaced {
        /// The path of that file.
        path: PathBuf,
    },
    /// The destination of a backup that can be none.
    Destination {
        /// The path.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },
    /// A write of the transaction that is to be read from has not ended.
    Busy,
    /// The database was closed.
    Closed,
}

impl From<lock::Error> for Error {
    fn from(error: lock::Error) -> Self {
        Self::Lock(error)
    }
}

impl From<sqlite::Error> for Error {
    fn from(error: sqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(error) => error.fmt(f),
            Self::Sqlite(error) => error.fmt(f),
            Self::Replaced { path } => {
                write!(
                    f,
                    "{} was deleted or replaced while this database had it open: close this database and open it again",
                    path.display()
                )
            }
            Self::Destination { path, reason } => {
                write!(f, "destination must not be {reason}: {}", path.display())
            }
            Self::Busy => f.write_str("a write of this transaction has not ended: await it before a plain read"),
            Self::Closed => f.write_str("the database is closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lock(error) => Some(error),
            Self::Sqlite(error) => Some(error),
            Self::Replaced { .. } | Self::Destination { .. } | Self::Busy | Self::Closed => None,
        }
    }
}
