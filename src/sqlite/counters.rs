//! `last_insert_rowid()`, `changes()` and `total_changes()` as one caller sees them.
//!
//! SQLite keeps these three for a connection, and many callers share the writing connection. A
//! *caller* is one hold of the lock with everything that is written under it, or else one batch,
//! one script or one plain write. Each caller starts with zeros, as on a new connection. From then
//! on the SQL functions give SQLite's own values, because nobody else writes on the connection
//! until that caller has ended.
//!
//! SQLite's last rowid tells whether a statement has inserted a row: it is set to [`Base::none`]
//! before each statement. The SQL function then gives the rowid of the statement before. Two other
//! ways are inexact:
//! - A comparison of the rowid before and after. A parent with the rowid 5 may be followed by a
//!   child with the rowid 5.
//! - The update hook. SQLite also calls it for rows of triggers, and does not call it for virtual
//!   tables.

#![forbid(unsafe_code)]

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::authorizer::{Authorizer, COUNTERS, Counted, Mode};
use super::{Error, raw, text};

/// What the current caller of a connection started with.
#[derive(Clone)]
pub(super) struct Counters(Arc<Base>);

struct Base {
    /// Stands for the rowid while the statement has inserted none. A random number, so that nobody
    /// can insert this very rowid on purpose.
    none: i64,
    /// The last rowid of the caller's statements before the current one.
    rowid: AtomicI64,
    /// `total_changes()` of the connection when the caller began.
    total: AtomicU64,
    /// What `changes()` is as long as `total_changes()` of the connection stays as it was then.
    /// SQLite's own count may still be that of another caller, and there is no call that sets it.
    changes: AtomicU64,
    changes_at: AtomicU64,
}

/// What a caller sees at some point.
pub(super) struct Saved {
    rowid: i64,
    changes: u64,
    total: u64,
}

impl Counters {
    /// Puts SQL functions of this caller's values in the place of SQLite's own.
    pub(super) fn install(connection: &Connection) -> rusqlite::Result<Self> {
        let none = RandomState::new().hash_one("rowid").cast_signed();
        let (rowid, total) = (AtomicI64::default(), AtomicU64::default());
        let (changes, changes_at) = (AtomicU64::default(), AtomicU64::default());
        let counters = Self(Arc::new(Base { none, rowid, total, changes, changes_at }));
        let functions: [fn(&Base, &Connection) -> i64; 3] = [
            Base::last_insert_rowid,
            |base, connection| base.changes(connection).cast_signed(),
            |base, connection| base.total_changes(connection).cast_signed(),
        ];
        for (name, function) in COUNTERS.into_iter().zip(functions) {
            let base = Arc::clone(&counters.0);
            let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
            let call = move |context: &Context<'_>| raw::in_function(context, |connection| function(&base, connection));
            connection.create_scalar_function(name, 0, flags, call)?;
        }
        Ok(counters)
    }

    /// Another caller begins.
    pub(super) fn begin(&self, connection: &Connection) {
        self.restore(connection, &Saved { rowid: 0, changes: 0, total: 0 });
    }

    /// What the caller sees now, for statements that may have to run again.
    pub(super) fn save(&self, connection: &Connection) -> Saved {
        let Self(base) = self;
        Saved {
            rowid: base.last_insert_rowid(connection),
            changes: base.changes(connection),
            total: base.total_changes(connection),
        }
    }

    /// Makes the caller see what it saw then.
    pub(super) fn restore(&self, connection: &Connection, saved: &Saved) {
        let (Self(base), now) = (self, connection.total_changes());
        base.rowid.store(saved.rowid, Ordering::Relaxed);
        base.changes.store(saved.changes, Ordering::Relaxed);
        base.changes_at.store(now, Ordering::Relaxed);
        base.total.store(now.wrapping_sub(saved.total), Ordering::Relaxed);
        raw::set_last_insert_rowid(connection, base.none);
    }

    /// The next statement of the caller begins.
    pub(super) fn next(&self, connection: &Connection) {
        let Self(base) = self;
        let rowid = connection.last_insert_rowid();
        if rowid != base.none {
            base.rowid.store(rowid, Ordering::Relaxed);
            raw::set_last_insert_rowid(connection, base.none);
        }
    }

    /// An INSERT, UPDATE or DELETE has run. If it has changed no row, SQLite's total does not show
    /// it.
    pub(super) fn counted(&self) {
        self.0.changes.store(0, Ordering::Relaxed);
    }

    /// The rowid of the last row that the statement has inserted, or 0.
    pub(super) fn inserted(&self, connection: &Connection) -> i64 {
        Some(connection.last_insert_rowid()).filter(|rowid| *rowid != self.0.none).unwrap_or(0)
    }
}

impl Base {
    fn last_insert_rowid(&self, connection: &Connection) -> i64 {
        let rowid = connection.last_insert_rowid();
        if rowid == self.none { self.rowid.load(Ordering::Relaxed) } else { rowid }
    }

    fn changes(&self, connection: &Connection) -> u64 {
        let is_of_caller = connection.total_changes() != self.changes_at.load(Ordering::Relaxed);
        if is_of_caller { connection.changes() } else { self.changes.load(Ordering::Relaxed) }
    }

    fn total_changes(&self, connection: &Connection) -> u64 {
        connection.total_changes().wrapping_sub(self.total.load(Ordering::Relaxed))
    }
}

/// Refuses a statement whose values of these functions would be about another caller. Says whether
/// it may run only where they are the caller's own. In a trigger they are about the statements of
/// that trigger, so that one may always run.
pub(super) fn check(
    connection: &Connection,
    authorizer: &Authorizer,
    statement: &Statement<'_>,
    sql: &str,
) -> Result<bool, Error> {
    let (counted, own) = authorizer.counted();
    for Counted { function, within } in counted {
        let inserts = text::effects(sql).1 && !statement.readonly();
        let found = within.map(|name| find(connection, authorizer, &name)).transpose()?.flatten();
        let counts = match found {
            Some((kind, _)) if kind == "trigger" => false,
            Some((_, text)) => mentions(&text, function),
            // SQLite also names a function in the DEFAULT of a column that is only read. An INSERT
            // computes it.
            None => inserts || mentions(sql, function),
        };
        if counts && !own {
            return Err(Error::foreign_counters(function).in_statement(sql));
        }
        if counts {
            return Ok(true);
        }
    }
    Ok(false)
}

fn mentions(text: &str, function: &str) -> bool {
    text.to_ascii_lowercase().contains(function)
}

/// The type and the text of the trigger or the view of that name.
fn find(connection: &Connection, authorizer: &Authorizer, name: &[u8]) -> Result<Option<(String, String)>, Error> {
    const FIND: &str = "SELECT type, sql FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema)
        WHERE type IN ('trigger', 'view') AND name = CAST(?1 AS TEXT) COLLATE NOCASE ORDER BY type";
    let found = authorizer.with(Mode::Ourselves, || {
        connection.prepare_cached(FIND)?.query_row([name], |row| Ok((text(row, 0)?, text(row, 1)?))).optional()
    });
    Ok(found?)
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(row.get_ref(column)?.as_bytes()?).into_owned())
}
