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

/// Is a foreign key broken whose check is deferred to the COMMIT?
pub(super) fn has_broken_foreign_key(connection: &Connection) -> bool {
    let (mut current, mut highest): (c_int, c_int) = (0, 0);
    let status = ffi::SQLITE_DBSTATUS_DEFERRED_FKS;
    // SAFETY: the handle is open as long as the connection is borrowed, no other thread uses it, since a connection is not Sync,
    // and both numbers are there to be written to.
    let result = unsafe { ffi::sqlite3_db_status(connection.handle(), status, &raw mut current, &raw mut highest, 0) };
    result != ffi::SQLITE_OK || current != 0
}
