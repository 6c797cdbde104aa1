//! Reading pragmas.
//!
//! Which pragma only reads is decided by a list, since SQLite itself does not tell: `journal_mode` reads although it is
//! not called read-only, and `wal_checkpoint` writes without an `=`. The name and the argument come from SQLite's
//! authorizer, not from the text.

#![forbid(unsafe_code)]

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ErrorCode};

use super::{Error, Row, rows};

/// Those whose argument says what to read: <https://www.sqlite.org/pragma.html>.
const READ_WITH_ARGUMENT: &[&str] = &[
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Those that write although they have no argument.
const WRITE_WITHOUT_ARGUMENT: &[&str] = &["incremental_vacuum", "optimize", "wal_checkpoint"];

/// The rows that a pragma answers with.
#[derive(Debug)]
pub struct PragmaRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Their values.
    pub rows: Vec<Row>,
}

/// Runs `PRAGMA source`, which must be one that reads.
///
/// # Errors
/// [`Error::SyncWrite`] for a pragma that writes, and for anything besides one pragma.
pub(super) fn read(connection: &mut Connection, source: &str) -> Result<PragmaRows, Error> {
    // Reads the file: until then journal_mode and others tell what was so when this connection last looked.
    connection.prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([])?;
    let sql = format!("PRAGMA {source}");
    connection.authorizer(Some(authorize))?;
    let outcome = query(connection, &sql);
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    outcome.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => Error::SyncWrite { sql },
        _ => Error::from(error).in_statement(&sql),
    })
}

fn query(connection: &Connection, sql: &str) -> rusqlite::Result<PragmaRows> {
    // Not from the cache of statements: one that was compiled before is not asked about again.
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_names().map(str::to_owned).collect();
    Ok(PragmaRows { columns, rows: rows::collect(&mut statement, [])? })
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        AuthAction::Pragma { pragma_name, pragma_value } => reads(pragma_name, pragma_value),
        AuthAction::Read { .. } | AuthAction::Select | AuthAction::Function { .. } => true,
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

fn reads(name: &str, argument: Option<&str>) -> bool {
    let listed = |list: &[&str]| list.iter().any(|listed| listed.eq_ignore_ascii_case(name));
    match argument {
        Some(_) => listed(READ_WITH_ARGUMENT),
        None => !listed(WRITE_WITHOUT_ARGUMENT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> bool {
        let mut connection = Connection::open_in_memory().expect("memory");
        matches!(read(&mut connection, source), Err(Error::SyncWrite { .. }))
    }

    #[test]
    fn a_pragma_that_reads_answers() -> Result<(), Error> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE t (a INTEGER)")?;
        assert_eq!(read(&mut connection, "journal_mode")?.columns, ["journal_mode"]);
        assert_eq!(read(&mut connection, "table_info(t)")?.rows.len(), 1);
        assert_eq!(read(&mut connection, "integrity_check")?.rows.len(), 1);
        Ok(())
    }

    #[test]
    fn a_pragma_that_writes_is_refused() {
        for source in ["journal_mode = DELETE", "user_version(7)", "wal_checkpoint", "OPTIMIZE", "main.synchronous=0"] {
            assert!(refused(source), "{source}");
        }
    }

    #[test]
    fn what_is_more_than_a_pragma_runs_not_at_all() -> Result<(), Error> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE t (a)")?;
        assert!(read(&mut connection, "user_version; DROP TABLE t").is_err());
        assert!(connection.table_exists(None, "t")?);
        Ok(())
    }
}
