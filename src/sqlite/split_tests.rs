//! The statements of texts, compared with those that SQLite finds by compiling one after the other.

use rusqlite::Connection;
use rusqlite::fallible_iterator::FallibleIterator;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn texts(sql: &str) -> Vec<&str> {
    statements(sql).map(|part| part.text).collect()
}

#[test]
fn a_semicolon_in_a_string_a_name_a_comment_or_a_trigger_ends_no_statement() {
    for whole in [
        "SELECT ';'",
        "SELECT 'it''s; one';",
        r#"SELECT "a;""b;" FROM t;"#,
        "SELECT `a;``b` FROM t;",
        "SELECT [a;'] FROM t;",
        "SELECT 1 -- ; '\n, 2;",
        "SELECT 1 /* ; ' */ , 2;",
        "SELECT 1 /* ; not ended",
        "SELECT 'not; ended",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END; END;",
        "create temporary trigger r after insert on t begin select ';'; ; end /* ; */ ;",
        "EXPLAIN QUERY PLAN CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
    ] {
        assert_eq!(texts(whole), [whole]);
    }
}

#[test]
fn a_statement_begins_behind_white_space_comments_and_semicolons() {
    assert_eq!(texts("\u{feff} ;; -- a;\n/* b; */ SELECT 1 ; ;\nSELECT 2 -- c"), ["SELECT 1 ;", "SELECT 2 -- c"]);
    for empty in ["", ";", " -- a;", "/* ; */;", "\u{feff}"] {
        assert_eq!(texts(empty), [""; 0], "{empty}");
    }
}

#[test]
fn the_first_word_is_the_keyword() {
    for (sql, keyword) in
        [("begin;", "begin"), ("/**/END", "END"), ("\"BEGIN\"", ""), ("BEGINS", "BEGINS"), ("(SELECT 1)", "")]
    {
        assert_eq!(statements(sql).next().map(|part| part.keyword), Some(keyword), "{sql}");
    }
}

/// Quick parts in each order: where SQLite sees the end of a statement, so do we.
#[test]
fn the_statements_are_those_that_sqlite_compiles() -> TestResult {
    let parts = [
        "SELECT 1",
        ";",
        " ",
        "-- ' ;\n",
        "/* \" ; */",
        "SELECT ';''' AS [;]",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END",
        "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = ';'; END",
    ];
    let connection = Connection::open_in_memory()?;
    connection.execute_batch("CREATE TABLE t (a)")?;
    let count = parts.len();
    for n in 0..count.pow(4) {
        let sql: String = (0..4).map(|place| parts[n / count.pow(place) % count]).collect();
        let mut expected = Vec::new();
        let mut batch = rusqlite::Batch::new(&connection, &sql);
        let compiled = loop {
            match batch.next() {
                Ok(Some(statement)) => expected.push(statement.expanded_sql().unwrap_or_default()),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        // Of what cannot be compiled the statements before it are compared.
        let ours = texts(&sql);
        assert!(ours.len() >= expected.len() && (!compiled || ours.len() == expected.len()), "{sql}: {ours:?}");
        for (ours, theirs) in ours.iter().zip(&expected) {
            assert!(theirs.trim_end().ends_with(ours.trim_end()), "{sql}: {ours:?} {theirs:?}");
        }
    }
    Ok(())
}

#[test]
fn a_text_is_walked_through_once() {
    let long = "SELECT 'a'; ".repeat(500_000);
    assert_eq!(statements(&long).count(), 500_000);
    assert_eq!(statements(&"[".repeat(2_000_000)).count(), 1);
    assert_eq!(statements(&"/*".repeat(2_000_000)).count(), 1);
}
