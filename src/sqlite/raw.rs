//! What rusqlite has no safe call for. The only module that touches SQLite's C interface.

use std::ffi::{CStr, c_int};

use rusqlite::ffi;

/// SQLite's own description of a result code.
pub(super) fn errstr(code: c_int) -> String {
    // SAFETY: sqlite3_errstr takes any number and returns a static, NUL-terminated string.
    unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }.to_string_lossy().into_owned()
}
