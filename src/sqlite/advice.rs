//! What a caller should use instead of a call that was refused. The text of a statement may contain
//! values, so no advice shows it.

#![forbid(unsafe_code)]

use super::pragma::{Kind, kind};
use super::text::{first_word, skip_comments};

/// For BEGIN, COMMIT and the like.
pub(super) fn of_transaction_control(sql: &str) -> String {
    let word = first_word(sql).to_ascii_uppercase();
    let instead = match word.as_str() {
        "SAVEPOINT" | "RELEASE" => "use savepoint(fn) or begin() of a transaction",
        "COMMIT" | "END" => "transaction(fn) commits by itself, and what begin() gives has commit()",
        "ROLLBACK" => "throw in the function of transaction(fn), or use rollback() of what begin() gives",
        _ => "use transaction(fn), or begin() with its commit() and rollback()",
    };
    format!("{word} is refused: {instead}")
}

/// For a statement that writes and was given to a read.
pub(super) fn of_sync_write(sql: &str) -> String {
    let word = first_word(sql).to_ascii_uppercase();
    match word.as_str() {
        "PRAGMA" => of_pragma(sql),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" => {
            format!("{word} is a write: use run(), or getAsync() and allAsync() for its RETURNING rows")
        }
        "WITH" => "the statement is a write: use run(), or getAsync() and allAsync() for its RETURNING rows".to_owned(),
        _ => format!("{word} is a write: use run()"),
    }
}

fn of_pragma(sql: &str) -> String {
    let rest = skip_comments(sql).split_once(|c: char| c.is_whitespace()).map_or("", |(_, rest)| skip_comments(rest));
    let name = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).next().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    if name.is_empty() {
        return "this pragma is a write: use run()".to_owned();
    }
    let instead = match kind(&name) {
        Kind::Refused(why) | Kind::RefusedWork(why) => why,
        Kind::Transaction => "use it in transaction(), begin(), batch() or exec()",
        _ => "use run()",
    };
    format!("PRAGMA {name} is a write here: {instead}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_statement_and_the_call_to_use_and_no_value() {
        for (sql, advice) in [
            ("insert INTO t VALUES ('hunter2')", "INSERT is a write: use run(), or getAsync()"),
            ("-- hunter2\n/**/ with x AS (SELECT 1) DELETE FROM t", "the statement is a write: use run(), or"),
            ("DROP TABLE hunter2", "DROP is a write: use run()"),
            ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode is a write here: the database is always in WAL mode"),
            (
                "pragma main.Journal_Mode(wal)",
                "PRAGMA journal_mode is a write here: the database is always in WAL mode",
            ),
            ("-- hunter2\nPRAGMA /* hunter2 */ synchronous=0", "PRAGMA synchronous is a write here: use run()"),
            ("PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint is a write here: use checkpoint()"),
            ("PRAGMA user_version = 8675309", "PRAGMA user_version is a write here: use run()"),
            ("PRAGMA defer_foreign_keys = 1", "PRAGMA defer_foreign_keys is a write here: use it in transaction()"),
            ("PRAGMA \"user_version\" = 8675309", "this pragma is a write: use run()"),
        ] {
            let told = of_sync_write(sql);
            assert!(told.starts_with(advice), "{told}");
            assert!(!told.contains("hunter2") && !told.contains("8675309"), "{told}");
        }
        for (sql, advice) in [
            ("begin IMMEDIATE", "BEGIN is refused: use transaction(fn), or begin()"),
            ("/* x */ COMMIT", "COMMIT is refused: transaction(fn) commits by itself"),
            ("END", "END is refused: transaction(fn) commits by itself"),
            ("ROLLBACK", "ROLLBACK is refused: throw in the function"),
            ("SAVEPOINT hunter2", "SAVEPOINT is refused: use savepoint(fn)"),
        ] {
            let told = of_transaction_control(sql);
            assert!(told.starts_with(advice) && !told.contains("hunter2"), "{told}");
        }
    }
}
