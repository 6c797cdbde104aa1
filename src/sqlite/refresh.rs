//! Reading the file so that a connection knows its present state.

#![forbid(unsafe_code)]

use rusqlite::Connection;

/// Reads the file: until then a connection knows of its state, the journal mode for one, what was
/// so when it last looked.
pub(super) fn refresh(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([]).map(drop)
}

/// Is the database in WAL mode, as far as this connection knows, see [`refresh`]?
pub(super) fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.pragma_query_value(None, "journal_mode", |row| Ok(row.get_ref(0)?.as_str() == Ok("wal")))
}
