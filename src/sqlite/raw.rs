//! What rusqlite has no safe call for. Only this module touches SQLite's C interface.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;
use std::sync::atomic::{Ordering, fence};

use rusqlite::functions::Context;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Statement, ffi};

use super::description::Column;
use super::text;

/// SQLite's own description of a result code.
pub(super) fn errstr(code: c_int) -> String {
    // SAFETY: sqlite3_errstr takes any number and returns a static, NUL-terminated string.
    unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }.to_string_lossy().into_owned()
}

fn failure(code: c_int, message: Option<&str>) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), message.map(str::to_owned))
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
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is not
    // Sync. What is done in sqlite3_close after the F is freed asks no busy handler. The handler before is removed first, so that
    // none is left whose F is freed.
    unsafe {
        ffi::sqlite3_busy_handler(connection.handle(), None, ptr::null_mut());
        let goes_on = give(connection, c"sqlock busy handler", goes_on)?;
        ffi::sqlite3_busy_handler(connection.handle(), Some(ask::<F>), goes_on);
    }
    Ok(())
}

/// Gives a value to the connection, and tells its address. It is dropped when the connection gets another one of that name, and
/// in `sqlite3_close`, after the last statement.
fn give<T: Send + 'static>(connection: &Connection, name: &CStr, value: T) -> rusqlite::Result<*mut c_void> {
    unsafe extern "C" fn free<T>(value: *mut c_void) {
        // SAFETY: SQLite calls this once, with the address that Box::into_raw has given.
        drop(unsafe { Box::from_raw(value.cast::<T>()) });
    }
    let value: *mut c_void = Box::into_raw(Box::new(value)).cast();
    // SAFETY: the handle is open as long as the connection is borrowed, and no other thread uses it, since a connection is not
    // Sync. The connection owns the value from here on, also when this fails: it is freed then.
    match unsafe { ffi::sqlite3_set_clientdata(connection.handle(), name.as_ptr(), value, Some(free::<T>)) } {
        ffi::SQLITE_OK => Ok(value),
        code => Err(failure(code, None)),
    }
}

/// What SQLite asks an authorizer about, see <https://www.sqlite.org/c3ref/set_authorizer.html>. A name that another program has
/// put into the schema may be no UTF-8; it has U+FFFD in it then.
pub(super) struct AuthorizerRequest<'r> {
    pub(super) action: c_int,
    pub(super) first: Option<Cow<'r, str>>,
    pub(super) second: Option<Cow<'r, str>>,
    pub(super) database: Option<Cow<'r, str>>,
    /// The innermost trigger or view, as it is in the schema.
    pub(super) within: Option<&'r [u8]>,
    /// Are all these names UTF-8?
    pub(super) is_utf8: bool,
}

/// The codes of actions, <https://www.sqlite.org/c3ref/c_alter_table.html>.
pub(super) mod action {
    pub(in super::super) use rusqlite::ffi::{
        SQLITE_ATTACH as ATTACH, SQLITE_CREATE_TEMP_INDEX as CREATE_TEMP_INDEX,
        SQLITE_CREATE_TEMP_TABLE as CREATE_TEMP_TABLE, SQLITE_CREATE_TEMP_TRIGGER as CREATE_TEMP_TRIGGER,
        SQLITE_CREATE_TEMP_VIEW as CREATE_TEMP_VIEW, SQLITE_FUNCTION as FUNCTION, SQLITE_INSERT as INSERT,
        SQLITE_PRAGMA as PRAGMA, SQLITE_SAVEPOINT as SAVEPOINT, SQLITE_TRANSACTION as TRANSACTION,
    };
}

