//! Opening a database: a connection that reads, and a connection that writes.
//!
//! The file is opened as it is. The first write, under the lock, makes it a WAL database. Without
//! the lock, several processes that do this at once would make each other fail.

#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::at_rest::AtRest;
use super::companion::{JOURNAL, WAL, beside};
use super::interrupt::{Brake, Interrupt, pause_briefly};
use super::layout::Layout;
use super::presence::Presence;
use super::refresh::is_wal;
use super::{Error, raw};
use crate::threads::STACK_BYTES;

/// How far a commit has to get before it counts, <https://www.sqlite.org/pragma.html#pragma_synchronous>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Survives the crash of a process; the last commits may go with a power cut.
    #[default]
    Normal,
    /// Durable when the write returns.
    Full,
}

/// How many compiled statements are kept, the least recently used ones going first.
const CACHED_STATEMENTS: usize = 128;

/// How long the WAL may get before a commit checkpoints it itself: the bound, where the checkpoints in the background do not keep
/// up. SQLite's own default is 1000.
const AUTOCHECKPOINT_PAGES: i64 = 2000;

/// How much stack a byte of a pattern may take up: so much that the callers of SQLite have two fifths of the stack for themselves.
const STACK_BYTES_PER_PATTERN_BYTE: usize = 80;

/// How often to open a database whose files others make and remove meanwhile, and how often to repeat a read that met a change.
pub(super) const ATTEMPTS: u32 = 10;

/// How a connection is set up.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// Open the file for reading only. Default: no.
    pub readonly: bool,
    /// Do not make a missing file. Default: it is made.
    pub file_must_exist: bool,
    /// SQLite's own busy timeout: matters only against programs that ignore `db.lock`. Default 500 ms.
    pub busy_timeout: Duration,
    /// Default [`Synchronous::Normal`].
    pub synchronous: Synchronous,
    /// Are foreign keys enforced? Default: they are.
    pub foreign_keys: bool,
    /// What a new database is made with. It is an error if one that exists has another layout.
    pub layout: Layout,
    /// The stack of the threads that use the database, in bytes. SQLite takes up 48 bytes of it for each byte of a LIKE or GLOB
    /// pattern, and a pattern that would not fit is an error. Default 8 MiB, that of a main thread; Rust gives a new thread 2 MiB.
    pub stack_bytes: usize,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            readonly: false,
            file_must_exist: false,
            busy_timeout: Duration::from_millis(500),
            synchronous: Synchronous::Normal,
            foreign_keys: true,
            layout: Layout::default(),
            stack_bytes: STACK_BYTES,
        }
    }
}

/// An open connection, known as one of ours.
pub(super) struct Opened {
    connection: Connection,
    /// Calls off what runs on it.
    pub(super) brake: Brake,
    /// Let go of after the connection is closed.
    _presence: Presence,
}

impl Opened {
    fn open(
        path: &Path,
        options: &ConnectionOptions,
        open: impl FnOnce() -> Result<Connection, Error>,
    ) -> Result<Self, Error> {
        refuse_special(path)?;
        let _about_to_be = Presence::of(path);
        let mut connection = open()?;
        let brake = Brake::install(&mut connection, options.busy_timeout)?;
        // The file may have been made just now.
        Ok(Self { connection, brake, _presence: Presence::of(path) })
    }

    /// Leaves the WAL alone when it is closed, also when it is the last connection.
    pub(super) fn forgo_checkpoint(&self) {
        // The setting cannot be refused.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

impl Deref for Opened {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Refuses a FIFO, at which open(2) waits until somebody writes to it, and sockets and devices with it. Refuses a directory,
/// too: SQLite opens one for reading and calls it an error of the disk. If there is nothing, SQLite says so.
fn refuse_special(path: &Path) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Error::directory()),
        Ok(found) if !found.is_file() => Err(Error::no_file()),
        _ => Ok(()),
    }
}

fn open(path: &Path, options: &ConnectionOptions) -> Result<Connection, Error> {
    let mode = match options {
        ConnectionOptions { readonly: true, .. } => OpenFlags::SQLITE_OPEN_READ_ONLY,
        ConnectionOptions { file_must_exist: true, .. } => OpenFlags::SQLITE_OPEN_READ_WRITE,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    // No URI: a name with `?` or `%` in it is a name. One thread at a time uses a connection, so no mutex.
    set_up(Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?, options)
}

/// Opens a file that nobody can write to, as SQLite is told by this parameter alone: <https://www.sqlite.org/uri.html>.
fn open_immutable(path: &Path, options: &ConnectionOptions) -> Result<Connection, Error> {
    let encoded = path.as_os_str().as_encoded_bytes().iter().map(|byte| match byte {
        b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    });
    let uri = format!("file:{}?immutable=1", encoded.collect::<String>());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    set_up(Connection::open_with_flags(uri, flags)?, options)
}

fn set_up(connection: Connection, options: &ConnectionOptions) -> Result<Connection, Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, options.foreign_keys)?;
    // A misspelt column in double quotes is an error, not a string: https://www.sqlite.org/quirks.html
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // SQLite itself allows 50,000 bytes, and does not raise a limit beyond its own.
    let pattern_bytes = i32::try_from(options.stack_bytes / STACK_BYTES_PER_PATTERN_BYTE).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, pattern_bytes)?;
    Ok(connection)
}

