//! The errors of SQLite, and of our rules for its use.

#![forbid(unsafe_code)]

use std::collections::TryReserveError;
use std::ffi::c_int;
use std::fmt;

use super::{advice, codes, raw};

/// Why SQLite, or a rule of ours about its use, refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// SQLite refused.
    Sqlite(Failure),
    /// A statement that writes was given to a plain read.
    SyncWrite {
        /// The statement.
        sql: String,
    },
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT or RELEASE where the transaction is not the caller's.
    TransactionControl {
        /// The statement.
        sql: String,
    },
    /// A script began a transaction and did not end it.
    LeftOpen,
    /// The transaction has ended.
    Ended {
        /// The error of one of its statements, when SQLite has rolled it back because of that.
        by: Option<Box<Self>>,
    },
    /// One of several writes that go together failed, and all of them were undone.
    OfAll {
        /// Which one; `None`: the COMMIT.
        index: Option<usize>,
        /// Its own error.
        source: Box<Self>,
    },
    /// An INTEGER that was asked for as a number, and no number is exact.
    Inexact {
        /// The name of its column.
        column: String,
    },
    /// The values do not fit the parameters of the statement.
    Parameters(String),
    /// An option for a new database, and the database exists with another value.
    TooLate(String),
    /// A pragma that does not run as any statement does. The writer decides about it, so that no caller meets this.
    #[doc(hidden)]
    Pragma {
        /// In lower case.
        name: String,
        /// Empty when there is none.
        argument: String,
    },
    /// A batch that is not of the form of `sqlite::batch`.
    Malformed,
}

/// An error of SQLite with all that it tells.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The extended result code.
    pub errcode: c_int,
    /// What went wrong in this case.
    pub message: String,
    /// The statement, never its bound values.
    pub sql: Option<String>,
    /// Byte offset of the failing token in `sql`, or -1.
    pub offset: c_int,
}

impl Failure {
    /// The name of the extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        codes::name(self.errcode)
    }

    /// SQLite's description of the result code.
    #[must_use]
    pub fn errstr(&self) -> String {
        raw::errstr(self.errcode)
    }
}

impl Error {
    /// A value of another type than it has to be.
    pub(crate) fn mismatch(message: &str) -> Self {
        Self::Sqlite(Failure { errcode: MISMATCH, message: message.to_owned(), sql: None, offset: -1 })
    }

    /// Has SQLite, or a rule of ours, refused the statement before it ran?
    pub(super) fn is_of_the_text(&self) -> bool {
        match self {
            Self::Sqlite(failure) => failure.offset >= 0 || [MISUSE, AUTH].contains(&failure.errcode),
            Self::Parameters(_) | Self::TransactionControl { .. } => true,
            _ => false,
        }
    }

    /// Is it of a constraint for which SQLite opens a statement journal? After others, such as a value of a wrong type in a
    /// STRICT table, what the statement did before may still be there.
    pub(super) fn is_of_a_journaled_constraint(&self) -> bool {
        const JOURNALED: [&str; 6] = ["CHECK", "FOREIGNKEY", "NOTNULL", "PRIMARYKEY", "TRIGGER", "UNIQUE"];
        let Self::Sqlite(failure) = self else { return false };
        failure.code().strip_prefix("SQLITE_CONSTRAINT_").is_some_and(|what| JOURNALED.contains(&what))
    }

    /// Is it the general error, which that of compiling a statement is?
    pub(super) fn is_general(&self) -> bool {
        matches!(self, Self::Sqlite(failure) if failure.errcode == GENERAL)
    }