/// Lets `allows` decide what a statement may do, while SQLite compiles it.
pub(super) fn set_authorizer<F>(connection: &Connection, allows: F) -> rusqlite::Result<()>
where
    F: FnMut(&AuthorizerRequest<'_>) -> bool + Send + 'static,
{
    unsafe extern "C" fn ask<F: FnMut(&AuthorizerRequest<'_>) -> bool>(
        allows: *mut c_void,
        action: c_int,
        first: *const c_char,
        second: *const c_char,
        database: *const c_char,
        within: *const c_char,
    ) -> c_int {
        // SAFETY: SQLite passes the address that was given along with this function: that of a live F. It calls this on the
        // thread that uses the connection, and not from within itself, since an F compiles nothing. Each name is null or
        // NUL-terminated, and lives as long as this call.
        let (allows, [first, second, database, within]) =
            unsafe { (&mut *allows.cast::<F>(), [first, second, database, within].map(|name| bytes(name))) };
        // A panic must not cross C.
        let allowed = catch_unwind(AssertUnwindSafe(|| {
            let [first, second, database] = [first, second, database].map(|name| name.map(String::from_utf8_lossy));
            let is_utf8 = [&first, &second, &database].iter().all(|name| !matches!(name, Some(Cow::Owned(_))));
            allows(&AuthorizerRequest { action, first, second, database, within, is_utf8 })
        }));
        if allowed.unwrap_or(false) { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
    }
    // SAFETY: as in `set_busy_handler`; what is done in sqlite3_close after the F is freed compiles nothing.
    unsafe {
        ffi::sqlite3_set_authorizer(connection.handle(), None, ptr::null_mut());
        let allows = give(connection, c"sqlock authorizer", allows)?;
        ffi::sqlite3_set_authorizer(connection.handle(), Some(ask::<F>), allows);
    }
    Ok(())
}

/// The names of the columns of a statement, which has that text and is the newest or the only one that has. For names that are
/// no UTF-8: rusqlite panics about such a one, and does not give away the pointer to a statement.
pub(super) fn column_names(
    connection: &Connection,
    statement: &Statement<'_>,
    sql: &str,
) -> rusqlite::Result<Vec<String>> {
    // SAFETY: the statement is alive, see `read_columns`, and the column is one of its columns.
    read_columns(connection, statement, sql, |statement, column| unsafe {
        text(ffi::sqlite3_column_name(statement, column))
    })
}

/// The columns of such a statement.
pub(super) fn columns(connection: &Connection, statement: &Statement<'_>, sql: &str) -> rusqlite::Result<Vec<Column>> {
    // SAFETY: the statement is alive, see `read_columns`, and the column is one of its columns.
    read_columns(connection, statement, sql, |statement, column| unsafe {
        Some(Column {
            name: text(ffi::sqlite3_column_name(statement, column))?,
            origin: text(ffi::sqlite3_column_origin_name(statement, column)),
            table: text(ffi::sqlite3_column_table_name(statement, column)),
            database: text(ffi::sqlite3_column_database_name(statement, column)),
            declared: text(ffi::sqlite3_column_decltype(statement, column)),
        })
    })
}

/// Asks about each column of a statement. It is alive as long as it is borrowed, and so its pointer is good.
fn read_columns<T>(
    connection: &Connection,
    statement: &Statement<'_>,
    sql: &str,
    read: impl Fn(*mut ffi::sqlite3_stmt, c_int) -> Option<T>,
) -> rusqlite::Result<Vec<T>> {
    let found = find(connection, sql)
        .ok_or_else(|| failure(ffi::SQLITE_MISUSE, Some("SQLite does not have the statement any more")))?;
    let columns = c_int::try_from(statement.column_count()).unwrap_or(c_int::MAX);
    // SQLite gives null in the place of a name when there is too little memory.
    (0..columns).map(|column| read(found, column).ok_or_else(|| failure(ffi::SQLITE_NOMEM, None))).collect()
}

/// The statement of that text: the one that runs, or else the newest.
fn find(connection: &Connection, sql: &str) -> Option<*mut ffi::sqlite3_stmt> {
    let next = |statement: *mut ffi::sqlite3_stmt| {
        // SAFETY: the handle is open as long as the connection is borrowed, no other thread uses it, since a connection is not
        // Sync, and no statement ends meanwhile. The list has the newest one first.
        let next = unsafe { ffi::sqlite3_next_stmt(connection.handle(), statement) };
        (!next.is_null()).then_some(next)
    };
    let statements = || std::iter::successors(next(ptr::null_mut()), |statement| next(*statement));
    // SAFETY: all of these take any statement that is alive. The text lives as long as the statement.
    let is_of_this_text = |statement: &*mut ffi::sqlite3_stmt| {
        unsafe { bytes(ffi::sqlite3_sql(*statement)) }.is_some_and(|text| text::is_text_of(text, sql))
    };
    // SAFETY: as above.
    let runs = |statement: &*mut ffi::sqlite3_stmt| unsafe { ffi::sqlite3_stmt_busy(*statement) } != 0;
    statements().filter(runs).find(is_of_this_text).or_else(|| statements().find(is_of_this_text))
}

/// The values of the rows of a statement. rusqlite asks SQLite three times for each, and for a text with a NUL behind it, for which
/// SQLite copies the text.
pub(super) struct Values(*mut ffi::sqlite3_stmt);

impl Values {
    /// Those of the statement of that text, which stands at a row.
    pub(super) fn of(connection: &Connection, sql: &str) -> Option<Self> {
        find(connection, sql).map(Self)
    }

    /// A value of that row, which is a row of this statement. `None` when there is too little memory to convert it.
    pub(super) fn get<'r>(&self, _row: &'r Row<'_>, column: c_int) -> Option<ValueRef<'r>> {
        // SAFETY: the statement is alive and stands at the row as long as that is borrowed, and no other thread uses its connection.
        // SQLite gives a NULL for a column that there is not.
        let value = unsafe { ffi::sqlite3_column_value(self.0, column) };
        // SAFETY: the value lives as long as the row.
        Some(match unsafe { ffi::sqlite3_value_type(value) } {
            // SAFETY: as above.
            ffi::SQLITE_INTEGER => ValueRef::Integer(unsafe { ffi::sqlite3_value_int64(value) }),
            // SAFETY: as above.
            ffi::SQLITE_FLOAT => ValueRef::Real(unsafe { ffi::sqlite3_value_double(value) }),
            // SAFETY: as above.
            ffi::SQLITE_TEXT => ValueRef::Text(unsafe { value_bytes(value) }?),
            // SAFETY: as above.
            ffi::SQLITE_BLOB => ValueRef::Blob(unsafe { value_bytes(value) }?),
            _ => ValueRef::Null,
        })
    }
}

/// The bytes of a text or a blob. `None` when there is too little memory to convert them.
///
/// # Safety
/// The value lives, and is not changed, as long as what is returned is used.
unsafe fn value_bytes<'v>(value: *mut ffi::sqlite3_value) -> Option<&'v [u8]> {
    // SAFETY: the caller vouches for the value. Asked for the length first, SQLite makes UTF-8 of a text in UTF-16. The pointer is
    // to as many bytes.
    unsafe {
        let length = ffi::sqlite3_value_bytes(value);
        let bytes = ffi::sqlite3_value_blob(value);
        match usize::try_from(length) {
            Ok(length @ 1..) if !bytes.is_null() => Some(slice::from_raw_parts(bytes.cast(), length)),
            // SQLite gives null for no bytes, and when there is too little memory to convert them.
            Ok(0)
                if ffi::sqlite3_value_type(value) == ffi::SQLITE_BLOB || !ffi::sqlite3_value_text(value).is_null() =>
            {
                Some(&[])
            }
            _ => None,
        }
    }
}

/// A text of SQLite's, with U+FFFD for what is no UTF-8; `None` for null.
///
/// # Safety
/// As for [`bytes`].
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller vouches for that.
    unsafe { bytes(text) }.map(|text| String::from_utf8_lossy(text).into_owned())
}

/// # Safety
/// The pointer is null or that of a NUL-terminated string that lives as long as what is returned is used.
unsafe fn bytes<'s>(text: *const c_char) -> Option<&'s [u8]> {
    // SAFETY: the caller vouches for that.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The header of the WAL index, which every commit changes: <https://www.sqlite.org/walformat.html#walidxfmt>.
pub(super) type WalIndexHeader = [u32; 12];

/// Which of the two copies of the header. A commit writes the second one before the first.
#[derive(Clone, Copy)]
pub(super) enum HeaderCopy {
    First,
    Second,
}

/// Reads the header of the WAL index from the memory that all processes share; `None` where there is none. To be asked of a
/// connection that has read a WAL database: for another one this would make the index.
pub(super) fn wal_index_header(connection: &Connection, copy: HeaderCopy) -> Option<WalIndexHeader> {
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
        let words: *const u32 = page.cast::<u32>().add(copy as usize * size_of::<WalIndexHeader>() / size_of::<u32>());
        let header = std::array::from_fn(|n| ptr::read_volatile(words.add(n)));
        fence(Ordering::Acquire);
        Some(header)
    }
}