/// How much a connection that reads keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// What SQLite and rusqlite keep by themselves: 2 MB of pages, and 16 statements.
    Little,
    /// 16 MB of pages, and as many statements as the connection that writes. SQLite reads a page that it does not keep with a system
    /// call, and copies it.
    Much,
}

impl Memory {
    pub(super) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        if self == Self::Much {
            connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
            return match connection.pragma_update(None, "cache_size", -16_000) {
                // SQLite reads the schema first, and a program has the file to itself for a moment. The connection reads with less.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
                outcome => outcome,
            };
        }
        Ok(())
    }
}

/// A connection that reads.
pub(super) struct OpenedToRead {
    pub(super) connection: Opened,
    /// If there is one, the connection reads without locks, and what it reads counts only while this holds.
    pub(super) at_rest: Option<AtRest>,
    /// Does it take part in WAL mode?
    pub(super) wal: bool,
}

/// Opens a connection that reads, and finds out whether the file is a database at all. SQLite itself cannot read a WAL database
/// at rest where it can make no file. Then the file is opened as immutable.
///
/// # Errors
/// `SQLITE_CANTOPEN`, `SQLITE_NOTADB` and what else opening gives.
pub(super) fn open_to_read(path: &Path, options: &ConnectionOptions) -> Result<OpenedToRead, Error> {
    let mut attempts_left = ATTEMPTS;
    loop {
        let mut wal = false;
        let error = match Opened::open(path, options, || begin_to_read(open(path, options)?, options, &mut wal)) {
            Err(error) if options.readonly && error.is_of_opening() => error,
            opened => return Ok(OpenedToRead { connection: opened?, at_rest: None, wal }),
        };
        if let Some(at_rest) = AtRest::of(path) {
            let opened =
                Opened::open(path, options, || begin_to_read(open_immutable(path, options)?, options, &mut wal));
            if at_rest.holds() {
                let connection = opened?;
                if !raw::is_wal_file(&connection) {
                    return Err(error);
                }
                return Ok(OpenedToRead { connection, at_rest: Some(at_rest), wal });
            }
        } else if has(path, JOURNAL) || !has(path, WAL) {
            // Nothing that could be there for a moment only, such as the -wal of a program that has just begun or ended.
            attempts_left = 0;
        }
        if attempts_left == 0 {
            return Err(error.because_of_files([JOURNAL, WAL].into_iter().find(|companion| has(path, companion))));
        }
        attempts_left -= 1;
        pause_briefly();
    }
}

fn has(path: &Path, companion: &str) -> bool {
    path.canonicalize().is_ok_and(|file| beside(&file, companion).exists())
}

/// Reads for the first time, without waiting, and tells whether the connection takes part in WAL mode.
fn begin_to_read(connection: Connection, options: &ConnectionOptions, wal: &mut bool) -> Result<Connection, Error> {
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(Duration::ZERO)?;
    match set_synchronous(&connection, options.synchronous) {
        // Somebody has the file to himself for a moment. It is a database then, and for reading the setting is idle.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        outcome => {
            outcome?;
            *wal = is_wal(&connection)?;
        }
    }
    Ok(connection)
}

/// Opens the connection that writes. Reads nothing yet.
///
/// # Errors
/// What opening gives.
pub(super) fn open_writer(path: &Path, options: &ConnectionOptions) -> Result<Opened, Error> {
    let connection = Opened::open(path, options, || open(path, options))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    Ok(connection)
}

/// Prepares the writing connection for its first write. To be called under the lock, outside a transaction.
///
/// # Errors
/// `SQLITE_BUSY` when a program that ignores the lock has the file to itself, `SQLITE_INTERRUPT`, [`Error::TooLate`].
pub(super) fn prepare_writer(
    connection: &Connection,
    options: &ConnectionOptions,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    options.layout.lay(connection, || enable_wal(connection, options.busy_timeout, interrupt))?;
    Ok(set_synchronous(connection, options.synchronous)?)
}

/// Writes a page as it is and commits that, without a sync.
pub(super) fn commit_nothing(connection: &Connection) -> rusqlite::Result<()> {
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let written = connection.pragma_update(None, "user_version", version);
    connection.pragma_update(None, "synchronous", synchronous)?;
    written
}

/// SQLite reads the file for this pragma, so it is where a file that is no database shows.
fn set_synchronous(connection: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let value = match synchronous {
        Synchronous::Normal => "NORMAL",
        Synchronous::Full => "FULL",
    };
    connection.pragma_update(None, "synchronous", value)
}

/// Makes the database a WAL database, <https://www.sqlite.org/wal.html>. Where the file system has no shared memory,
/// SQLite keeps the mode it had.
fn enable_wal(connection: &Connection, busy_timeout: Duration, interrupt: &Interrupt) -> Result<(), Error> {
    let give_up = Instant::now() + busy_timeout;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            // The switch needs the file for itself and does not ask the busy handler when a reader is in the way.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < give_up => {
                interrupt.check()?;
                pause_briefly();
            }
            outcome => return Ok(outcome?),
        }
    }
}
