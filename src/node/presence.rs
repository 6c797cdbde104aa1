//! Whether another SQLite is in this process.

#![deny(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "napi hands over strings, it does not lend them")]

use std::path::Path;

use napi_derive::napi;

use crate::sqlite;

/// Has this copy of the addon the file open, on whatever thread?
#[napi(catch_unwind)]
#[must_use]
pub fn has_open(path: String) -> bool {
    sqlite::has_open(Path::new(&path))
}

/// Is another SQLite at work on the file that this copy is about to open? `known`: another copy says so. True once for each
/// file of the process.
#[napi(catch_unwind)]
#[must_use]
pub fn meets_another_sqlite(path: String, known: bool) -> bool {
    sqlite::meets_another(Path::new(&path), known)
}
