//! What rusqlite has no safe call for. The only module that touches SQLite's C interface.

use std::ffi::{CStr, c_int};

use rusqlite::{Connection, ffi};

/// SQLite's own description of a result code.
pub(super) fn errstr(code: c_int) -> String {
    // SAFETY: sqlite3_errstr takes any number and returns a static, NUL-terminated string.
    unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }.to_string_lossy().into_owned()
}

/// Makes `last_insert_rowid()` 0, so that a rowid there is one of the next statement.
pub(super) fn reset_last_insert_rowid(connection: &Connection) {
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is
    // not Sync. sqlite3_set_last_insert_rowid only stores the number.
    unsafe { ffi::sqlite3_set_last_insert_rowid(connection.handle(), 0) }
}