    /// Has the operating system refused to read, write or sync a file?
    pub(super) fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Sqlite(failure) if failure.errcode & PRIMARY == IOERR)
    }

    /// A statement that would tell of what somebody else has written.
    pub(super) fn foreign_counters(function: &str) -> Self {
        let message =
            format!("{function}() would tell of another caller here: use lastInsertRowid of run(), or a transaction");
        Self::Sqlite(Failure { errcode: AUTH, message, sql: None, offset: -1 })
    }

    /// A call that SQLite would not know what to make of.
    pub(super) fn misuse(message: &str) -> Self {
        Self::Sqlite(Failure { errcode: MISUSE, message: message.to_owned(), sql: None, offset: -1 })
    }

    /// What a caller may not do.
    pub(super) fn refused(message: &str) -> Self {
        Self::Sqlite(Failure { errcode: AUTH, message: message.to_owned(), sql: None, offset: -1 })
    }

    /// A call that was called off.
    pub(super) fn interrupted() -> Self {
        Self::Sqlite(Failure { errcode: INTERRUPT, message: raw::errstr(INTERRUPT), sql: None, offset: -1 })
    }

    /// A path at which there is something that cannot be a database.
    pub(super) fn no_file() -> Self {
        let message = format!("{}: it is no regular file", raw::errstr(CANTOPEN));
        Self::Sqlite(Failure { errcode: CANTOPEN, message, sql: None, offset: -1 })
    }

    /// A path at which there is a directory.
    pub(super) fn directory() -> Self {
        let message = format!("{}: it is a directory", raw::errstr(CANTOPEN));
        Self::Sqlite(Failure { errcode: CANTOPEN_ISDIR, message, sql: None, offset: -1 })
    }

    /// Somebody had the database to himself for too long.
    pub(super) fn busy() -> Self {
        Self::Sqlite(Failure { errcode: BUSY, message: raw::errstr(BUSY), sql: None, offset: -1 })
    }

    /// A read without locks met a change, or a read that has handed over some of its rows did.
    pub(crate) fn changed() -> Self {
        let message = "the database was changed while it was read without locks: repeat the read".to_owned();
        Self::Sqlite(Failure { errcode: BUSY_SNAPSHOT, message, sql: None, offset: -1 })
    }

    /// Is it what [`changed`](Self::changed) gives?
    pub(crate) fn is_of_a_change(&self) -> bool {
        matches!(self, Self::Sqlite(failure) if failure.errcode == BUSY_SNAPSHOT)
    }

    /// Did another program keep a lock for too long?
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Sqlite(failure) => failure.errcode & PRIMARY == BUSY,
            Self::OfAll { source, .. } => source.is_busy(),
            _ => false,
        }
    }

    /// Could a file not be opened or made?
    pub(super) fn is_of_opening(&self) -> bool {
        matches!(self, Self::Sqlite(failure) if [CANTOPEN, READONLY].contains(&(failure.errcode & PRIMARY)))
    }

    /// A write to a database that was opened for reading only.
    pub(crate) fn readonly() -> Self {
        Self::Sqlite(Failure { errcode: READONLY, message: raw::errstr(READONLY), sql: None, offset: -1 })
    }

    /// There is too little memory for a value or a result.
    pub(crate) fn no_memory() -> Self {
        Self::Sqlite(Failure { errcode: NOMEM, message: raw::errstr(NOMEM), sql: None, offset: -1 })
    }

    /// A row that no chunk can hold.
    pub(super) fn too_big() -> Self {
        Self::Sqlite(Failure { errcode: TOOBIG, message: raw::errstr(TOOBIG), sql: None, offset: -1 })
    }

    /// A row that the schema did not take, without an error of SQLite.
    pub(super) fn ignored(message: &str) -> Self {
        Self::Sqlite(Failure { errcode: CONSTRAINT, message: message.to_owned(), sql: None, offset: -1 })
    }

    /// Says which file a reader cannot do with, and who can.
    pub(super) fn because_of_files(self, companion: Option<&str>) -> Self {
        let Some(companion) = companion else { return self };
        self.because(&format!(
            "a reader without write access cannot use the {companion} that was left beside the database: \
             open the database once without `readonly`, as a user who may write to it and to its directory"
        ))
    }

    /// Replaces SQLite's message, where there is more to say.
    pub(super) fn because(mut self, reason: &str) -> Self {
        if let Self::Sqlite(failure) = &mut self {
            reason.clone_into(&mut failure.message);
        }
        self
    }

    /// Adds the statement, where SQLite did not name one.
    pub(super) fn in_statement(mut self, statement: &str) -> Self {
        if let Self::Sqlite(Failure { sql: sql @ None, .. }) = &mut self {
            *sql = Some(statement.to_owned());
        }
        self
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::no_memory()
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(match error {
            rusqlite::Error::SqliteFailure(code, message) => Failure {
                errcode: code.extended_code,
                message: message.unwrap_or_else(|| raw::errstr(code.extended_code)),
                sql: None,
                offset: -1,
            },
            rusqlite::Error::SqlInputError { error, msg, sql, offset } => {
                Failure { errcode: error.extended_code, message: msg, sql: Some(sql), offset }
            }
            rusqlite::Error::MultipleStatement => Failure {
                errcode: MISUSE,
                message: "there are several statements in the text: use exec(), or batch()".to_owned(),
                sql: None,
                offset: -1,
            },
            // What rusqlite itself refuses.
            _ => Failure { errcode: MISUSE, message: error.to_string(), sql: None, offset: -1 },
        })
    }
}

/// The primary result code is the low byte of an extended one.
const PRIMARY: c_int = 0xff;
const GENERAL: c_int = 1;
const BUSY: c_int = 5;
const BUSY_SNAPSHOT: c_int = 517;
const NOMEM: c_int = 7;
const READONLY: c_int = 8;
const INTERRUPT: c_int = 9;
const CANTOPEN: c_int = 14;
const CANTOPEN_ISDIR: c_int = 526;
const IOERR: c_int = 10;
const TOOBIG: c_int = 18;
const CONSTRAINT: c_int = 19;
const MISMATCH: c_int = 20;
const MISUSE: c_int = 21;
const AUTH: c_int = 23;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(failure) => f.write_str(&failure.message),
            Self::TransactionControl { sql } => f.write_str(&advice::of_transaction_control(sql)),
            Self::LeftOpen => f.write_str("the script leaves its transaction open; it was rolled back"),
            Self::Ended { by: None } => f.write_str("the transaction has ended"),
            Self::Ended { by: Some(by) } => write!(f, "the transaction was rolled back by SQLite: {by}"),
            Self::OfAll { source, .. } => source.fmt(f),
            Self::Inexact { column } => write!(
                f,
                "an INTEGER of column {column} is too large for a number: use the integers mode 'bigint' or 'auto'"
            ),
            Self::Parameters(message) | Self::TooLate(message) => f.write_str(message),
            Self::Pragma { name, .. } => write!(f, "PRAGMA {name} was not decided about"),
            Self::Malformed => f.write_str("the batch of writes is malformed"),
            Self::SyncWrite { sql } => f.write_str(&advice::of_sync_write(sql)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::OfAll { source, .. } | Self::Ended { by: Some(source) } => Some(source),
            _ => None,
        }
    }
}
