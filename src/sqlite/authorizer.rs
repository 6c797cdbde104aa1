//! What a statement of a caller may do. SQLite itself asks, while it compiles the statement:
//! <https://www.sqlite.org/c3ref/set_authorizer.html>. So a comment before a BEGIN hides nothing.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};

use super::raw::{self, AuthorizerRequest, action};
use super::{Error, pragma};

/// The SQL functions whose values belong to a caller, see [`counters`](super::counters).
pub(super) const COUNTERS: [&str; 3] = ["last_insert_rowid", "changes", "total_changes"];

/// Whose statements are compiled at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Those of a caller who writes: no transaction control, no ATTACH, nothing that would stay on one connection.
    #[default]
    Write,
    /// The same in a transaction of a caller, with whose end TEMP objects are dropped.
    Transaction,
    /// Those of a caller who reads: no pragma that writes either.
    Read,
    /// Our own.
    Ourselves,
}

enum Refusal {
    Transaction,
    Attach,
    SyncWrite,
    Temp,
    Pragma { name: String, argument: String },
}

#[derive(Default)]
struct AuthorizerState {
    mode: Mode,
    refusal: Option<Refusal>,
    made_temp: bool,
    /// Are `last_insert_rowid()` and the like those of the caller?
    counters_are_own: bool,
    /// How what was compiled uses them.
    counted: Vec<Counted>,
}

/// A use of `last_insert_rowid()`, `changes()` or `total_changes()`.
pub(super) struct Counted {
    pub(super) function: &'static str,
    /// The trigger, view or common table expression that it stands in; its name need not be UTF-8.
    pub(super) within: Option<Vec<u8>>,
}

/// Who compiles statements on a connection at the moment, and why the last one of a caller was refused.
#[derive(Clone, Default)]
pub(super) struct Authorizer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<AuthorizerState>,
    /// Has the schema a name that is no UTF-8?
    has_other_names: AtomicBool,
}

impl Authorizer {
    /// Puts an authorizer on `connection`.
    pub(super) fn install(connection: &Connection) -> rusqlite::Result<Self> {
        let authorizer = Self::default();
        let asked = authorizer.clone();
        raw::set_authorizer(connection, move |request| asked.allows(request))?;
        Ok(authorizer)
    }

    fn allows(&self, request: &AuthorizerRequest<'_>) -> bool {
        if !request.is_utf8 {
            self.0.has_other_names.store(true, Ordering::Relaxed);
        }
        let mut state = self.state();
        let makes_temp = makes_temp(request);
        let refusal = match (state.mode, request.action) {
            (Mode::Ourselves, _) => None,
            (_, action::TRANSACTION | action::SAVEPOINT) => Some(Refusal::Transaction),
            (_, action::ATTACH) => Some(Refusal::Attach),
            (Mode::Write, _) if makes_temp => Some(Refusal::Temp),
            (mode, action::PRAGMA) => judge(mode, request),
            (Mode::Write | Mode::Transaction | Mode::Read, action::FUNCTION) => {
                let called = request.second.as_deref().unwrap_or_default();
                if let Some(function) = COUNTERS.into_iter().find(|name| name.eq_ignore_ascii_case(called)) {
                    let within = request.within.map(<[u8]>::to_vec);
                    state.counted.push(Counted { function, within });
                }
                None
            }
            _ => None,
        };
        let allowed = refusal.is_none();
        if allowed {
            state.made_temp |= makes_temp && state.mode != Mode::Read;
        } else {
            state.refusal = refusal;
        }
        allowed
    }

    /// Has something been compiled that uses a name which is no UTF-8?
    pub(super) fn has_other_names(&self) -> bool {
        self.0.has_other_names.load(Ordering::Relaxed)
    }

    /// Has a TEMP object been made since this was asked last?
    pub(super) fn take_temp(&self) -> bool {
        std::mem::take(&mut self.state().made_temp)
    }

    /// Compiles and runs statements as those of somebody else than a caller who writes.
    pub(super) fn with<T>(&self, mode: Mode, act: impl FnOnce() -> T) -> T {
        struct Restore<'a>(&'a Authorizer, Mode);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.state().mode = self.1;
            }
        }
        let before = std::mem::replace(&mut self.state().mode, mode);
        let _restore = Restore(self, before);
        act()
    }

    /// Says whether `last_insert_rowid()` and the like are those of the caller whose statements follow.
    pub(super) fn own_counters(&self, own: bool) {
        self.state().counters_are_own = own;
    }

    /// How what was compiled since the last call uses these functions, and whether their values are the caller's own.
    pub(super) fn counted(&self) -> (Vec<Counted>, bool) {
        let mut state = self.state();
        (std::mem::take(&mut state.counted), state.counters_are_own)
    }

    /// The error of a statement of a caller, with our reason where it was we who refused.
    pub(super) fn explain(&self, error: rusqlite::Error, sql: &str) -> Error {
        let mut state = self.state();
        let refusal = state.refusal.take();
        state.counted.clear();
        drop(state);
        if error.sqlite_error_code() != Some(ErrorCode::AuthorizationForStatementDenied) {
            return Error::from(error).in_statement(sql);
        }
        match refusal {
            Some(Refusal::Transaction) => Error::TransactionControl { sql: sql.to_owned() },
            Some(Refusal::SyncWrite) => Error::SyncWrite { sql: sql.to_owned() },
            Some(Refusal::Pragma { name, argument }) => Error::Pragma { name, argument },
            Some(Refusal::Temp) => Error::from(error).in_statement(sql).because(
                "a TEMP object is dropped at the end of the transaction that makes it: use transaction(), begin(), batch() or exec()",
            ),
            Some(Refusal::Attach) => Error::from(error).in_statement(sql).because(
                "ATTACH is refused: a database of another directory has another lock; open it with a DB of its own",
            ),
            None => Error::from(error).in_statement(sql),
        }
    }

    fn state(&self) -> MutexGuard<'_, AuthorizerState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge(mode: Mode, request: &AuthorizerRequest<'_>) -> Option<Refusal> {
    let (name, argument) = pragma_of(request);
    match mode {
        Mode::Read => (!pragma::reads(name, argument)).then_some(Refusal::SyncWrite),
        _ if pragma::is_plain(name, argument) => None,
        _ => {
            Some(Refusal::Pragma { name: name.to_ascii_lowercase(), argument: argument.unwrap_or_default().to_owned() })
        }
    }
}

/// The name and the argument of a pragma.
fn pragma_of<'r>(request: &'r AuthorizerRequest<'_>) -> (&'r str, Option<&'r str>) {
    (request.first.as_deref().unwrap_or_default(), request.second.as_deref())
}

/// Does it make something in the TEMP database, which belongs to this one connection?
fn makes_temp(request: &AuthorizerRequest<'_>) -> bool {
    let is_temp = request.database.as_deref() == Some("temp");
    match request.action {
        // By the keyword TEMP.
        action::CREATE_TEMP_INDEX
        | action::CREATE_TEMP_TABLE
        | action::CREATE_TEMP_TRIGGER
        | action::CREATE_TEMP_VIEW => true,
        // By a name: `CREATE TABLE temp.name`. Each adds a row to the schema.
        action::INSERT => is_temp,
        action::PRAGMA => {
            let (name, argument) = pragma_of(request);
            is_temp && !pragma::reads(name, argument)
        }
        _ => false,
    }
}
