//! What the text of a statement tells: its first word, and what follows from it.

#![forbid(unsafe_code)]

/// Is the statement of this text kept? The authorizer is not asked again about one that is: so what
/// depends on who asks, or is kept for ourselves, is compiled each time.
pub(crate) fn is_kept(sql: &str) -> bool {
    let asked_about = ["CREATE", "PRAGMA", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"];
    !is_one_of(sql, &asked_about) && !is_changed_by_trimming(sql)
}

/// Does SQLite know the statement of `sql` by this text? It is without what stands behind its
/// semicolon, and rusqlite trims what it keeps.
pub(super) fn is_text_of(text: &[u8], sql: &str) -> bool {
    [sql, sql.trim()].iter().filter_map(|sql| sql.as_bytes().strip_prefix(text)).any(|rest| {
        let is_behind = rest.is_empty() || text.ends_with(b";");
        is_behind && str::from_utf8(rest).is_ok_and(|rest| skip_comments(rest).is_empty())
    })
}

/// Would it be another statement without the white space at its ends, which rusqlite takes off what
/// it keeps? To SQLite a space that is not ASCII belongs to a name, and a `/*` is no comment when
/// nothing follows.
fn is_changed_by_trimming(sql: &str) -> bool {
    let trimmed = sql.trim();
    trimmed != sql.trim_ascii() || (trimmed.ends_with("/*") && trimmed.len() < sql.len())
}

/// May this statement change rows, and may it insert some? Others have statements of SQLite's own
/// to do their work, a CREATE VIRTUAL TABLE or VACUUM for one, whose counts are not the caller's.
pub(super) fn effects(sql: &str) -> (bool, bool) {
    match first_word(sql).to_ascii_uppercase().as_str() {
        "INSERT" | "REPLACE" | "WITH" => (true, true),
        "UPDATE" | "DELETE" => (true, false),
        _ => (false, false),
    }
}

/// Must this statement run outside a transaction? VACUUM fails in one, and some pragmas fail or do
/// nothing.
pub(super) fn is_solitary(sql: &str) -> bool {
    is_one_of(sql, &["VACUUM", "PRAGMA"])
}

pub(super) fn is_one_of(sql: &str, words: &[&str]) -> bool {
    let first = first_word(sql);
    words.iter().any(|word| word.eq_ignore_ascii_case(first))
}

/// The first word behind white space and comments.
pub(super) fn first_word(sql: &str) -> &str {
    let sql = skip_comments(sql);
    sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

/// What stands behind white space, semicolons and comments.
pub(super) fn skip_comments(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
        let behind = if let Some(comment) = sql.strip_prefix("--") {
            comment.split_once('\n')
        } else if let Some(comment) = sql.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return sql;
        };
        sql = behind.map_or("", |(_, rest)| rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_needs_to_be_alone_is_known_behind_comments() {
        for sql in ["VACUUM", " vacuum INTO 'x'", "-- x\n/* y */ PRAGMA user_version = 1", ";;PRAGMA optimize"] {
            assert!(is_solitary(sql), "{sql}");
        }
        for sql in ["INSERT INTO vacuum VALUES (1)", "", "--", "/* VACUUM", "VACUUMED", "SELECT 1"] {
            assert!(!is_solitary(sql), "{sql}");
        }
    }

    #[test]
    fn a_text_that_trimming_would_change_is_not_kept() {
        for sql in ["SELECT 1 AS a\u{a0}", "\u{3000}SELECT 1", "\u{b}SELECT 1", "SELECT 1 /* ", "PRAGMA user_version"] {
            assert!(!is_kept(sql), "{sql}");
        }
        for sql in ["SELECT 1", " \t\r\n\u{c}SELECT 1 \n", "SELECT 1 /*", "SELECT 1 /**/ ", "\u{feff}SELECT 1"] {
            assert!(is_kept(sql), "{sql}");
        }
    }

    #[test]
    fn a_statement_is_known_by_its_text_up_to_its_semicolon() {
        for (text, sql) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1", " SELECT 1\n"),
            (" SELECT 1", " SELECT 1"),
            ("SELECT 1;", "SELECT 1; -- the end"),
        ] {
            assert!(is_text_of(text.as_bytes(), sql), "{sql}");
        }
        for (text, sql) in [("SELECT 1", "SELECT 1 + 2"), ("SELECT 1", "SELECT 1;"), ("SELECT 1;", "SELECT 1")] {
            assert!(!is_text_of(text.as_bytes(), sql), "{sql}");
        }
    }

    #[test]
    fn any_number_of_comments_may_stand_before_a_statement() {
        assert!(is_solitary(&("--\n/**/;".repeat(1_000_000) + "VACUUM")));
    }
}

#[cfg(test)]
#[path = "text_properties.rs"]
mod properties;
