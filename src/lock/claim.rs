//! What a caller brings along to take the lock: the path, a label, and how to make a new lock file.

#![forbid(unsafe_code)]

use std::path::PathBuf;

/// Options of a [`WriteLocker`](super::WriteLocker).
#[derive(Clone, Debug, Default)]
pub struct LockOptions {
    /// What this holder is doing, shown to those who wait. One line.
    pub label: Option<String>,
    /// Permission bits of a new `db.lock`. Default: `0o600`, or those of the database for a [`Database`](crate::Database).
    pub mode: Option<u32>,
}

/// Permission bits (and, for root, the owner) of a lock file that has to be made.
#[derive(Clone, Debug)]
pub(crate) enum NewFile {
    /// Exactly these bits, whatever the umask.
    Mode(u32),
    /// As SQLite does for `-wal` and `-shm`: whoever may write to this database may lock it.
    LikeDatabase(PathBuf),
}

/// What a caller brings to the lock file: where it is, what to write into it, how to make it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) lock_path: PathBuf,
    pub(crate) label: Option<String>,
    pub(crate) new_file: NewFile,
    /// Is it a call of a database? Then its timeout starts again whenever a database of this process gets the lock.
    pub(crate) of_database: bool,
}
