//! What a statement of a caller may not do on the writing connection, asked for by SQLite itself while it compiles one:
//! <https://www.sqlite.org/c3ref/set_authorizer.html>. A text with a comment before its BEGIN deceives nobody.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ErrorCode};

use super::Error;

/// The code of the action, <https://www.sqlite.org/c3ref/c_alter_table.html>.
const ATTACH: i32 = 24;

const CALLER: u8 = 0;
const OURSELVES: u8 = 1;
const REFUSED_TRANSACTION: u8 = 2;
const REFUSED_ATTACH: u8 = 3;

/// Who compiles statements at the moment, and why the last one of a caller was refused.
#[derive(Clone, Default)]
pub(super) struct Authorizer(Arc<AtomicU8>);

impl Authorizer {
    /// Puts an authorizer on `connection`.
    pub(super) fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        let authorizer = Self::default();
        let asked = authorizer.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.decide(&context.action)))?;
        Ok(authorizer)
    }

    fn decide(&self, action: &AuthAction<'_>) -> Authorization {
        let refusal = match action {
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => REFUSED_TRANSACTION,
            // Without a name in the statement, as in `ATTACH ?`, rusqlite does not know the action by its name.
            AuthAction::Attach { .. } | AuthAction::Unknown { code: ATTACH, .. } => REFUSED_ATTACH,
            _ => return Authorization::Allow,
        };
        if self.0.load(Ordering::Relaxed) == OURSELVES {
            return Authorization::Allow;
        }
        self.0.store(refusal, Ordering::Relaxed);
        Authorization::Deny
    }

    /// Does what only we may.
    pub(super) fn ourselves<T>(&self, act: impl FnOnce() -> T) -> T {
        struct Restore<'a>(&'a AtomicU8);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.store(CALLER, Ordering::Relaxed);
            }
        }
        self.0.store(OURSELVES, Ordering::Relaxed);
        let _restore = Restore(&self.0);
        act()
    }

    /// The error of a statement of a caller, with our reason where it was we who refused.
    pub(super) fn explain(&self, error: rusqlite::Error, sql: &str) -> Error {
        let refusal = self.0.swap(CALLER, Ordering::Relaxed);
        if error.sqlite_error_code() != Some(ErrorCode::AuthorizationForStatementDenied) {
            return Error::from(error).in_statement(sql);
        }
        match refusal {
            REFUSED_TRANSACTION => Error::TransactionControl { sql: sql.to_owned() },
            REFUSED_ATTACH => Error::from(error)
                .in_statement(sql)
                .because("ATTACH is refused: a database of another directory has another lock"),
            _ => Error::from(error).in_statement(sql),
        }
    }
}
