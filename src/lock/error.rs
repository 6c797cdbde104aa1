//! The errors of the lock.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

/// Why a lock was not granted or not given back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else held the lock until the deadline. Nothing was done; the call may be repeated.
    Timeout {
        /// The text of the lock file, cleaned for display; `unknown` when it was empty or unreadable.
        holder: String,
        /// How long the caller was willing to wait.
        timeout: Duration,
    },
    /// `db.lock` is a symbolic link, directory, FIFO, socket or device. It was not touched.
    NotRegular {
        /// The path of the lock file.
        path: PathBuf,
    },
    /// The operating system refused something around the lock file or its directory.
    Io {
        /// The system call that failed, as in its man page.
        syscall: &'static str,
        /// What it was called for.
        path: PathBuf,
        /// The errno.
        source: io::Error,
    },
    /// The wait was called off by the caller.
    Cancelled,
}

impl Error {
    pub(crate) fn io(syscall: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { syscall, path: path.to_owned(), source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { holder, timeout } => write!(
                f,
                "write lock timeout after {}ms\n  holder: {holder}\n  try again or check if holder process is stuck",
                timeout.as_millis()
            ),
            Self::NotRegular { path } => {
                write!(f, "the lock file {} is not a regular file; remove or rename it", path.display())
            }
            Self::Io { syscall, path, source } => write!(f, "{syscall} {}: {source}", path.display()),
            Self::Cancelled => f.write_str("the wait for the write lock was called off"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
