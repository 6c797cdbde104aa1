//! What each pragma is: <https://www.sqlite.org/pragma.html>.
//!
//! SQLite itself does not tell. `journal_mode` reads although SQLite does not call it read-only,
//! and `wal_checkpoint` writes without an `=`. Many pragmas take effect when they are compiled,
//! also behind EXPLAIN. So the authorizer asks this module, with the name and the argument as
//! SQLite has read them. A pragma that is not simply allowed has no effect before this module has
//! decided about it.

#![forbid(unsafe_code)]

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// What a pragma is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads; an argument says what.
    Reads,
    /// Its value is part of the file, as a row is.
    File,
    /// It works on the file, with or without an argument.
    Works,
    /// Its value holds for all connections of a database, see `settings`.
    Setting,
    /// Its value ends with the transaction that it is set in.
    Transaction,
    /// Its value would hold for one connection of several, or it has no effect. Why it is refused, and what to use.
    Refused(&'static str),
    /// The same, and it does something although it has no argument.
    RefusedWork(&'static str),
}

use Kind::{File, Reads, Refused, RefusedWork, Setting, Transaction, Works};

const ONE: Kind = Refused("it would hold for one connection of the several that a DB has: leave the pragma out");
const DEPRECATED: Kind =
    Refused("SQLite advises against it, and it would hold for one connection of several: leave it out");
const PROCESS: Kind = Refused("it would hold for all databases of the process: leave the pragma out");

const PRAGMAS: &[(&str, Kind)] = &[
    ("analysis_limit", ONE),
    ("application_id", File),
    (
        "auto_vacuum",
        Refused(
            "use the option autoVacuum of a new DB; in one that exists exec('PRAGMA auto_vacuum = …; VACUUM') changes it",
        ),
    ),
    ("automatic_index", ONE),
    ("busy_timeout", Refused("use the option busyTimeout of the DB")),
    ("cache_size", ONE),
    ("cache_spill", ONE),
    ("case_sensitive_like", Setting),
    ("cell_size_check", ONE),
    ("checkpoint_fullfsync", ONE),
    ("collation_list", Reads),
    ("compile_options", Reads),
    ("count_changes", DEPRECATED),
    ("data_store_directory", DEPRECATED),
    ("data_version", Reads),
    ("database_list", Reads),
    ("default_cache_size", DEPRECATED),
    ("defer_foreign_keys", Transaction),
    ("empty_result_callbacks", DEPRECATED),
    ("encoding", Refused("it takes effect before the database is made; sqlock makes it in UTF-8")),
    ("foreign_key_check", Reads),
    ("foreign_key_list", Reads),
    ("foreign_keys", Setting),
    ("freelist_count", Reads),
    ("full_column_names", DEPRECATED),
    ("fullfsync", ONE),
    ("function_list", Reads),
    ("hard_heap_limit", PROCESS),
    ("ignore_check_constraints", Setting),
    ("incremental_vacuum", Works),
    ("index_info", Reads),
    ("index_list", Reads),
    ("index_xinfo", Reads),
    ("integrity_check", Reads),
    ("journal_mode", Refused("the database is always in WAL mode: leave the pragma out")),
    ("journal_size_limit", ONE),
    ("legacy_alter_table", Transaction),
    ("locking_mode", Refused("other processes could not use the database any more: hold the lock by withWriteLock()")),
    ("max_page_count", ONE),
    ("mmap_size", ONE),
    ("module_list", Reads),
    ("optimize", Works),
    ("page_count", Reads),
    (
        "page_size",
        Refused("use the option pageSize of a new DB; a database in WAL mode keeps the page size that it has"),
    ),
    ("pragma_list", Reads),
    ("query_only", Refused("use the option readonly of the DB")),
    ("quick_check", Reads),
    ("read_uncommitted", ONE),
    ("recursive_triggers", Setting),
    ("reverse_unordered_selects", ONE),
    ("schema_version", File),
    ("secure_delete", ONE),
    ("short_column_names", DEPRECATED),
    ("shrink_memory", RefusedWork("it would reach one connection of the several that a DB has")),
    ("soft_heap_limit", PROCESS),
    ("synchronous", Setting),
    ("table_info", Reads),
    ("table_list", Reads),
    ("table_xinfo", Reads),
    ("temp_store", ONE),
    ("temp_store_directory", DEPRECATED),
    ("threads", ONE),
    ("trusted_schema", ONE),
    ("user_version", File),
    ("wal_autocheckpoint", Refused("a DB checkpoints by itself; checkpoint() does it at once")),
    ("wal_checkpoint", RefusedWork("use checkpoint()")),
    ("writable_schema", Transaction),
];

/// Values that some of them have names for; those of others are numbers, ON or OFF.
const WORDS: &[(&str, &str, i64)] = &[
    ("auto_vacuum", "NONE", 0),
    ("auto_vacuum", "FULL", 1),
    ("auto_vacuum", "INCREMENTAL", 2),
    ("secure_delete", "FAST", 2),
    ("temp_store", "DEFAULT", 0),
    ("temp_store", "FILE", 1),
    ("temp_store", "MEMORY", 2),
];

/// What the pragma of that name is. One that SQLite does not know is refused: it would pass over it without a word.
pub(super) fn kind(name: &str) -> Kind {
    let known = PRAGMAS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map_or(Refused("SQLite knows no pragma of that name"), |(_, kind)| *kind)
}

/// Does this pragma only read?
pub(super) fn reads(name: &str, argument: Option<&str>) -> bool {
    match kind(name) {
        Reads => true,
        Works | RefusedWork(_) => false,
        File | Setting | Transaction | Refused(_) => argument.is_none(),
    }
}

/// May this pragma run as any statement does? What becomes of others, the writer decides.
pub(super) fn is_plain(name: &str, argument: Option<&str>) -> bool {
    matches!(kind(name), File | Works) || reads(name, argument)
}

/// Is this the value that it has on this connection? To be asked about those that do not work.
pub(super) fn has_value(connection: &Connection, name: &str, argument: &str) -> rusqlite::Result<bool> {
    let word = |value: i64| match value {
        0 => ["OFF", "NO", "FALSE"].as_slice(),
        1 => ["ON", "YES", "TRUE"].as_slice(),
        _ => &[],
    };
    let named = |value: i64| {
        let is_named = |(of, word, named): &(&str, &str, i64)| {
            *of == name && *named == value && word.eq_ignore_ascii_case(argument)
        };
        WORDS.iter().any(is_named) || word(value).iter().any(|word| word.eq_ignore_ascii_case(argument))
    };
    let mut has = false;
    // It would take the busy handler away, which waits in its place.
    if name == "busy_timeout" {
        return Ok(has);
    }
    connection.pragma_query(None, name, |row| {
        has = match row.get_ref(0)? {
            ValueRef::Integer(value) => argument == value.to_string() || named(value),
            ValueRef::Text(text) => argument.as_bytes().eq_ignore_ascii_case(text),
            _ => false,
        };
        Ok(())
    })?;
    Ok(has)
}

/// The statement that answers `PRAGMA source`. SQLite does not know the timeout: our busy handler waits.
pub(crate) fn statement(source: &str, busy_timeout: Duration) -> String {
    if source.trim_matches(|c: char| c.is_whitespace() || c == ';').eq_ignore_ascii_case("busy_timeout") {
        format!("SELECT {} AS timeout", busy_timeout.as_millis())
    } else {
        format!("PRAGMA {source}")
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::authorizer::Authorizer;
    use super::super::query::{Query, Source};
    use super::super::{Error, Rows, Value};
    use super::*;

    fn open() -> Result<(Connection, Authorizer), Error> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE t (a INTEGER)")?;
        let authorizer = Authorizer::install(&connection)?;
        Ok((connection, authorizer))
    }

    fn read(place: &Source<'_>, source: &str) -> Result<Rows, Error> {
        let sql = statement(source, Duration::from_millis(7));
        place.rows(&Query { sql: &sql, parameters: &[], judged: false }, usize::MAX)
    }

    #[test]
    fn a_pragma_that_reads_answers() -> Result<(), Error> {
        let (connection, authorizer) = open()?;
        let place = Source { connection: &connection, authorizer: &authorizer, at_rest: None };
        let read = |source| read(&place, source);
        assert_eq!(read("journal_mode")?.columns, ["journal_mode"]);
        assert_eq!(read("table_info(t)")?.rows.len(), 1);
        assert_eq!(read("integrity_check")?.rows.len(), 1);
        let timeout = read(" BUSY_timeout; ")?;
        assert_eq!((timeout.columns, timeout.rows), (vec!["timeout".to_owned()], vec![vec![Value::Integer(7)]]));
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

    #[test]
    fn each_pragma_of_sqlite_is_decided() -> Result<(), Error> {
        let (connection, _authorizer) = open()?;
        let mut statement = connection.prepare("SELECT name FROM pragma_pragma_list ORDER BY name")?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        assert!(names.len() > 60);
        for name in &names {
            assert!(PRAGMAS.iter().any(|(known, _)| known == name), "{name}");
        }
        Ok(())
    }

    #[test]
    fn a_value_is_told_by_its_number_and_by_its_words() -> Result<(), Error> {
        let (connection, authorizer) = open()?;
        authorizer.with(super::super::authorizer::Mode::Ourselves, || -> Result<(), Error> {
            connection
                .execute_batch("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -7")?;
            for (name, argument, expected) in [
                ("temp_store", "2", true),
                ("temp_store", "memory", true),
                ("temp_store", "FILE", false),
                ("trusted_schema", "no", true),
                ("trusted_schema", "ON", false),
                ("cache_size", "-7", true),
                ("cache_size", "7", false),
                ("encoding", "utf-8", true),
                ("auto_vacuum", "NONE", true),
            ] {
                assert_eq!(has_value(&connection, name, argument)?, expected, "{name} {argument}");
            }
            Ok(())
        })
    }
}
