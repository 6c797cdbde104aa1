//! Properties of any text for a statement.
//! `PROPTEST_CASES=100000 cargo test properties` tries more of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::super::run::check;
use super::*;

/// What may stand before a statement, and what looks like it.
const PIECES: &[&str] = &[
    " ", "\t", "\n", "\r\n", "\u{b}", "\u{c}", "\u{a0}", "\u{feff}", ";", "--", "-- x\n", "--*/\n", "/*", "*/",
    "/* x */", "/**/", "/*/ */", "/*--\n*/", "/***/", "-", "/", "(", "'", "\"", "x", "EXPLAIN ",
];

fn before() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..7).prop_map(|pieces| pieces.concat())
}

/// Does SQLite compile this text to a pragma? It compiles the first statement only.
fn is_pragma_to_sqlite(sql: &str) -> rusqlite::Result<bool> {
    let mut connection = Connection::open_in_memory()?;
    let seen = Arc::<AtomicBool>::default();
    let saw = Arc::clone(&seen);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        if matches!(context.action, AuthAction::Pragma { .. }) {
            saw.store(true, Ordering::Relaxed);
        }
        Authorization::Allow
    }))?;
    let compiled = connection.prepare(sql);
    Ok(compiled.is_ok_and(|statement| statement.is_explain() == 0) && seen.load(Ordering::Relaxed))
}

proptest! {
    #[test]
    fn any_text_is_looked_at_without_a_panic(text: String, before in before()) {
        for sql in [&text, &format!("{before}{text}")] {
            prop_assert!(sql.ends_with(skip_comments(sql)));
            prop_assert!(first_word(sql).bytes().all(|byte| byte.is_ascii_alphabetic()));
            let _ = (check(sql), effects(sql), is_solitary(sql), is_kept(sql));
        }
    }

    /// One that were taken for something else would come into a transaction, or past the authorizer.
    #[test]
    fn what_is_a_pragma_to_sqlite_is_one_to_us(before in before(), end in ".{0,3}") {
        let sql = format!("{before}PRAGMA{end} user_version");
        if is_pragma_to_sqlite(&sql)? {
            prop_assert!(is_solitary(&sql) && !is_kept(&sql));
        }
    }
}
