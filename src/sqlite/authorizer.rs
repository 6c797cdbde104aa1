//! What a statement of a caller may do, asked for by SQLite itself while it compiles one:
//! <https://www.sqlite.org/c3ref/set_authorizer.html>. A text with a comment before its BEGIN deceives nobody.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ErrorCode};

use super::counters::FUNCTIONS;
use super::{Error, pragma};

/// The code of the action, <https://www.sqlite.org/c3ref/c_alter_table.html>.
const ATTACH: i32 = 24;

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
struct State {
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
    /// The trigger, view or common table expression that it stands in.
    pub(super) within: Option<String>,
}

/// Who compiles statements on a connection at the moment, and why the last one of a caller was refused.
#[derive(Clone, Default)]
pub(super) struct Authorizer(Arc<Mutex<State>>);

impl Authorizer {
    /// Puts an authorizer on `connection`.
    pub(super) fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        let authorizer = Self::default();
        let asked = authorizer.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.decide(&context)))?;
        Ok(authorizer)
    }

    fn decide(&self, context: &AuthContext<'_>) -> Authorization {
        let mut state = self.state();
        let makes_temp = makes_temp(context);
        let refusal = match (state.mode, &context.action) {
            (Mode::Ourselves, _) => None,
            (_, AuthAction::Transaction { .. } | AuthAction::Savepoint { .. }) => Some(Refusal::Transaction),
            // Without a name in the statement, as in `ATTACH ?`, rusqlite does not know the action by its name.
            (_, AuthAction::Attach { .. } | AuthAction::Unknown { code: ATTACH, .. }) => Some(Refusal::Attach),
            (Mode::Write, _) if makes_temp => Some(Refusal::Temp),
            (mode, AuthAction::Pragma { pragma_name, pragma_value }) => judge(mode, pragma_name, *pragma_value),
            (Mode::Write | Mode::Transaction | Mode::Read, AuthAction::Function { function_name }) => {
                if let Some(function) = FUNCTIONS.into_iter().find(|name| name.eq_ignore_ascii_case(function_name)) {
                    let within = context.accessor.map(str::to_owned);
                    state.counted.push(Counted { function, within });
                }
                None
            }
            _ => None,
        };
        if refusal.is_none() {
            state.made_temp |= makes_temp && state.mode != Mode::Read;
            return Authorization::Allow;
        }
        state.refusal = refusal;
        Authorization::Deny
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge(mode: Mode, name: &str, argument: Option<&str>) -> Option<Refusal> {
    match mode {
        Mode::Read => (!pragma::reads(name, argument)).then_some(Refusal::SyncWrite),
        _ if pragma::is_plain(name, argument) => None,
        _ => {
            Some(Refusal::Pragma { name: name.to_ascii_lowercase(), argument: argument.unwrap_or_default().to_owned() })
        }
    }
}

/// Does it make something in the TEMP database, which belongs to this one connection?
fn makes_temp(context: &AuthContext<'_>) -> bool {
    let is_temp = context.database_name == Some("temp");
    match &context.action {
        // By the keyword TEMP.
        AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => true,
        // By a name: `CREATE TABLE temp.name`. Each adds a row to the schema.
        AuthAction::Insert { .. } => is_temp,
        AuthAction::Pragma { pragma_name, pragma_value } => is_temp && !pragma::reads(pragma_name, *pragma_value),
        _ => false,
    }
}
