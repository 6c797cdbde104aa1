//! Reading pragmas.
//!
//! Which pragma only reads is decided by a list, since SQLite itself does not tell: `journal_mode` reads although it is
//! not called read-only, and `wal_checkpoint` writes without an `=`. The name and the argument come from SQLite's
//! authorizer, not from the text.

#![forbid(unsafe_code)]

use super::query::{Query, Source};
use super::{Error, Rows, connection};

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

/// Those whose value is part of the file, as a row is. Others have an effect of their own, or none in a transaction.
const TRANSACTIONAL: &[&str] = &["application_id", "user_version"];

/// Runs `PRAGMA source`, which must be one that reads.
///
/// # Errors
/// [`Error::SyncWrite`] for a pragma that writes.
pub(super) fn read(place: &Source<'_>, source: &str) -> Result<Rows, Error> {
    connection::look(place.connection)?;
    place.rows(&Query { sql: &format!("PRAGMA {source}"), parameters: &[], judged: false }, usize::MAX)
}

/// Is it `PRAGMA busy_timeout`?
pub(crate) fn asks_for_busy_timeout(source: &str) -> bool {
    source.trim_matches(|c: char| c.is_whitespace() || c == ';').eq_ignore_ascii_case("busy_timeout")
}

/// Does this pragma only read?
pub(super) fn reads(name: &str, argument: Option<&str>) -> bool {
    match argument {
        Some(_) => listed(READ_WITH_ARGUMENT, name),
        None => !listed(WRITE_WITHOUT_ARGUMENT, name),
    }
}

/// Does a transaction undo what this pragma has set?
pub(super) fn is_transactional(name: &str) -> bool {
    listed(TRANSACTIONAL, name)
}

fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::authorizer::Authorizer;
    use super::*;

    fn open() -> Result<(Connection, Authorizer), Error> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE t (a INTEGER)")?;
        let authorizer = Authorizer::install(&mut connection)?;
        Ok((connection, authorizer))
    }

    #[test]
    fn a_pragma_that_reads_answers() -> Result<(), Error> {
        let (connection, authorizer) = open()?;
        let place = Source { connection: &connection, authorizer: &authorizer, at_rest: None };
        let read = |source| read(&place, source);
        assert_eq!(read("journal_mode")?.columns, ["journal_mode"]);
        assert_eq!(read("table_info(t)")?.rows.len(), 1);
        assert_eq!(read("integrity_check")?.rows.len(), 1);
        Ok(())
    }

    #[test]
    fn a_pragma_that_writes_is_refused() -> Result<(), Error> {
        let (connection, authorizer) = open()?;
        for source in ["journal_mode = DELETE", "user_version(7)", "wal_checkpoint", "OPTIMIZE", "main.synchronous=0"] {
            let outcome = read(&Source { connection: &connection, authorizer: &authorizer, at_rest: None }, source);
            assert!(matches!(outcome, Err(Error::SyncWrite { .. })), "{source}");
        }
        Ok(())
    }

    #[test]
    fn what_is_more_than_a_pragma_runs_not_at_all() -> Result<(), Error> {
        let (connection, authorizer) = open()?;
        let place = Source { connection: &connection, authorizer: &authorizer, at_rest: None };
        assert!(read(&place, "user_version; DROP TABLE t").is_err());
        assert!(connection.table_exists(None, "t")?);
        Ok(())
    }
}
