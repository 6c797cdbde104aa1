//! The files that SQLite makes beside a database, <https://www.sqlite.org/tempfiles.html>.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// What the name of a write-ahead log ends with.
pub(crate) const WAL: &str = "-wal";
/// The same for the index of that log, which all processes map into their memory.
pub(crate) const SHM: &str = "-shm";
/// The same for a rollback journal.
pub(crate) const JOURNAL: &str = "-journal";

/// The name of the file beside `path` that ends with `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
