//! What rusqlite has no safe call for. The only module that touches SQLite's C interface.

use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{Ordering, fence};

use rusqlite::functions::Context;
use rusqlite::{Connection, ffi};

/// SQLite's own description of a result code.
pub(super) fn errstr(code: c_int) -> String {
    // SAFETY: sqlite3_errstr takes any number and returns a static, NUL-terminated string.
    unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }.to_string_lossy().into_owned()
}

/// Sets what SQLite takes for the last rowid.
pub(super) fn set_last_insert_rowid(connection: &Connection, rowid: i64) {
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is
    // not Sync. sqlite3_set_last_insert_rowid only stores the number.
    unsafe { ffi::sqlite3_set_last_insert_rowid(connection.handle(), rowid) }
}

/// Asks the connection that calls a SQL function.
pub(super) fn in_function<T>(context: &Context<'_>, ask: impl FnOnce(&Connection) -> T) -> rusqlite::Result<T> {
    // SAFETY: SQLite calls the function on the thread that uses the connection, and the reference ends before that call does.
    let connection = unsafe { context.get_connection() }?;
    Ok(ask(&connection))
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

/// The open file of the main database. It lives as long as the connection; its methods are static.
fn main_file(connection: &Connection) -> Option<(*mut ffi::sqlite3_file, &'static ffi::sqlite3_io_methods)> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is not
    // Sync. SQLITE_FCNTL_FILE_POINTER stores a pointer to the open file, or null. The methods of an open file are a constant of
    // SQLite.
    unsafe {
        let stored = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        );
        if stored != ffi::SQLITE_OK || file.is_null() {
            return None;
        }
        (*file).pMethods.as_ref().map(|methods| (file, methods))
    }
}

/// Is it a WAL database, as two bytes of its header tell? <https://www.sqlite.org/fileformat.html#file_format_version_numbers>.
/// A connection to an immutable file has no journal mode that could be asked for.
pub(super) fn is_wal_file(connection: &Connection) -> bool {
    const VERSIONS_AT: i64 = 18;
    const WAL: [u8; 2] = [2, 2];
    let mut versions = [0_u8; 2];
    let Some((file, methods)) = main_file(connection) else { return false };
    // SAFETY: the file is open as long as the connection is borrowed, and no other thread uses it. xRead writes as many bytes
    // as it is told to, and the array has as many.
    let read = methods.xRead.map(|read| unsafe { read(file, versions.as_mut_ptr().cast(), 2, VERSIONS_AT) });
    read == Some(ffi::SQLITE_OK) && versions == WAL
}

/// Lets `goes_on` decide whether SQLite tries again to get a lock that another connection has. It is told how often SQLite has
/// tried before, and is dropped when the connection closes or gets another one.
pub(super) fn set_busy_handler<F>(connection: &Connection, goes_on: F) -> rusqlite::Result<()>
where
    F: FnMut(usize) -> bool + Send + 'static,
{
    unsafe extern "C" fn ask<F: FnMut(usize) -> bool>(goes_on: *mut c_void, tries: c_int) -> c_int {
        // SAFETY: SQLite passes the address that was given along with this function: that of a live F. It calls this on the
        // thread that uses the connection, and not from within itself.
        let goes_on = unsafe { &mut *goes_on.cast::<F>() };
        let tries = usize::try_from(tries).unwrap_or(0);
        // A panic must not cross C.
        catch_unwind(AssertUnwindSafe(|| goes_on(tries))).unwrap_or(false).into()
    }
    unsafe extern "C" fn free<F>(goes_on: *mut c_void) {
        // SAFETY: SQLite calls this once, with the address that Box::into_raw has given.
        drop(unsafe { Box::from_raw(goes_on.cast::<F>()) });
    }
    let goes_on: *mut c_void = Box::into_raw(Box::new(goes_on)).cast();
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is not
    // Sync. The connection owns the F from here on: sqlite3_set_clientdata frees it when that fails, when it is replaced, and in
    // sqlite3_close, after the last statement. What is done there after that asks no busy handler. The handler before is removed
    // first, so that none is left whose F is freed.
    let stored = unsafe {
        ffi::sqlite3_busy_handler(connection.handle(), None, ptr::null_mut());
        let stored = ffi::sqlite3_set_clientdata(connection.handle(), c"sqlock".as_ptr(), goes_on, Some(free::<F>));
        if stored == ffi::SQLITE_OK {
            ffi::sqlite3_busy_handler(connection.handle(), Some(ask::<F>), goes_on);
        }
        stored
    };
    match stored {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// The header of the WAL index, which every commit changes: <https://www.sqlite.org/walformat.html#walidxfmt>.
pub(super) type WalIndexHeader = [u32; 12];

/// Reads the header of the WAL index from the memory that all processes share; `None` where there is none. To be asked of a
/// connection that has read a WAL database: for another one this would make the index.
pub(super) fn wal_index_header(connection: &Connection) -> Option<WalIndexHeader> {
    const FIRST_PAGE: c_int = 0;
    const PAGE_BYTES: c_int = 32 * 1024;
    const DO_NOT_EXTEND: c_int = 0;
    let mut page: *mut c_void = ptr::null_mut();
    let (file, methods) = main_file(connection)?;
    let map = methods.xShmMap.filter(|_| methods.iVersion >= 2)?;
    // SAFETY: the file is open as long as the connection is borrowed, and no other thread uses it; xShmMap is there from version 2
    // on. What it stores is null or the address of a page of that size, which stays mapped while the connection is in WAL mode,
    // and that nobody can end while it is open. Others write to the page meanwhile: hence the volatile reads, of words, which no
    // write tears.
    unsafe {
        let mapped = map(file, FIRST_PAGE, PAGE_BYTES, DO_NOT_EXTEND, &raw mut page);
        if mapped != ffi::SQLITE_OK || page.is_null() {
            return None;
        }
        let words: *const u32 = page.cast();
        let header = std::array::from_fn(|n| ptr::read_volatile(words.add(n)));
        fence(Ordering::Acquire);
        Some(header)
    }
}
